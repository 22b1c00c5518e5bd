-- SPDX-License-Identifier: MIT
--
-- What became of each message at each of the caller's endpoints. Functions write
-- it. Operators and our servers see all of them.

select lockstep.reset_access('app.webhook_deliveries');
alter table app.webhook_deliveries enable row level security;
alter table app.webhook_deliveries force row level security;

grant select (
	id, owner_id, message_id, endpoint_id, type, state, attempts, status, error,
	delivered_at, created_at, updated_at
) on app.webhook_deliveries to authenticated;
grant select on app.webhook_deliveries to lockstep_logic;
grant insert (
	owner_id, message_id, endpoint_id, type
) on app.webhook_deliveries to lockstep_logic;
grant update (
	state, attempts, status, error, job_id, delivered_at, updated_at
) on app.webhook_deliveries to lockstep_logic;
grant select (
	id, owner_id, message_id, endpoint_id, type, state, attempts, status, error,
	delivered_at, created_at, updated_at
) on app.webhook_deliveries to service_role, operator;

create policy authenticated_select on app.webhook_deliveries
	for select to authenticated
	using (owner_id = any (array(select app.webhook_owners())));
create policy lockstep_logic_select on app.webhook_deliveries
	for select to lockstep_logic
	using (true);
create policy lockstep_logic_insert on app.webhook_deliveries
	for insert to lockstep_logic
	with check (true);
create policy lockstep_logic_update on app.webhook_deliveries
	for update to lockstep_logic
	using (true)
	with check (true);
create policy service_role_select on app.webhook_deliveries
	for select to service_role
	using (true);
create policy operator_select on app.webhook_deliveries
	for select to operator
	using (true);
