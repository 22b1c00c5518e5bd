-- SPDX-License-Identifier: MIT
--
-- Only functions read secrets: of the worker, to sign. One is told when it is
-- made and never again.

select lockstep.reset_access('lockstep.webhook_secrets');
alter table lockstep.webhook_secrets enable row level security;
alter table lockstep.webhook_secrets force row level security;

grant select, delete on lockstep.webhook_secrets to lockstep_logic;
grant insert (endpoint_id, secret) on lockstep.webhook_secrets to lockstep_logic;
grant update (until) on lockstep.webhook_secrets to lockstep_logic;

create policy lockstep_logic_select on lockstep.webhook_secrets
	for select to lockstep_logic
	using (true);
create policy lockstep_logic_insert on lockstep.webhook_secrets
	for insert to lockstep_logic
	with check (true);
create policy lockstep_logic_update on lockstep.webhook_secrets
	for update to lockstep_logic
	using (true)
	with check (true);
create policy lockstep_logic_delete on lockstep.webhook_secrets
	for delete to lockstep_logic
	using (true);
