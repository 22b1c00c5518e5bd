-- SPDX-License-Identifier: MIT
--
-- Admins see and revoke the invitations of their accounts, but never a
-- token's digest. accept_invitation finds an open one by that digest, whoever
-- asks.

select lockstep.reset_access('app.account_invitations');
alter table app.account_invitations enable row level security;
alter table app.account_invitations force row level security;

grant select (
	id, account_id, email, role, invited_by, accepted_at, expires_at,
	created_at
) on app.account_invitations to authenticated;
grant delete on app.account_invitations to authenticated;
grant select on app.account_invitations to lockstep_logic;
grant insert (
	account_id, email, role, token_hash
) on app.account_invitations to lockstep_logic;
grant update (accepted_at) on app.account_invitations to lockstep_logic;
grant delete on app.account_invitations to lockstep_logic;

create policy authenticated_select on app.account_invitations
	for select to authenticated
	using (account_id = any (array(select app.my_accounts('admin'))));
create policy authenticated_delete on app.account_invitations
	for delete to authenticated
	using (account_id = any (array(select app.my_accounts('admin'))));
create policy lockstep_logic_select on app.account_invitations
	for select to lockstep_logic
	using (true);
create policy lockstep_logic_insert on app.account_invitations
	for insert to lockstep_logic
	with check (invited_by = (select auth.uid())
		and account_id = any (array(select app.my_accounts('admin'))));
create policy lockstep_logic_update on app.account_invitations
	for update to lockstep_logic
	using (accepted_at is null and expires_at > now())
	with check (accepted_at is not null);
create policy lockstep_logic_delete on app.account_invitations
	for delete to lockstep_logic
	using (accepted_at is null and expires_at < now() - interval '30 days');
