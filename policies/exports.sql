-- SPDX-License-Identifier: MIT
--
-- Who asked for an export sees it and has its file, our servers all of them, and
-- operators see the rows without a file, and cancel them. The worker writes how far
-- it is and throws away what is over. Whose it is says the subject with the role, as of jobs.

select lockstep.reset_access('lockstep.exports');
alter table lockstep.exports enable row level security;
alter table lockstep.exports force row level security;

grant select (
	id, operation, format, query, job, token, state, rows, estimate, rate,
	bytes, sha256, file, reason, keep_hours, created_at, started_at,
	updated_at, finished_at, expires_at
), delete on lockstep.exports to lockstep_worker;
grant update (
	token, state, rows, estimate, rate, bytes, sha256, file, reason,
	started_at, updated_at, finished_at, expires_at
) on lockstep.exports to lockstep_worker;
grant select on lockstep.exports to lockstep_logic;
grant insert (
	id, operation, query, format, role, subject, keep_hours, job
) on lockstep.exports to lockstep_logic;
grant update (
	state, rate, updated_at, finished_at, expires_at
) on lockstep.exports to lockstep_logic;
grant select (
	id, operation, format, state, rows, estimate, percent, rate, bytes, sha256,
	file, reason, created_at, started_at, updated_at, finished_at, expires_at
) on lockstep.exports to authenticated;
grant select (
	id, operation, format, state, rows, estimate, percent, rate, bytes, sha256,
	file, reason, created_at, started_at, updated_at, finished_at, expires_at
) on lockstep.exports to service_role;
grant select (
	id, operation, format, state, rows, estimate, percent, rate, bytes, sha256,
	reason, created_at, started_at, updated_at, finished_at, expires_at
) on lockstep.exports to operator;

create policy lockstep_worker_select on lockstep.exports
	for select to lockstep_worker
	using (true);
create policy lockstep_worker_update on lockstep.exports
	for update to lockstep_worker
	using (state in ('queued', 'running', 'ready', 'failed'))
	with check (true);
create policy lockstep_worker_delete on lockstep.exports
	for delete to lockstep_worker
	using (state in ('failed', 'cancelled', 'expired'));
create policy lockstep_logic_select on lockstep.exports
	for select to lockstep_logic
	using ((role is not distinct from (select lockstep.acting_role())
		and subject = (select lockstep.subject()))
		or (select lockstep.acting_role()) in ('service_role',
			'operator'));
create policy lockstep_logic_insert on lockstep.exports
	for insert to lockstep_logic
	with check (role is not distinct from (select lockstep.acting_role())
		and subject = (select lockstep.subject()));
create policy lockstep_logic_update on lockstep.exports
	for update to lockstep_logic
	using ((role is not distinct from (select lockstep.acting_role())
		and subject = (select lockstep.subject()))
		or (select lockstep.acting_role()) in ('service_role',
			'operator'))
	with check (state = 'cancelled');
create policy authenticated_select on lockstep.exports
	for select to authenticated
	using (role = 'authenticated' and subject <> ''
		and subject = (select lockstep.subject()));
create policy service_role_select on lockstep.exports
	for select to service_role
	using (true);
create policy operator_select on lockstep.exports
	for select to operator
	using (true);
