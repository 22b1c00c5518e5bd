-- SPDX-License-Identifier: MIT
--
-- The worker runs jobs; it makes none, and deletes what is over alone. Operators
-- watch without seeing for whom or with what. Functions of the domain leave jobs
-- for the caller, with the caller's claims and role and no others, and see and
-- take back those of the caller only. lockstep.pressure() counts what
-- waits, with its owner's rights.

select lockstep.reset_access('lockstep.jobs');
alter table lockstep.jobs enable row level security;
alter table lockstep.jobs force row level security;

grant select, delete on lockstep.jobs to lockstep_worker;
grant update (
	state, run_at, attempt, lease_token, lease_until, owner, errors, reason,
	updated_at, finalized_at
) on lockstep.jobs to lockstep_worker;
grant select (
	id, kind, state, run_at, attempt, max_attempts, lease_until, owner, errors,
	reason, request_id, created_at, updated_at, finalized_at
) on lockstep.jobs to operator;
grant select on lockstep.jobs to lockstep_logic;
grant insert (
	kind, args, claims, role, state, run_at, unique_key, serial_key,
	max_attempts, request_id, traceparent
) on lockstep.jobs to lockstep_logic;
grant update (
	state, reason, updated_at, finalized_at
) on lockstep.jobs to lockstep_logic;

create policy lockstep_worker_select on lockstep.jobs
	for select to lockstep_worker
	using (true);
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
create policy lockstep_owner_select on lockstep.jobs
	for select to lockstep_owner
	using (true);
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
