-- SPDX-License-Identifier: MIT
--
-- Members see their accounts, admins rename them. open_account makes one for
-- the caller; the plan is set by our servers.

select lockstep.reset_access('app.accounts');
alter table app.accounts enable row level security;
alter table app.accounts force row level security;

grant select (
	id, name, plan, created_by, created_at, updated_at
) on app.accounts to authenticated;
grant update (name) on app.accounts to authenticated;
grant select on app.accounts to service_role;
grant update (plan) on app.accounts to service_role;
grant select on app.accounts to lockstep_logic;
grant insert (id, name, created_by) on app.accounts to lockstep_logic;

create policy authenticated_select on app.accounts
	for select to authenticated
	using (id = any (array(select app.my_accounts('viewer'))));
create policy authenticated_update on app.accounts
	for update to authenticated
	using (id = any (array(select app.my_accounts('admin'))))
	with check (id = any (array(select app.my_accounts('admin'))));
create policy service_role_select on app.accounts
	for select to service_role
	using (true);
create policy service_role_update on app.accounts
	for update to service_role
	using (true)
	with check (true);
create policy lockstep_logic_select on app.accounts
	for select to lockstep_logic
	using (created_by = (select auth.uid()));
create policy lockstep_logic_insert on app.accounts
	for insert to lockstep_logic
	with check (created_by = (select auth.uid()));
