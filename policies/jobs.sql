-- SPDX-License-Identifier: MIT
--
-- The worker runs jobs, operators watch them without seeing for whom or with
-- what. send_letter and recall_letter touch the jobs of the caller only.

select lockstep.reset_access('lockstep.jobs');
alter table lockstep.jobs enable row level security;
alter table lockstep.jobs force row level security;

grant select on lockstep.jobs to lockstep_worker;
grant update (state, attempts, run_at) on lockstep.jobs to lockstep_worker;
grant select (
	id, kind, state, attempts, run_at, created_at, updated_at
) on lockstep.jobs to operator;
grant select on lockstep.jobs to lockstep_logic;
grant insert (kind, args, claims, run_at) on lockstep.jobs to lockstep_logic;
grant update (state) on lockstep.jobs to lockstep_logic;

create policy lockstep_worker_select on lockstep.jobs
	for select to lockstep_worker
	using (true);
create policy lockstep_worker_update on lockstep.jobs
	for update to lockstep_worker
	using (true)
	with check (true);
create policy operator_select on lockstep.jobs
	for select to operator
	using (true);
create policy lockstep_logic_select on lockstep.jobs
	for select to lockstep_logic
	using (claims ->> 'sub' = (select auth.uid())::text);
create policy lockstep_logic_insert on lockstep.jobs
	for insert to lockstep_logic
	with check (claims ->> 'sub' = (select auth.uid())::text);
create policy lockstep_logic_update on lockstep.jobs
	for update to lockstep_logic
	using (claims ->> 'sub' = (select auth.uid())::text)
	with check (claims ->> 'sub' = (select auth.uid())::text);
