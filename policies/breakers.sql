-- SPDX-License-Identifier: MIT
--
-- Workers share what they know of the services that jobs call; operators look.

select lockstep.reset_access('lockstep.breakers');
alter table lockstep.breakers enable row level security;
alter table lockstep.breakers force row level security;

grant select, delete on lockstep.breakers to lockstep_worker;
grant insert (destination) on lockstep.breakers to lockstep_worker;
grant update (
	state, failures, failing_since, half_at, calls, failed, calls_before,
	failed_before, open_ms, until, probe_job, probe_token, updated_at,
	recover_since
) on lockstep.breakers to lockstep_worker;
grant select on lockstep.breakers to operator;

create policy lockstep_worker_select on lockstep.breakers
	for select to lockstep_worker
	using (true);
create policy lockstep_worker_insert on lockstep.breakers
	for insert to lockstep_worker
	with check (true);
create policy lockstep_worker_update on lockstep.breakers
	for update to lockstep_worker
	using (true)
	with check (true);
create policy lockstep_worker_delete on lockstep.breakers
	for delete to lockstep_worker
	using (updated_at < now() - interval '1 day');
create policy operator_select on lockstep.breakers
	for select to operator
	using (true);
