-- SPDX-License-Identifier: MIT
--
-- Takes from the reference application what says who may and what holds:
-- policies, row security, grants, indexes that are no constraint, NOT NULL
-- beside keys, and the CHECKs of one column. Parts of tables are left to these.

do $$
declare
	part record;
begin
	for part in
		select c.oid::regclass as name from pg_class c
		where c.relnamespace = 'app'::regnamespace
		and c.relkind in ('r', 'p') and not c.relispartition
	loop
		perform lockstep.reset_access(part.name);
		execute format('alter table %s no force row level security, '
			'disable row level security', part.name);
	end loop;

	for part in
		select i.indexrelid::regclass as name from pg_index i
		join pg_class c on c.oid = i.indrelid
		where c.relnamespace = 'app'::regnamespace
		and not i.indisunique and not c.relispartition
	loop
		execute format('drop index %s', part.name);
	end loop;

	for part in
		select k.conname, k.conrelid::regclass as name
		from pg_constraint k join pg_class c on c.oid = k.conrelid
		where k.connamespace = 'app'::regnamespace
		and not c.relispartition
		and k.contype = 'c' and cardinality(k.conkey) = 1
	loop
		execute format('alter table %s drop constraint %I', part.name,
			part.conname);
	end loop;

	for part in
		select a.attname, c.oid::regclass as name from pg_class c
		join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
		where c.relnamespace = 'app'::regnamespace
		and c.relkind in ('r', 'p') and not c.relispartition
		and a.attnotnull and not exists (
			select from pg_index i where i.indisprimary
			and (i.indrelid = c.oid or i.indrelid in (
				select h.inhrelid from pg_inherits h
				where h.inhparent = c.oid))
			and a.attnum = any (i.indkey::int2[]))
	loop
		execute format('alter table %s alter %I drop not null',
			part.name, part.attname);
	end loop;
end
$$;
