-- SPDX-License-Identifier: MIT
--
-- Members see the tickets of their accounts, agents open, edit and assign them.
-- Resolving, closing and reopening go through the functions. account_id comes
-- from the company, as with events.

select lockstep.reset_access('app.support_tickets');
alter table app.support_tickets enable row level security;
alter table app.support_tickets force row level security;

grant select (
	id, account_id, company_id, opened_by, assignee_id, subject, body,
	priority, tags, status, resolution, resolved_at, closed_at, created_at,
	updated_at
) on app.support_tickets to authenticated;
grant insert (
	company_id, assignee_id, subject, body, priority, tags
) on app.support_tickets to authenticated;
grant update (
	assignee_id, subject, body, priority, tags
) on app.support_tickets to authenticated;
grant select on app.support_tickets to service_role;
grant select on app.support_tickets to lockstep_logic;
grant update (
	status, resolution, resolved_at, closed_at
) on app.support_tickets to lockstep_logic;
grant select (
	account_id, company_id, created_at, priority, opened_by
) on app.support_tickets to lockstep_rollup;

create policy authenticated_select on app.support_tickets
	for select to authenticated
	using (account_id = any (array(select app.my_accounts('viewer'))));
create policy authenticated_insert on app.support_tickets
	for insert to authenticated
	with check (opened_by = (select auth.uid())
		and account_id = any (array(select app.my_accounts('agent'))));
create policy authenticated_update on app.support_tickets
	for update to authenticated
	using (account_id = any (array(select app.my_accounts('agent'))))
	with check (account_id = any (array(select app.my_accounts('agent'))));
create policy service_role_select on app.support_tickets
	for select to service_role
	using (true);
create policy lockstep_logic_select on app.support_tickets
	for select to lockstep_logic
	using (account_id = any (array(select app.my_accounts('viewer'))));
create policy lockstep_logic_update on app.support_tickets
	for update to lockstep_logic
	using (account_id = any (array(select app.my_accounts('agent'))))
	with check (account_id = any (array(select app.my_accounts('agent'))));
create policy lockstep_rollup_select on app.support_tickets
	for select to lockstep_rollup
	using (true);
