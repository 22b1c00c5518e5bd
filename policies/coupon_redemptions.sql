-- SPDX-License-Identifier: MIT
--
-- A user sees what he redeemed. redeem_coupon inserts, for the caller;
-- nothing is ever changed.

select lockstep.reset_access('app.coupon_redemptions');
alter table app.coupon_redemptions enable row level security;
alter table app.coupon_redemptions force row level security;

grant select (
	id, coupon_id, code, credit_cents, currency, created_at
) on app.coupon_redemptions to authenticated, service_role;
grant select on app.coupon_redemptions to lockstep_logic;
grant insert (
	coupon_id, owner_id, code, credit_cents, currency
) on app.coupon_redemptions to lockstep_logic;

create policy authenticated_select on app.coupon_redemptions
	for select to authenticated
	using (owner_id = (select auth.uid()));
create policy service_role_select on app.coupon_redemptions
	for select to service_role
	using (true);
create policy lockstep_logic_select on app.coupon_redemptions
	for select to lockstep_logic
	using (owner_id = (select auth.uid()));
create policy lockstep_logic_insert on app.coupon_redemptions
	for insert to lockstep_logic
	with check (owner_id = (select auth.uid()));
