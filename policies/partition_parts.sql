-- SPDX-License-Identifier: MIT
--
-- The parts of partitioned tables, kept by the functions that act as their
-- owner. Workers and operators look.

select lockstep.reset_access('lockstep.partition_parts');
alter table lockstep.partition_parts enable row level security;
alter table lockstep.partition_parts force row level security;

grant select on lockstep.partition_parts to lockstep_worker, operator;

create policy owner_all on lockstep.partition_parts
	to current_user
	using (true)
	with check (true);
create policy lockstep_worker_select on lockstep.partition_parts
	for select to lockstep_worker
	using (true);
create policy operator_select on lockstep.partition_parts
	for select to operator
	using (true);
