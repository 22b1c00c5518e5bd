-- SPDX-License-Identifier: MIT
--
-- An affiliate sees his own row and may change how he is paid. The functions
-- look a referral code up among all, but make and lock the caller's row only.

select lockstep.reset_access('app.affiliates');
alter table app.affiliates enable row level security;
alter table app.affiliates force row level security;

grant select (
	id, owner_id, code, status, currency, commission_rate_bps,
	payout_method, created_at, updated_at
) on app.affiliates to authenticated;
grant update (payout_method) on app.affiliates to authenticated;
grant select on app.affiliates to service_role;
grant update (status) on app.affiliates to service_role;
grant select on app.affiliates to lockstep_logic;
grant insert (
	owner_id, payout_method, currency
) on app.affiliates to lockstep_logic;
grant update (updated_at) on app.affiliates to lockstep_logic;

create policy authenticated_select on app.affiliates
	for select to authenticated
	using (owner_id = (select auth.uid()));
create policy authenticated_update on app.affiliates
	for update to authenticated
	using (owner_id = (select auth.uid()))
	with check (owner_id = (select auth.uid()));
create policy service_role_select on app.affiliates
	for select to service_role
	using (true);
create policy service_role_update on app.affiliates
	for update to service_role
	using (true)
	with check (true);
create policy lockstep_logic_select on app.affiliates
	for select to lockstep_logic
	using (status = 'active' or owner_id = (select auth.uid()));
create policy lockstep_logic_insert on app.affiliates
	for insert to lockstep_logic
	with check (owner_id = (select auth.uid()));
create policy lockstep_logic_update on app.affiliates
	for update to lockstep_logic
	using (owner_id = (select auth.uid()))
	with check (owner_id = (select auth.uid()));
