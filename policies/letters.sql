-- SPDX-License-Identifier: MIT
--
-- Letters belong to one user, who writes and deletes them; a trigger keeps
-- all but drafts from being written to. Status and content are not his to
-- set: send_letter, recall_letter and the job that writes the letter do, for the
-- caller's letters only, and our servers.

select lockstep.reset_access('app.letters');
alter table app.letters enable row level security;
alter table app.letters force row level security;

grant select (
	id, owner_id, reference, title, body, tone, locale, recipient, tags,
	status, channel, content, failure_reason, scheduled_for, sent_at,
	created_at, updated_at
) on app.letters to authenticated;
grant insert (
	reference, title, body, tone, locale, recipient, tags
) on app.letters to authenticated;
grant update (
	reference, title, body, tone, locale, recipient, tags
) on app.letters to authenticated;
grant delete on app.letters to authenticated;
grant select on app.letters to service_role;
grant update (
	status, content, failure_reason, sent_at
) on app.letters to service_role;
grant select on app.letters to lockstep_logic;
grant update (
	status, channel, scheduled_for, content, failure_reason, sent_at
) on app.letters to lockstep_logic;

create policy authenticated_select on app.letters
	for select to authenticated
	using (owner_id = (select auth.uid()));
create policy authenticated_insert on app.letters
	for insert to authenticated
	with check (owner_id = (select auth.uid()));
create policy authenticated_update on app.letters
	for update to authenticated
	using (owner_id = (select auth.uid()))
	with check (owner_id = (select auth.uid()));
create policy authenticated_delete on app.letters
	for delete to authenticated
	using (owner_id = (select auth.uid()));
create policy service_role_select on app.letters
	for select to service_role
	using (true);
create policy service_role_update on app.letters
	for update to service_role
	using (true)
	with check (true);
create policy lockstep_logic_select on app.letters
	for select to lockstep_logic
	using (owner_id = (select auth.uid()));
create policy lockstep_logic_update on app.letters
	for update to lockstep_logic
	using (owner_id = (select auth.uid()))
	with check (owner_id = (select auth.uid()));
