-- SPDX-License-Identifier: MIT
--
-- When the jobs were counted: workers count, operators look.

select lockstep.reset_access('lockstep.job_counted');
alter table lockstep.job_counted enable row level security;
alter table lockstep.job_counted force row level security;

grant select on lockstep.job_counted to lockstep_worker;
grant update (counted_at, took_ms) on lockstep.job_counted to lockstep_worker;
grant select on lockstep.job_counted to operator;

create policy lockstep_worker_select on lockstep.job_counted
	for select to lockstep_worker
	using (true);
create policy lockstep_worker_update on lockstep.job_counted
	for update to lockstep_worker
	using (true)
	with check (true);
create policy operator_select on lockstep.job_counted
	for select to operator
	using (true);
