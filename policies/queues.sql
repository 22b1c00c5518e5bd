-- SPDX-License-Identifier: MIT
--
-- What operators and our servers want of a queue: lockstep.set_queue() writes it
-- down with who it was, workers read it, and so does lockstep.pressure(), which
-- tells servers how far workers are behind.

select lockstep.reset_access('lockstep.queues');
alter table lockstep.queues enable row level security;
alter table lockstep.queues force row level security;

grant select on lockstep.queues to lockstep_worker;
grant select on lockstep.queues to operator;
grant insert (name, paused) on lockstep.queues to operator;
grant update (paused, updated_at) on lockstep.queues to operator;

grant select on lockstep.queues to service_role;
grant select, insert (name, paused) on lockstep.queues to lockstep_logic;
grant update (paused, updated_at) on lockstep.queues to lockstep_logic;

create policy lockstep_worker_select on lockstep.queues
	for select to lockstep_worker
	using (true);
create policy operator_select on lockstep.queues
	for select to operator
	using (true);
create policy operator_insert on lockstep.queues
	for insert to operator
	with check (true);
create policy operator_update on lockstep.queues
	for update to operator
	using (true)
	with check (true);
create policy service_role_select on lockstep.queues
	for select to service_role
	using (true);
create policy lockstep_logic_select on lockstep.queues
	for select to lockstep_logic
	using (true);
create policy lockstep_logic_insert on lockstep.queues
	for insert to lockstep_logic
	with check (true);
create policy lockstep_logic_update on lockstep.queues
	for update to lockstep_logic
	using (true)
	with check (true);
