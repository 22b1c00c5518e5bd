-- SPDX-License-Identifier: MIT
--
-- An affiliate sees his payouts; request_payout and cancel_payout act for the
-- caller only. Our servers move them on and cannot change an amount.

select lockstep.reset_access('app.payouts');
alter table app.payouts enable row level security;
alter table app.payouts force row level security;

grant select (
	id, affiliate_id, amount_cents, currency, method, status,
	provider_reference, failure_reason, paid_at, created_at, updated_at
) on app.payouts to authenticated;
grant select on app.payouts to service_role;
grant update (
	status, provider_reference, failure_reason, paid_at
) on app.payouts to service_role;
grant select on app.payouts to lockstep_logic;
grant insert (
	affiliate_id, owner_id, amount_cents, currency, method
) on app.payouts to lockstep_logic;
grant update (
	status, provider_reference, failure_reason, paid_at
) on app.payouts to lockstep_logic;

create policy authenticated_select on app.payouts
	for select to authenticated
	using (owner_id = (select auth.uid()));
create policy service_role_select on app.payouts
	for select to service_role
	using (true);
create policy service_role_update on app.payouts
	for update to service_role
	using (true)
	with check (true);
create policy lockstep_logic_select on app.payouts
	for select to lockstep_logic
	using (owner_id = (select auth.uid()));
create policy lockstep_logic_insert on app.payouts
	for insert to lockstep_logic
	with check (owner_id = (select auth.uid()));
create policy lockstep_logic_update on app.payouts
	for update to lockstep_logic
	using (owner_id = (select auth.uid()))
	with check (owner_id = (select auth.uid()));
