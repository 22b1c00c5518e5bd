-- SPDX-License-Identifier: MIT
--
-- An affiliate sees that somebody signed up by his code, but not who:
-- referred_id is granted to our servers only.

select lockstep.reset_access('app.referrals');
alter table app.referrals enable row level security;
alter table app.referrals force row level security;

grant select (
	id, affiliate_id, status, created_at, updated_at
) on app.referrals to authenticated;
grant select on app.referrals to service_role;
grant update (status) on app.referrals to service_role;
grant insert (
	affiliate_id, owner_id, referred_id
) on app.referrals to lockstep_logic;

create policy authenticated_select on app.referrals
	for select to authenticated
	using (owner_id = (select auth.uid()));
create policy service_role_select on app.referrals
	for select to service_role
	using (true);
create policy service_role_update on app.referrals
	for update to service_role
	using (true)
	with check (true);
create policy lockstep_logic_insert on app.referrals
	for insert to lockstep_logic
	with check (referred_id = (select auth.uid()));
