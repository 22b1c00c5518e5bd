-- SPDX-License-Identifier: MIT
--
-- How many jobs came and how many were purged. The trigger of the jobs adds a
-- line, the worker adds up, operators and our servers look.

select lockstep.reset_access('lockstep.job_ledger');
alter table lockstep.job_ledger enable row level security;
alter table lockstep.job_ledger force row level security;

grant insert (n) on lockstep.job_ledger to lockstep_logic;
grant select, insert, delete on lockstep.job_ledger to lockstep_worker;
grant select on lockstep.job_ledger to operator;
grant select on lockstep.job_ledger to service_role;

create policy lockstep_logic_insert on lockstep.job_ledger
	for insert to lockstep_logic
	with check (true);
create policy lockstep_worker_select on lockstep.job_ledger
	for select to lockstep_worker
	using (true);
create policy lockstep_worker_insert on lockstep.job_ledger
	for insert to lockstep_worker
	with check (true);
create policy lockstep_worker_delete on lockstep.job_ledger
	for delete to lockstep_worker
	using (true);
create policy operator_select on lockstep.job_ledger
	for select to operator
	using (true);
create policy service_role_select on lockstep.job_ledger
	for select to service_role
	using (true);
