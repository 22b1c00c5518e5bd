-- SPDX-License-Identifier: MIT
--
-- Events that were signed and refused: the functions of migration 0011 keep
-- them, and people look at them. They may be all that there is of an event, so
-- the body is shown, too.

select lockstep.reset_access('lockstep.inbox_refused');
alter table lockstep.inbox_refused enable row level security;
alter table lockstep.inbox_refused force row level security;

grant select, delete on lockstep.inbox_refused to lockstep_logic;
grant insert (
	source, event_id, reason, issues, body, bytes, body_sha, request_id
) on lockstep.inbox_refused to lockstep_logic;
grant update (deliveries, seen_at) on lockstep.inbox_refused
	to lockstep_logic;
grant select on lockstep.inbox_refused to operator;

create policy lockstep_logic_select on lockstep.inbox_refused
	for select to lockstep_logic
	using (true);
create policy lockstep_logic_insert on lockstep.inbox_refused
	for insert to lockstep_logic
	with check (true);
create policy lockstep_logic_update on lockstep.inbox_refused
	for update to lockstep_logic
	using (true)
	with check (true);
create policy lockstep_logic_delete on lockstep.inbox_refused
	for delete to lockstep_logic
	using (true);
create policy operator_select on lockstep.inbox_refused
	for select to operator
	using (true);
