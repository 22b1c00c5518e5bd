-- SPDX-License-Identifier: MIT
--
-- How many jobs there are: workers count, operators look.

select lockstep.reset_access('lockstep.job_counts');
alter table lockstep.job_counts enable row level security;
alter table lockstep.job_counts force row level security;

grant select, insert, delete on lockstep.job_counts to lockstep_worker;
grant select on lockstep.job_counts to operator;

create policy lockstep_worker_select on lockstep.job_counts
	for select to lockstep_worker
	using (true);
create policy lockstep_worker_insert on lockstep.job_counts
	for insert to lockstep_worker
	with check (true);
create policy lockstep_worker_delete on lockstep.job_counts
	for delete to lockstep_worker
	using (true);
create policy operator_select on lockstep.job_counts
	for select to operator
	using (true);
