-- SPDX-License-Identifier: MIT
--
-- The functions of migration 0011 take events and know them again; people see
-- what came and how it fares, and never what it says. An event that is younger
-- than fifteen days nobody can take away.

select lockstep.reset_access('lockstep.inbox');
alter table lockstep.inbox enable row level security;
alter table lockstep.inbox force row level security;

grant select, delete on lockstep.inbox to lockstep_logic;
grant insert (
	source, event_id, type, serial, body, body_sha, role, job_id, request_id
) on lockstep.inbox to lockstep_logic;
grant update (deliveries, seen_at) on lockstep.inbox to lockstep_logic;
grant select (
	id, source, event_id, type, serial, role, job_id, request_id, deliveries,
	received_at, seen_at
) on lockstep.inbox to operator;

create policy lockstep_logic_select on lockstep.inbox
	for select to lockstep_logic
	using (true);
create policy lockstep_logic_insert on lockstep.inbox
	for insert to lockstep_logic
	with check (role = (select current_setting('role')));
create policy lockstep_logic_update on lockstep.inbox
	for update to lockstep_logic
	using (role = (select current_setting('role')))
	with check (role = (select current_setting('role')));
create policy lockstep_logic_delete on lockstep.inbox
	for delete to lockstep_logic
	using (received_at < now() - interval '15 days');
create policy operator_select on lockstep.inbox
	for select to operator
	using (true);
