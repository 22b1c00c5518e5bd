-- SPDX-License-Identifier: MIT
--
-- company_tickets, made by `lockstep gen rollup company_tickets --policies`: who reads the
-- figures is who reads the rows, by the policies of app.support_tickets. The
-- triggers and the folding act as lockstep_rollup, which policies of
-- app.support_tickets let read, too:
--
--	grant select (account_id, company_id, created_at, priority, opened_by)
--		on app.support_tickets to lockstep_rollup;
--	create policy lockstep_rollup_select on app.support_tickets
--		for select to lockstep_rollup
--		using (true);

select lockstep.reset_access('app.company_tickets');
grant select on app.company_tickets to lockstep_rollup, authenticated, service_role;

select lockstep.reset_access('app.company_tickets_base');
alter table app.company_tickets_base enable row level security;
alter table app.company_tickets_base force row level security;
grant select, insert, update, delete on app.company_tickets_base to lockstep_rollup;
create policy lockstep_rollup_all on app.company_tickets_base
	for all to lockstep_rollup
	using (true)
	with check (true);
grant select on app.company_tickets_base to authenticated, service_role;
create policy authenticated_select on app.company_tickets_base
	for select to authenticated
	using ((account_id = ANY (ARRAY( SELECT app.my_accounts('viewer'::text) AS my_accounts))));
create policy service_role_select on app.company_tickets_base
	for select to service_role
	using (true);

select lockstep.reset_access('app.company_tickets_delta');
alter table app.company_tickets_delta enable row level security;
alter table app.company_tickets_delta force row level security;
grant select, insert, update, delete on app.company_tickets_delta to lockstep_rollup;
create policy lockstep_rollup_all on app.company_tickets_delta
	for all to lockstep_rollup
	using (true)
	with check (true);
grant select on app.company_tickets_delta to authenticated, service_role;
create policy authenticated_select on app.company_tickets_delta
	for select to authenticated
	using ((account_id = ANY (ARRAY( SELECT app.my_accounts('viewer'::text) AS my_accounts))));
create policy service_role_select on app.company_tickets_delta
	for select to service_role
	using (true);

select lockstep.reset_access('app.company_tickets_values');
alter table app.company_tickets_values enable row level security;
alter table app.company_tickets_values force row level security;
grant select, insert, update, delete on app.company_tickets_values to lockstep_rollup;
create policy lockstep_rollup_all on app.company_tickets_values
	for all to lockstep_rollup
	using (true)
	with check (true);
grant select on app.company_tickets_values to authenticated, service_role;
create policy authenticated_select on app.company_tickets_values
	for select to authenticated
	using ((account_id = ANY (ARRAY( SELECT app.my_accounts('viewer'::text) AS my_accounts))));
create policy service_role_select on app.company_tickets_values
	for select to service_role
	using (true);

