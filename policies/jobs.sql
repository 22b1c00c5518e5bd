-- SPDX-License-Identifier: MIT
--
-- The worker runs jobs; it makes none but those of schedules, and deletes what is
-- over alone. Operators and our servers watch without seeing for whom or with
-- what. Functions of the domain leave jobs for the caller, with the caller's
-- claims and role and no others, and see and take back those of the caller only;
-- but those that say so themselves (lockstep.operating) do an operator's work.

select lockstep.reset_access('lockstep.jobs');
alter table lockstep.jobs enable row level security;
alter table lockstep.jobs force row level security;

grant select, delete on lockstep.jobs to lockstep_worker;
grant update (
	state, run_at, attempt, lease_token, lease_until, owner, errors, reason,
	updated_at, finalized_at, max_attempts, replayed, replayed_at,
	replayed_from, recovered, blocked
) on lockstep.jobs to lockstep_worker;
grant insert (
	kind, args, claims, role, run_at, schedule, tick
) on lockstep.jobs to lockstep_worker;
grant select (
	id, kind, state, run_at, attempt, max_attempts, lease_until, owner, errors,
	reason, request_id, created_at, updated_at, finalized_at, schedule, tick,
	replayed, replayed_at, replayed_from
) on lockstep.jobs to operator;
grant select (
	id, kind, state, run_at, attempt, max_attempts, errors, reason, schedule,
	created_at, updated_at, finalized_at, replayed, replayed_at
) on lockstep.jobs to service_role;
grant select on lockstep.jobs to lockstep_logic;
grant insert (
	kind, args, claims, role, state, run_at, unique_key, serial_key,
	blocked, max_attempts, request_id, traceparent
) on lockstep.jobs to lockstep_logic;
grant update (
	state, reason, updated_at, finalized_at, run_at, max_attempts, replayed,
	replayed_at, replayed_from, recovered, blocked
) on lockstep.jobs to lockstep_logic;

create policy lockstep_worker_select on lockstep.jobs
	for select to lockstep_worker
	using (true);
create policy lockstep_worker_insert on lockstep.jobs
	for insert to lockstep_worker
	with check (schedule is not null and kind = schedule
		and claims = jsonb_build_object('role', role,
			'sub', 'schedule:' || schedule));
create policy lockstep_worker_update on lockstep.jobs
	for update to lockstep_worker
	using (true)
	with check (true);
create policy lockstep_worker_delete on lockstep.jobs
	for delete to lockstep_worker
	using (finalized_at is not null);
create policy operator_select on lockstep.jobs
	for select to operator
	using (true);
create policy service_role_select on lockstep.jobs
	for select to service_role
	using (true);
create policy lockstep_logic_operate_select on lockstep.jobs
	for select to lockstep_logic
	using ((select lockstep.is_operating()));
create policy lockstep_logic_operate_update on lockstep.jobs
	for update to lockstep_logic
	using ((select lockstep.is_operating()))
	with check ((select lockstep.is_operating()));
create policy lockstep_logic_select on lockstep.jobs
	for select to lockstep_logic
	using (coalesce(claims ->> 'sub', '') = (select lockstep.subject())
		and role is not distinct from (select lockstep.acting_role()));
create policy lockstep_logic_insert on lockstep.jobs
	for insert to lockstep_logic
	with check (claims = coalesce((select auth.jwt()), '{}')
		and role is not distinct from (select lockstep.acting_role()));
create policy lockstep_logic_update on lockstep.jobs
	for update to lockstep_logic
	using (coalesce(claims ->> 'sub', '') = (select lockstep.subject())
		and role is not distinct from (select lockstep.acting_role()))
	with check (coalesce(claims ->> 'sub', '') = (select lockstep.subject())
		and role is not distinct from (select lockstep.acting_role()));
