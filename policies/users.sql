-- SPDX-License-Identifier: MIT
--
-- A user sees and changes his own profile. Our servers see all and set the
-- status. register_user makes the row, redeem_coupon adds to the credit: both
-- for the caller only.

select lockstep.reset_access('app.users');
alter table app.users enable row level security;
alter table app.users force row level security;

grant select (
	id, email, email_verified, display_name, locale, time_zone,
	return_address, marketing_consent, credit_cents, status, created_at,
	updated_at
) on app.users to authenticated;
grant update (
	display_name, locale, time_zone, return_address, marketing_consent
) on app.users to authenticated;
grant select on app.users to service_role;
grant update (status) on app.users to service_role;
grant select on app.users to lockstep_logic;
grant insert (
	id, email, email_verified, display_name, locale, time_zone,
	marketing_consent
) on app.users to lockstep_logic;
grant update (credit_cents) on app.users to lockstep_logic;

create policy authenticated_select on app.users
	for select to authenticated
	using (id = (select auth.uid()));
create policy authenticated_update on app.users
	for update to authenticated
	using (id = (select auth.uid()))
	with check (id = (select auth.uid()));
create policy service_role_select on app.users
	for select to service_role
	using (true);
create policy service_role_update on app.users
	for update to service_role
	using (true)
	with check (true);
create policy lockstep_logic_select on app.users
	for select to lockstep_logic
	using (id = (select auth.uid()));
create policy lockstep_logic_insert on app.users
	for insert to lockstep_logic
	with check (id = (select auth.uid()));
create policy lockstep_logic_update on app.users
	for update to lockstep_logic
	using (id = (select auth.uid()))
	with check (id = (select auth.uid()));
