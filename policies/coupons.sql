-- SPDX-License-Identifier: MIT
--
-- Anybody sees the public campaigns that run now, without their counters. Our
-- servers keep the coupons. The counter is raised by redeem_coupon alone; not
-- even our servers may set it.

select lockstep.reset_access('app.coupons');
alter table app.coupons enable row level security;
alter table app.coupons force row level security;

grant select (
	code, title, terms, credit_cents, currency, expires_at
) on app.coupons to anon, authenticated;
grant select on app.coupons to service_role;
grant insert (
	code, title, terms, credit_cents, currency, max_redemptions, is_public,
	status, starts_at, expires_at
) on app.coupons to service_role;
grant update (
	title, terms, max_redemptions, is_public, status, starts_at, expires_at
) on app.coupons to service_role;
grant select on app.coupons to lockstep_logic;
grant update (redeemed_count) on app.coupons to lockstep_logic;

create policy anon_authenticated_select on app.coupons
	for select to anon, authenticated
	using (is_public and status = 'active'
		and starts_at <= now() and expires_at > now());
create policy service_role_select on app.coupons
	for select to service_role
	using (true);
create policy service_role_insert on app.coupons
	for insert to service_role
	with check (true);
create policy service_role_update on app.coupons
	for update to service_role
	using (true)
	with check (true);
create policy lockstep_logic_select on app.coupons
	for select to lockstep_logic
	using (status = 'active');
create policy lockstep_logic_update on app.coupons
	for update to lockstep_logic
	using (status = 'active')
	with check (status = 'active');
