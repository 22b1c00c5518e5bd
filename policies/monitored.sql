-- SPDX-License-Identifier: MIT
--
-- When the monitor last looked.

select lockstep.reset_access('lockstep.monitored');
alter table lockstep.monitored enable row level security;
alter table lockstep.monitored force row level security;

grant select on lockstep.monitored to lockstep_worker;
grant update (
	checked_at, took_ms, conserved_at, conserved_ms, error
) on lockstep.monitored to lockstep_worker;
grant select on lockstep.monitored to operator, lockstep_logic;

create policy lockstep_worker_select on lockstep.monitored
	for select to lockstep_worker
	using (true);
create policy lockstep_worker_update on lockstep.monitored
	for update to lockstep_worker
	using (true)
	with check (true);
create policy operator_select on lockstep.monitored
	for select to operator
	using (true);
create policy lockstep_logic_select on lockstep.monitored
	for select to lockstep_logic
	using (true);
