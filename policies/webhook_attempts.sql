-- SPDX-License-Identifier: MIT
--
-- Attempts to deliver, for whoever owns the endpoint. Functions add them; nobody
-- changes one. Operators and our servers see all of them, but for replies.

select lockstep.reset_access('app.webhook_attempts');
alter table app.webhook_attempts enable row level security;
alter table app.webhook_attempts force row level security;

grant select (
	id, owner_id, delivery_id, endpoint_id, number, status, error, reply,
	took_ms, created_at
) on app.webhook_attempts to authenticated;
grant insert (
	owner_id, delivery_id, endpoint_id, number, status, error, reply, took_ms
) on app.webhook_attempts to lockstep_logic;
grant select (
	id, owner_id, delivery_id, endpoint_id, number, status, error, took_ms,
	created_at
) on app.webhook_attempts to service_role, operator;

create policy authenticated_select on app.webhook_attempts
	for select to authenticated
	using (owner_id = any (array(select app.webhook_owners())));
create policy lockstep_logic_insert on app.webhook_attempts
	for insert to lockstep_logic
	with check (true);
create policy service_role_select on app.webhook_attempts
	for select to service_role
	using (true);
create policy operator_select on app.webhook_attempts
	for select to operator
	using (true);
