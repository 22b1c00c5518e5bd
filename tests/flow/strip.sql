-- SPDX-License-Identifier: MIT
--
-- Takes from the reference application what says who may and what holds:
-- policies, row security, grants, indexes that are no constraint, NOT NULL
-- beside keys, and the CHECKs of one column.

do $$
declare
	part record;
begin
	for part in
		select c.oid::regclass as name from pg_class c
		where c.relnamespace = 'app'::regnamespace and c.relkind = 'r'
	loop
		perform lockstep.reset_access(part.name);
		execute format('alter table %s no force row level security, '
			'disable row level security', part.name);
	end loop;

	for part in
		select i.indexrelid::regclass as name from pg_index i
		join pg_class c on c.oid = i.indrelid
		where c.relnamespace = 'app'::regnamespace
		and not i.indisunique
	loop
		execute format('drop index %s', part.name);
	end loop;

	for part in
		select k.conname, k.conrelid::regclass as name
		from pg_constraint k
		where k.connamespace = 'app'::regnamespace
		and k.contype = 'c' and cardinality(k.conkey) = 1
	loop
		execute format('alter table %s drop constraint %I', part.name,
			part.conname);
	end loop;

	for part in
		select a.attname, c.oid::regclass as name from pg_class c
		join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
		where c.relnamespace = 'app'::regnamespace
		and c.relkind = 'r' and a.attnotnull and not exists (
			select from pg_index i where i.indrelid = c.oid
			and i.indisprimary
			and a.attnum = any (i.indkey::int2[]))
	loop
		execute format('alter table %s alter %I drop not null',
			part.name, part.attname);
	end loop;
end
$$;
