-- SPDX-License-Identifier: MIT
--
-- Whoever owns an endpoint sees, changes and deletes it; it is made by a function,
-- which tells its secret. Functions match what is published with the endpoints of
-- its owner, whoever publishes, and note which of them fail. Operators and our
-- servers see all of them, but for the URL and what an owner wrote.

select lockstep.reset_access('app.webhook_endpoints');
alter table app.webhook_endpoints enable row level security;
alter table app.webhook_endpoints force row level security;

grant select (
	id, owner_id, url, description, types, enabled, disabled_reason,
	failing_since, created_at, updated_at
) on app.webhook_endpoints to authenticated;
grant update (url, description, types, enabled) on app.webhook_endpoints to authenticated;
grant delete on app.webhook_endpoints to authenticated;
grant select on app.webhook_endpoints to lockstep_logic;
grant insert (owner_id, url, description, types) on app.webhook_endpoints
	to lockstep_logic;
grant update (
	enabled, disabled_reason, failing_since
) on app.webhook_endpoints to lockstep_logic;
grant select (
	id, owner_id, host, types, enabled, disabled_reason, failing_since,
	created_at, updated_at
) on app.webhook_endpoints to service_role, operator;

create policy authenticated_select on app.webhook_endpoints
	for select to authenticated
	using (owner_id = any (array(select app.webhook_owners())));
create policy authenticated_update on app.webhook_endpoints
	for update to authenticated
	using (owner_id = any (array(select app.webhook_owners())))
	with check (owner_id = any (array(select app.webhook_owners())));
create policy authenticated_delete on app.webhook_endpoints
	for delete to authenticated
	using (owner_id = any (array(select app.webhook_owners())));
create policy lockstep_logic_select on app.webhook_endpoints
	for select to lockstep_logic
	using (true);
create policy lockstep_logic_insert on app.webhook_endpoints
	for insert to lockstep_logic
	with check (owner_id = any (array(select app.webhook_owners())));
create policy lockstep_logic_update on app.webhook_endpoints
	for update to lockstep_logic
	using (true)
	with check (true);
create policy service_role_select on app.webhook_endpoints
	for select to service_role
	using (true);
create policy operator_select on app.webhook_endpoints
	for select to operator
	using (true);
