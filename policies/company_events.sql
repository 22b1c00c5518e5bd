-- SPDX-License-Identifier: MIT
--
-- company_events, made by `lockstep gen rollup company_events --policies`: who reads the
-- figures is who reads the rows, by the policies of app.events. The
-- triggers and the folding act as lockstep_rollup, which policies of
-- app.events let read, too:
--
--	grant select (account_id, company_id, occurred_at, kind, score)
--		on app.events to lockstep_rollup;
--	create policy lockstep_rollup_select on app.events
--		for select to lockstep_rollup
--		using (true);

select lockstep.reset_access('app.company_events');
grant select on app.company_events to lockstep_rollup, authenticated, service_role;

select lockstep.reset_access('app.company_events_base');
alter table app.company_events_base enable row level security;
alter table app.company_events_base force row level security;
grant select, insert, update, delete on app.company_events_base to lockstep_rollup;
create policy lockstep_rollup_all on app.company_events_base
	for all to lockstep_rollup
	using (true)
	with check (true);
grant select on app.company_events_base to authenticated, service_role;
create policy authenticated_select on app.company_events_base
	for select to authenticated
	using ((account_id = ANY (ARRAY( SELECT app.my_accounts('viewer'::text) AS my_accounts))));
create policy service_role_select on app.company_events_base
	for select to service_role
	using (true);

select lockstep.reset_access('app.company_events_delta');
alter table app.company_events_delta enable row level security;
alter table app.company_events_delta force row level security;
grant select, insert, update, delete on app.company_events_delta to lockstep_rollup;
create policy lockstep_rollup_all on app.company_events_delta
	for all to lockstep_rollup
	using (true)
	with check (true);
grant select on app.company_events_delta to authenticated, service_role;
create policy authenticated_select on app.company_events_delta
	for select to authenticated
	using ((account_id = ANY (ARRAY( SELECT app.my_accounts('viewer'::text) AS my_accounts))));
create policy service_role_select on app.company_events_delta
	for select to service_role
	using (true);

