-- SPDX-License-Identifier: MIT
--
-- Workers enter what their contract says and what they saw, and clear away what
-- no contract says any more; our servers and operators look.

select lockstep.reset_access('lockstep.expectations');
alter table lockstep.expectations enable row level security;
alter table lockstep.expectations force row level security;

grant select, delete on lockstep.expectations to lockstep_worker;
grant insert (name, summary, "check", definition, spec, threshold, next_at)
	on lockstep.expectations to lockstep_worker;
grant update (
	summary, "check", definition, spec, threshold, state, value, cause,
	checked_at, since, next_at
) on lockstep.expectations to lockstep_worker;
grant select on lockstep.expectations to operator;
grant select (
	name, summary, "check", state, value, threshold, cause, checked_at, since,
	next_at
) on lockstep.expectations to service_role;

create policy lockstep_worker_select on lockstep.expectations
	for select to lockstep_worker
	using (true);
create policy lockstep_worker_insert on lockstep.expectations
	for insert to lockstep_worker
	with check (true);
create policy lockstep_worker_update on lockstep.expectations
	for update to lockstep_worker
	using (true)
	with check (true);
create policy lockstep_worker_delete on lockstep.expectations
	for delete to lockstep_worker
	using (next_at < now() - interval '1 day');
create policy operator_select on lockstep.expectations
	for select to operator
	using (true);
create policy service_role_select on lockstep.expectations
	for select to service_role
	using (true);
