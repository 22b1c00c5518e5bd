-- SPDX-License-Identifier: MIT
--
-- What operators want of a queue: they write it, workers read it, and so does
-- lockstep.pressure(), which tells servers how far workers are behind.

select lockstep.reset_access('lockstep.queues');
alter table lockstep.queues enable row level security;
alter table lockstep.queues force row level security;

grant select on lockstep.queues to lockstep_worker;
grant select on lockstep.queues to operator;
grant insert (name, paused) on lockstep.queues to operator;
grant update (paused, updated_at) on lockstep.queues to operator;

create policy lockstep_worker_select on lockstep.queues
	for select to lockstep_worker
	using (true);
create policy lockstep_owner_select on lockstep.queues
	for select to lockstep_owner
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
