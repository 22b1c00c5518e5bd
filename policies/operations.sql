-- SPDX-License-Identifier: MIT
--
-- Who did what to jobs and queues: written by the functions that do it, read by
-- operators, changed by nobody but for the sums of what goes on.

select lockstep.reset_access('lockstep.operations');
alter table lockstep.operations enable row level security;
alter table lockstep.operations force row level security;

grant insert (
	action, login, role, subject, filter, changed, skipped
) on lockstep.operations to lockstep_worker, lockstep_logic;
grant update (changed, skipped, updated_at) on lockstep.operations
	to lockstep_worker, lockstep_logic;
grant select on lockstep.operations to lockstep_worker, lockstep_logic;
grant select on lockstep.operations to operator;

create policy lockstep_worker_insert on lockstep.operations
	for insert to lockstep_worker
	with check (true);
create policy lockstep_worker_update on lockstep.operations
	for update to lockstep_worker
	using (true)
	with check (true);
create policy lockstep_worker_select on lockstep.operations
	for select to lockstep_worker
	using (true);
create policy lockstep_logic_insert on lockstep.operations
	for insert to lockstep_logic
	with check (true);
create policy lockstep_logic_update on lockstep.operations
	for update to lockstep_logic
	using (true)
	with check (true);
create policy lockstep_logic_select on lockstep.operations
	for select to lockstep_logic
	using (true);
create policy operator_select on lockstep.operations
	for select to operator
	using (true);
