-- SPDX-License-Identifier: MIT
--
-- Workers enter what their contract says, go from tick to tick, and clear away
-- what no contract says any more; operators look.

select lockstep.reset_access('lockstep.schedules');
alter table lockstep.schedules enable row level security;
alter table lockstep.schedules force row level security;

grant select, delete on lockstep.schedules to lockstep_worker;
grant insert (name, spec, zone, next_tick) on lockstep.schedules
	to lockstep_worker;
grant update (
	spec, zone, next_tick, last_tick, last_job, runs, missed, updated_at
) on lockstep.schedules to lockstep_worker;
grant select on lockstep.schedules to operator;

create policy lockstep_worker_select on lockstep.schedules
	for select to lockstep_worker
	using (true);
create policy lockstep_worker_insert on lockstep.schedules
	for insert to lockstep_worker
	with check (true);
create policy lockstep_worker_update on lockstep.schedules
	for update to lockstep_worker
	using (true)
	with check (true);
create policy lockstep_worker_delete on lockstep.schedules
	for delete to lockstep_worker
	using (next_tick < now() - interval '1 day');
create policy operator_select on lockstep.schedules
	for select to operator
	using (true);
