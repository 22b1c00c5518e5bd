-- SPDX-License-Identifier: MIT
--
-- Records that were refused on their way in: whoever sent them sees them and
-- throws them away, our servers all of them. lockstep.keep_rejected() writes
-- them; nobody changes one.

select lockstep.reset_access('lockstep.ingest_rejected');
alter table lockstep.ingest_rejected enable row level security;
alter table lockstep.ingest_rejected force row level security;

grant select, delete on lockstep.ingest_rejected to lockstep_logic;
grant insert (
	operation, role, subject, request_id, index, line, code, message, issues,
	record, whole
) on lockstep.ingest_rejected to lockstep_logic;
grant select (
	id, operation, request_id, index, line, code, message, issues, record,
	whole, rejected_at
) on lockstep.ingest_rejected to authenticated;
grant delete on lockstep.ingest_rejected to authenticated;
grant select (
	id, operation, request_id, index, line, code, message, issues, record,
	whole, rejected_at
) on lockstep.ingest_rejected to service_role;
grant delete on lockstep.ingest_rejected to service_role;

create policy lockstep_logic_select on lockstep.ingest_rejected
	for select to lockstep_logic
	using (true);
create policy lockstep_logic_insert on lockstep.ingest_rejected
	for insert to lockstep_logic
	with check (true);
create policy lockstep_logic_delete on lockstep.ingest_rejected
	for delete to lockstep_logic
	using (true);
create policy authenticated_select on lockstep.ingest_rejected
	for select to authenticated
	using (role = 'authenticated' and subject <> ''
		and subject = (select lockstep.subject()));
create policy authenticated_delete on lockstep.ingest_rejected
	for delete to authenticated
	using (role = 'authenticated' and subject <> ''
		and subject = (select lockstep.subject()));
create policy service_role_select on lockstep.ingest_rejected
	for select to service_role
	using (true);
create policy service_role_delete on lockstep.ingest_rejected
	for delete to service_role
	using (true);
