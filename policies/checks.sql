-- SPDX-License-Identifier: MIT
--
-- What the monitor found: workers look, and whoever asks is told by a function.

select lockstep.reset_access('lockstep.checks');
alter table lockstep.checks enable row level security;
alter table lockstep.checks force row level security;

grant select, insert, delete on lockstep.checks to lockstep_worker;
grant update (
	section, kind, value, unit, threshold, state, since, message
) on lockstep.checks to lockstep_worker;
grant select on lockstep.checks to operator, lockstep_logic;

create policy lockstep_worker_select on lockstep.checks
	for select to lockstep_worker
	using (true);
create policy lockstep_worker_insert on lockstep.checks
	for insert to lockstep_worker
	with check (true);
create policy lockstep_worker_update on lockstep.checks
	for update to lockstep_worker
	using (true)
	with check (true);
create policy lockstep_worker_delete on lockstep.checks
	for delete to lockstep_worker
	using (true);
create policy operator_select on lockstep.checks
	for select to operator
	using (true);
create policy lockstep_logic_select on lockstep.checks
	for select to lockstep_logic
	using (true);
