-- SPDX-License-Identifier: MIT
--
-- What is said of partitioned tables, by who owns them, in migrations; the
-- functions that act as the owner read and mark it. Workers and operators look.

select lockstep.reset_access('lockstep.partitions');
alter table lockstep.partitions enable row level security;
alter table lockstep.partitions force row level security;

grant select on lockstep.partitions to lockstep_worker, operator;

create policy owner_all on lockstep.partitions
	to current_user
	using (true)
	with check (true);
create policy lockstep_worker_select on lockstep.partitions
	for select to lockstep_worker
	using (true);
create policy operator_select on lockstep.partitions
	for select to operator
	using (true);

-- What counts rows asks from when on they are all there.
do $$
begin
	if exists (select from pg_roles where rolname = 'lockstep_rollup') then
		grant select (relation, gone_before) on lockstep.partitions
			to lockstep_rollup;
		create policy lockstep_rollup_select on lockstep.partitions
			for select to lockstep_rollup
			using (true);
	end if;
end
$$;
