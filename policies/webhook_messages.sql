-- SPDX-License-Identifier: MIT
--
-- What was published for the caller's endpoints. Nobody changes it; what is older
-- than fifteen days may be forgotten.

select lockstep.reset_access('app.webhook_messages');
alter table app.webhook_messages enable row level security;
alter table app.webhook_messages force row level security;

grant select (
	id, owner_id, type, data, created_at
) on app.webhook_messages to authenticated;
grant select, delete on app.webhook_messages to lockstep_logic;
grant insert (owner_id, type, data) on app.webhook_messages to lockstep_logic;

create policy authenticated_select on app.webhook_messages
	for select to authenticated
	using (owner_id = any (array(select app.webhook_owners())));
create policy lockstep_logic_select on app.webhook_messages
	for select to lockstep_logic
	using (true);
create policy lockstep_logic_insert on app.webhook_messages
	for insert to lockstep_logic
	with check (true);
create policy lockstep_logic_delete on app.webhook_messages
	for delete to lockstep_logic
	using (created_at < now() - interval '15 days');
