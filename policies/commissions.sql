-- SPDX-License-Identifier: MIT
--
-- An affiliate sees what he earned. Our servers record, approve and reverse.

select lockstep.reset_access('app.commissions');
alter table app.commissions enable row level security;
alter table app.commissions force row level security;

grant select (
	id, affiliate_id, referral_id, reference, amount_cents, currency,
	status, created_at, updated_at
) on app.commissions to authenticated;
grant select on app.commissions to service_role;
grant insert (
	affiliate_id, owner_id, referral_id, reference, purchase_cents,
	amount_cents, currency
) on app.commissions to service_role;
grant update (status) on app.commissions to service_role;
grant select on app.commissions to lockstep_logic;

create policy authenticated_select on app.commissions
	for select to authenticated
	using (owner_id = (select auth.uid()));
create policy service_role_select on app.commissions
	for select to service_role
	using (true);
create policy service_role_insert on app.commissions
	for insert to service_role
	with check (true);
create policy service_role_update on app.commissions
	for update to service_role
	using (true)
	with check (true);
create policy lockstep_logic_select on app.commissions
	for select to lockstep_logic
	using (owner_id = (select auth.uid()));
