-- SPDX-License-Identifier: MIT
--
-- What is unique over all events, whatever their part of the table: entered and
-- forgotten with them, and with the parts that leave, by the owner. Nobody else
-- looks at it.

select lockstep.reset_access('app.event_keys');
alter table app.event_keys enable row level security;
alter table app.event_keys force row level security;

grant select, insert, update, delete on app.event_keys to lockstep_logic;

create policy lockstep_logic_all on app.event_keys
	to lockstep_logic
	using (true)
	with check (true);
create policy owner_all on app.event_keys
	to current_user
	using (true)
	with check (true);
