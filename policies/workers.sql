-- SPDX-License-Identifier: MIT
--
-- The processes that work: they enter themselves, keep their lines fresh and
-- clear up after each other; operators look.

select lockstep.reset_access('lockstep.workers');
alter table lockstep.workers enable row level security;
alter table lockstep.workers force row level security;

grant select, delete on lockstep.workers to lockstep_worker;
grant insert (host, pid) on lockstep.workers to lockstep_worker;
grant update (beat_at) on lockstep.workers to lockstep_worker;
grant select on lockstep.workers to operator, lockstep_logic;

create policy lockstep_worker_select on lockstep.workers
	for select to lockstep_worker
	using (true);
create policy lockstep_worker_insert on lockstep.workers
	for insert to lockstep_worker
	with check (true);
create policy lockstep_worker_update on lockstep.workers
	for update to lockstep_worker
	using (true)
	with check (true);
create policy lockstep_worker_delete on lockstep.workers
	for delete to lockstep_worker
	using (true);
create policy operator_select on lockstep.workers
	for select to operator
	using (true);
create policy lockstep_logic_select on lockstep.workers
	for select to lockstep_logic
	using (true);
