-- SPDX-License-Identifier: MIT
--
-- Members see the events of their accounts, agents and our servers add some;
-- nobody changes one. account_id comes from the company, if the caller sees
-- it: a hidden one and an absent one are refused alike. The parts of the table
-- have no grants: whoever asks, asks here.

select lockstep.reset_access('app.events');
alter table app.events enable row level security;
alter table app.events force row level security;

grant select (
	id, account_id, company_id, external_id, kind, score, message,
	attributes, occurred_at, created_at
) on app.events to authenticated;
grant insert (
	company_id, external_id, kind, score, message, attributes, occurred_at
) on app.events to authenticated;
grant select on app.events to service_role;
grant insert (
	company_id, external_id, kind, score, message, attributes, occurred_at
) on app.events to service_role;
grant select (
	account_id, company_id, occurred_at, kind, score
) on app.events to lockstep_rollup;

create policy authenticated_select on app.events
	for select to authenticated
	using (account_id = any (array(select app.my_accounts('viewer'))));
create policy authenticated_insert on app.events
	for insert to authenticated
	with check (account_id = any (array(select app.my_accounts('agent'))));
create policy service_role_select on app.events
	for select to service_role
	using (true);
create policy service_role_insert on app.events
	for insert to service_role
	with check (true);
create policy lockstep_rollup_select on app.events
	for select to lockstep_rollup
	using (true);
