-- SPDX-License-Identifier: MIT
--
-- Members see each other. Admins change roles and remove members, and anybody
-- but the owner may leave; nobody becomes owner or stops being it here. The
-- policy for lockstep_logic must ask nothing but the caller's id:
-- my_accounts() reads this table under it, for the policies of all others.

select lockstep.reset_access('app.account_members');
alter table app.account_members enable row level security;
alter table app.account_members force row level security;

grant select (
	id, account_id, user_id, display_name, role, created_at, updated_at
) on app.account_members to authenticated;
grant update (role) on app.account_members to authenticated;
grant delete on app.account_members to authenticated;
grant select on app.account_members to lockstep_logic;
grant insert (
	account_id, user_id, display_name, role
) on app.account_members to lockstep_logic;

create policy authenticated_select on app.account_members
	for select to authenticated
	using (account_id = any (array(select app.my_accounts('viewer'))));
create policy authenticated_update on app.account_members
	for update to authenticated
	using (role <> 'owner'
		and account_id = any (array(select app.my_accounts('admin'))))
	with check (role <> 'owner'
		and account_id = any (array(select app.my_accounts('admin'))));
create policy authenticated_delete on app.account_members
	for delete to authenticated
	using (role <> 'owner'
		and (user_id = (select auth.uid())
			or account_id = any (array(select app.my_accounts('admin')))));
create policy lockstep_logic_select on app.account_members
	for select to lockstep_logic
	using (user_id = (select auth.uid()));
create policy lockstep_logic_insert on app.account_members
	for insert to lockstep_logic
	with check (user_id = (select auth.uid()));
