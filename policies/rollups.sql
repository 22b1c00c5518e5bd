-- SPDX-License-Identifier: MIT
--
-- What is known of each rollup. Its functions keep it, which act as
-- lockstep_rollup; others look by lockstep.rollups_now(), or here.

select lockstep.reset_access('lockstep.rollups');
alter table lockstep.rollups enable row level security;
alter table lockstep.rollups force row level security;

grant select, insert, update, delete on lockstep.rollups to lockstep_rollup;
grant select on lockstep.rollups to lockstep_worker, operator, service_role;

create policy lockstep_rollup_all on lockstep.rollups
	for all to lockstep_rollup
	using (true)
	with check (true);
create policy lockstep_worker_select on lockstep.rollups
	for select to lockstep_worker
	using (true);
create policy operator_select on lockstep.rollups
	for select to operator
	using (true);
create policy service_role_select on lockstep.rollups
	for select to service_role
	using (true);
