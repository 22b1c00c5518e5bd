-- SPDX-License-Identifier: MIT
--
-- Members see the companies of their accounts, agents write them, admins
-- delete them. A company never moves to another account.

select lockstep.reset_access('app.companies');
alter table app.companies enable row level security;
alter table app.companies force row level security;

grant select (
	id, account_id, external_id, name, domain, status, mrr_cents, tags,
	created_at, updated_at
) on app.companies to authenticated;
grant insert (
	account_id, external_id, name, domain, status, mrr_cents, tags
) on app.companies to authenticated;
grant update (
	external_id, name, domain, status, mrr_cents, tags
) on app.companies to authenticated;
grant delete on app.companies to authenticated;
grant select on app.companies to service_role;

create policy authenticated_select on app.companies
	for select to authenticated
	using (account_id = any (array(select app.my_accounts('viewer'))));
create policy authenticated_insert on app.companies
	for insert to authenticated
	with check (account_id = any (array(select app.my_accounts('agent'))));
create policy authenticated_update on app.companies
	for update to authenticated
	using (account_id = any (array(select app.my_accounts('agent'))))
	with check (account_id = any (array(select app.my_accounts('agent'))));
create policy authenticated_delete on app.companies
	for delete to authenticated
	using (account_id = any (array(select app.my_accounts('admin'))));
create policy service_role_select on app.companies
	for select to service_role
	using (true);
