-- SPDX-License-Identifier: MIT
--
-- Tables that are partitioned by time: their parts are made ahead and let go by
-- what is kept, each in one short transaction, so that being killed between two
-- of them leaves nothing that is not as it should be.
--
-- The parts of a table leave no gap: below the first is one for what is late,
-- above the last one for what is yet to come. So no row is refused for its
-- time; and as there is no DEFAULT partition, Postgres reads the parts in their
-- order, and a page from the newest on stops where it is full.
--
-- A lock that everybody would wait for is asked for no longer than a tenth of a
-- second, and tried again later: who reads or writes waits that long at most.
--
-- Only the owner of a table can do all this, so lockstep.partition_tend() acts
-- as the owner: it takes no name and no time, and does what the rows here say,
-- which the owner alone writes. Those that take a time are the owner's.

create table lockstep.partitions (
	relation    text
		constraint partitions_pkey primary key
		constraint partitions_relation_check
		check (relation ~ '^[a-z_][a-z0-9_]{0,40}[.][a-z_][a-z0-9_]{0,40}$'),
	by_column   text not null,
	period      text not null
		constraint partitions_period_check
		check (period in ('day', 'week', 'month')),
	-- How many periods there are beyond the one of now; and for how many
	-- rows are kept: for ever, if NULL.
	ahead       integer not null
		constraint partitions_ahead_check check (ahead between 1 and 60),
	keep        integer
		constraint partitions_keep_check check (keep between 1 and 1200),
	-- The table that keeps what is unique over all parts, by their key; and
	-- what each part has of its own.
	keys        text,
	key_column  text not null default 'id',
	local       text not null default 'primary key (id)',
	-- Parts of their own reach from here to here.
	kept_from   timestamptz not null,
	made_until  timestamptz not null,
	-- Rows from before this may be gone.
	gone_before timestamptz,
	-- When all was last found as it should be, and since when it is not.
	tended_at   timestamptz,
	failed_at   timestamptz,
	reason      text,
	made        bigint not null default 0,
	dropped     bigint not null default 0,
	forgotten   bigint not null default 0,
	constraint partitions_range_check check (kept_from <= made_until)
);

create table lockstep.partition_parts (
	part     text
		constraint partition_parts_pkey primary key,
	relation text not null
		constraint partition_parts_relation_fkey
		references lockstep.partitions (relation),
	lower    timestamptz not null,
	upper    timestamptz not null,
	state    text not null default 'attached'
		constraint partition_parts_state_check
		check (state in ('attached', 'leaving')),
	-- Of one that is leaving: up to which key it is forgotten.
	cursor   text,
	constraint partition_parts_range_check check (lower < upper)
);

create index partition_parts_relation_idx
	on lockstep.partition_parts (relation, lower);

-- The period that a time is in begins at.
create function lockstep.period_begin(period text, at timestamptz)
returns timestamptz
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
	select date_trunc(period, at, 'UTC')
$$;

-- So many periods later, by UTC's calendar.
create function lockstep.period_add(period text, at timestamptz, count integer)
returns timestamptz
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
	select ((at at time zone 'UTC') + case period
		when 'day' then make_interval(days => count)
		when 'week' then make_interval(weeks => count)
		else make_interval(months => count) end) at time zone 'UTC'
$$;

-- app.events and the first of November -> app.events_2026_11.
create function lockstep.part_name(relation text, period text, lower timestamptz)
returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
	select relation || '_' || case
		when lower = '-infinity' then 'before'
		else to_char(lower at time zone 'UTC', case period
			when 'month' then 'YYYY_MM' else 'YYYY_MM_DD' end) end
$$;

-- What a range says in SQL; the ends are open.
create function lockstep.part_bound(lower timestamptz, upper timestamptz)
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select format('for values from (%s) to (%s)',
		case lower when '-infinity' then 'minvalue'
			else quote_literal(lower) end,
		case upper when 'infinity' then 'maxvalue'
			else quote_literal(upper) end)
$$;

-- A table that is not a part yet, like its parent but for the parent's triggers
-- and foreign keys, which it gets when it is. Nobody may ask it by itself; the
-- policy is for who owns it, and lets rows go.
create function lockstep.part_create(relation text, name text, local text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	execute format('create table %s (like %s including all%s)', name, relation,
		coalesce(', ' || nullif(local, ''), ''));
	perform lockstep.part_close(name);
end
$$;

create function lockstep.part_close(name text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	perform lockstep.reset_access(name::regclass);
	execute format('alter table %1$s enable row level security, '
		'force row level security', name);
	execute format('create policy owner_all on %s to current_user '
		'using (true) with check (true)', name);
end
$$;

create function lockstep.part_attach(relation text, name text,
	lower timestamptz, upper timestamptz) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	execute format('alter table %s attach partition %s %s', relation, name,
		lockstep.part_bound(lower, upper));
	insert into lockstep.partition_parts as p (part, relation, lower, upper)
	values (name, part_attach.relation, part_attach.lower,
		part_attach.upper)
	on conflict (part) do update
	set lower = excluded.lower, upper = excluded.upper;
end
$$;

-- Moves rows from a table that is no part to one that is. They are what they
-- were, so the triggers that make a row what it is stay out of it; the foreign
-- keys hold. (Validating these with ATTACH would ask as the owner, who sees no
-- row of the other table.)
create function lockstep.part_move(source text, target text, by_column text,
	lower timestamptz, upper timestamptz) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	moved bigint;
begin
	execute format('alter table %s disable trigger user', target);
	execute format('with gone as (delete from only %1$s where %3$I >= $1 '
		'and %3$I < $2 returning *) insert into %2$s select * from gone',
		source, target, by_column)
	using part_move.lower, part_move.upper;
	get diagnostics moved = row_count;
	execute format('alter table %s enable trigger user', target);
	return moved;
end
$$;

-- Begins to keep a table, which is partitioned by range of a column of type
-- timestamptz and has no part yet: the current period and those ahead, what is
-- before and what is after. `old` is a table of the same columns that was there
-- before: it becomes the part of all that it has up to the end of this period,
-- where it lies; what it has beyond that is moved.
create function lockstep.partition_begin(relation text, by_column text,
	period text, ahead integer, keep integer default null,
	keys text default null, key_column text default 'id',
	local text default 'primary key (id)',
	old text default null, at timestamptz default now()) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
	lower timestamptz := lockstep.period_begin(partition_begin.period, at);
	upper timestamptz := lockstep.period_add(partition_begin.period, lower, 1);
	name text;
	part text;
	first timestamptz;
begin
	if old is not null then
		perform lockstep.part_close(old);
		execute format('select min(%I) from only %s', by_column, old)
		into first;
	end if;
	if first < upper then
		lower := least(lower, lockstep.period_begin(partition_begin.period,
			first));
	end if;
	insert into lockstep.partitions (relation, by_column, period, ahead,
		keep, keys, key_column, local, kept_from, made_until)
	values (partition_begin.relation, partition_begin.by_column,
		partition_begin.period,
		partition_begin.ahead, partition_begin.keep, partition_begin.keys,
		partition_begin.key_column, partition_begin.local, lower, lower);
	perform lockstep.part_create(relation, relation || '_before', local);
	perform lockstep.part_attach(relation, relation || '_before',
		'-infinity', lower);
	execute format('alter table %s_before add constraint partition_bound '
		'check (%I < %L)', relation, by_column, lower);
	if first is not null then
		name := relation || '_to_' || to_char(upper - interval '1 day',
			'YYYY_MM_DD');
		execute format('alter table %s rename to %I', old,
			split_part(name, '.', 2));
	end if;
	for n in 0 .. ahead + 1 loop
		part := case when n > ahead then relation || '_after'
			else lockstep.part_name(relation, partition_begin.period,
				lower) end;
		if n > ahead then
			upper := 'infinity';
		end if;
		if n > 0 or first is null then
			perform lockstep.part_create(relation, part, local);
			perform lockstep.part_attach(relation, part, lower, upper);
		end if;
		if n > 0 and first is not null then
			perform lockstep.part_move(name, part, by_column, lower,
				upper);
		end if;
		exit when n > ahead;
		lower := upper;
		upper := lockstep.period_add(partition_begin.period, lower, 1);
	end loop;
	if first is not null then
		perform lockstep.part_attach(relation, name, (
			select p.kept_from from lockstep.partitions p
			where p.relation = partition_begin.relation),
			lockstep.period_add(partition_begin.period,
				lockstep.period_begin(partition_begin.period, at), 1));
	end if;
	update lockstep.partitions p set made_until = lower, made = ahead + 1
	where p.relation = partition_begin.relation;
	if old is not null and first is null then
		execute format('drop table %s', old);
	end if;
end
$$;

-- Makes the next part. What came early for it lies above the last part and is
-- moved, if that is no more than `most` rows: nobody else reads the table while
-- that is done. The new table is made before anybody is kept out.
create function lockstep.partition_make(p lockstep.partitions, most integer)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	upper timestamptz := lockstep.period_add(p.period, p.made_until, 1);
	name text := lockstep.part_name(p.relation, p.period, p.made_until);
	early integer;
begin
	execute format('select count(*) from (select from %s_after where %I < $1 '
		'limit $2) e', p.relation, p.by_column)
	into early using upper, most + 1;
	if early > most then
		raise exception using errcode = 'program_limit_exceeded',
			message = format('%s_after has more than %s rows of '
				'before %s', p.relation, most, upper);
	end if;
	perform lockstep.part_create(p.relation, name, p.local);
	execute format('lock table %s in access exclusive mode', p.relation);
	execute format('alter table %1$s detach partition %1$s_after',
		p.relation);
	perform lockstep.part_attach(p.relation, name, p.made_until, upper);
	if early > 0 then
		perform lockstep.part_move(p.relation || '_after', name,
			p.by_column, p.made_until, upper);
	end if;
	perform lockstep.part_attach(p.relation, p.relation || '_after', upper,
		'infinity');
	update lockstep.partitions s set made_until = upper, made = s.made + 1
	where s.relation = p.relation;
	return 'made ' || name;
end
$$;

-- Lets the oldest part go; what is as late from now on belongs to the one
-- before. The CHECK that is there holds for the wider range, so no row of it is
-- looked at; the one that replaces it is validated later, beside all others.
-- Foreign keys that would still delete rows of what has left go with it: no
-- trigger of the table would forget their keys.
create function lockstep.partition_detach(p lockstep.partitions,
	o lockstep.partition_parts) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	had name;
begin
	execute format('lock table %s in access exclusive mode', p.relation);
	execute format('alter table %s detach partition %s', p.relation, o.part);
	for had in
		select c.conname from pg_constraint c
		where c.conrelid = o.part::regclass and c.contype = 'f'
	loop
		execute format('alter table %s drop constraint %I', o.part, had);
	end loop;
	execute format('alter table %1$s detach partition %1$s_before',
		p.relation);
	perform lockstep.part_attach(p.relation, p.relation || '_before',
		'-infinity', o.upper);
	execute format('alter table %s_before drop constraint if exists '
		'partition_bound, add constraint partition_bound '
		'check (%I < %L) not valid', p.relation, p.by_column, o.upper);
	update lockstep.partition_parts d set state = 'leaving'
	where d.part = o.part;
	update lockstep.partitions s set kept_from = o.upper,
		gone_before = greatest(s.gone_before, o.upper)
	where s.relation = p.relation;
	return 'detached ' || o.part;
end
$$;

-- Forgets the keys of a part that has left, so many at a time, and then it.
create function lockstep.partition_forget(p lockstep.partitions,
	o lockstep.partition_parts, most integer) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	last text;
	count bigint;
begin
	if p.keys is not null then
		execute format('with gone as (select k.%1$I as key from %2$s k '
			'where $1 is null or k.%1$I > $1::%3$s '
			'order by k.%1$I limit $2), forgotten as (delete from '
			'%4$s t using gone where t.%1$I = gone.key) '
			'select count(*), (array_agg(key order by key desc))[1]'
			'::text from gone', p.key_column, o.part,
			(select format_type(a.atttypid, a.atttypmod)
				from pg_attribute a
				where a.attrelid = o.part::regclass
				and a.attname = p.key_column), p.keys)
		into count, last using o.cursor, most;
	end if;
	if last is null then
		execute format('drop table %s', o.part);
		delete from lockstep.partition_parts d where d.part = o.part;
		update lockstep.partitions s set dropped = s.dropped + 1
		where s.relation = p.relation;
		return 'dropped ' || o.part;
	end if;
	update lockstep.partition_parts d set cursor = last
	where d.part = o.part;
	return format('forgot %s keys of %s', count, o.part);
end
$$;

-- Takes rows that are too old out of a part that is no period's own, so many at
-- a time, with their keys; NULL if there are none.
create function lockstep.partition_clear(p lockstep.partitions, name text,
	cut timestamptz, most integer) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	count bigint;
begin
	execute format('with gone as (delete from only %1$s where ctid = any '
		'(array(select ctid from only %1$s where %2$I < $1 '
		'order by %2$I limit $2)) returning %3$I as key)%4$s '
		'select count(*) from gone', name, p.by_column, p.key_column,
		case when p.keys is not null then format(', forgotten as ('
			'delete from %s t using gone where t.%I = gone.key)',
			p.keys, p.key_column) else '' end)
	into count using cut, most;
	if count = 0 then
		return null;
	end if;
	update lockstep.partitions s set forgotten = s.forgotten + count,
		gone_before = greatest(s.gone_before, cut)
	where s.relation = p.relation;
	return format('took %s rows out of %s', count, name);
end
$$;

-- The next thing that has to go, or that what went has left to be done.
create function lockstep.partition_let_go(p lockstep.partitions, at timestamptz,
	most integer) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	o lockstep.partition_parts;
	cut timestamptz;
	done text;
begin
	select d.* into o from lockstep.partition_parts d
	where d.relation = p.relation and d.state = 'leaving' limit 1;
	if found then
		return lockstep.partition_forget(p, o, most);
	end if;
	if exists (select from pg_constraint c
			where c.conrelid = (p.relation || '_before')::regclass
			and c.conname = 'partition_bound'
			and not c.convalidated) then
		execute format('alter table %s_before validate constraint '
			'partition_bound', p.relation);
		return 'validated ' || p.relation || '_before';
	end if;
	if p.keep is null then
		return null;
	end if;
	cut := lockstep.period_add(p.period, lockstep.period_begin(p.period, at),
		- p.keep);
	select d.* into o from lockstep.partition_parts d
	where d.relation = p.relation and d.state = 'attached'
	and d.lower > '-infinity' and d.upper <= cut
	order by d.lower limit 1;
	if found then
		return lockstep.partition_detach(p, o);
	end if;
	for o in
		select d.* from lockstep.partition_parts d
		where d.relation = p.relation and d.state = 'attached'
		and d.lower < cut order by d.lower
	loop
		done := lockstep.partition_clear(p, o.part, cut, most);
		exit when done is not null;
	end loop;
	return done;
end
$$;

-- The one next thing that a table needs at that time, done: what it was, or
-- NULL when all is as it should be. What goes does not wait for what comes.
create function lockstep.partition_step(relation text, at timestamptz,
	most integer default 10000) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set lock_timeout = '100ms'
as $$
declare
	p lockstep.partitions;
	done text;
begin
	select s.* into p from lockstep.partitions s
	where s.relation = partition_step.relation for update skip locked;
	if not found then
		return null;
	end if;
	if p.made_until >= lockstep.period_add(p.period,
			lockstep.period_begin(p.period, at), p.ahead + 1) then
		return lockstep.partition_let_go(p, at, most);
	end if;
	begin
		return lockstep.partition_make(p, most);
	exception when others then
		done := lockstep.partition_let_go(p, at, most);
		if done is null then
			raise;
		end if;
		return done;
	end;
end
$$;

-- A step of the first table that needs one, as of now: what was done, or why it
-- was not. A failure undoes its own step alone, also when it took too long, and
-- is kept until the next success.
create function lockstep.partition_tend(out relation text, out done text,
	out reason text) returns setof record
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	for relation in
		select s.relation from lockstep.partitions s order by 1
	loop
		begin
			done := lockstep.partition_step(relation, now());
			reason := null;
			update lockstep.partitions s set failed_at = null,
				reason = null, tended_at = case
					when partition_tend.done is null
					then now() else s.tended_at end
			where s.relation = partition_tend.relation
			and (s.failed_at is not null or s.tended_at is null
				or s.tended_at < now() - interval '1 minute');
		exception when query_canceled or others then
			done := null;
			reason := sqlerrm;
			update lockstep.partitions s set
				failed_at = coalesce(s.failed_at, now()),
				reason = partition_tend.reason
			where s.relation = partition_tend.relation;
		end;
		if done is not null or reason is not null then
			return next;
		end if;
		-- Its locks are held to the end of the transaction.
		exit when done is not null;
	end loop;
end
$$;

-- The table that keeps what is unique over all parts of this one, by the
-- argument of the trigger that claims it; NULL if there is none.
create function lockstep.keys_table(relation regclass) returns regclass
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select to_regclass(regexp_replace(encode(t.tgargs, 'escape'),
		'\\000$', ''))
	from pg_trigger t join pg_class c on c.oid = t.tgrelid
	where c.oid = relation and c.relkind = 'p' and t.tgnargs = 1
	and t.tgtype & 7 = 7 and encode(t.tgargs, 'escape')
		~ '^[a-z_][a-z0-9_]*[.][a-z_][a-z0-9_]*\\000$'
	limit 1
$$;

-- As before, but for a table whose key is kept by another, as no index reaches
-- over its parts: there the statement refuses what is there, and the one that
-- follows it (see below) passes over.
create or replace function lockstep.ingest_statement(relation text, key text[],
	columns text[]) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select format('insert into %1$s%2$s select %3$s from unnest($1) d (j)'
		' cross join lateral json_populate_record(null::%1$s, d.j::json) r',
		relation::regclass,
		(select ' (' || string_agg(quote_ident(c), ', ' order by n)
			|| ')' from unnest(columns) with ordinality u (c, n)),
		(select string_agg('r.' || quote_ident(c), ', ' order by n)
			from unnest(columns) with ordinality u (c, n)))
	|| case when lockstep.keys_table(relation::regclass) is null then
		(select format(' on conflict (%s)%s do nothing',
			string_agg(quote_ident(c), ', ' order by n),
			' where ' || string_agg(quote_ident(c)
				|| ' is not null', ' and ' order by n)
				filter (where not a.attnotnull))
			from unnest(key) with ordinality u (c, n)
			join pg_attribute a on a.attrelid = relation::regclass
				and a.attname = c)
	else '' end
$$;

-- As before; and a statement that refuses what is there is run again, passing
-- over it. Only then is each record asked for by itself, so a batch that has
-- nothing that is there costs what it did.
create or replace function lockstep.ingest_part(statement text, records text[],
	indexes integer[], lines integer[], reasons json,
	out accepted integer, out refused integer[], out refused_lines integer[],
	out said text[], out texts text[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	count integer := cardinality(records);
	size integer := (count + 3) / 4;
	state text;
	name text;
	reason text;
	part record;
begin
	begin
		execute statement using records;
		get diagnostics accepted = row_count;
		return;
	exception when others then
		get stacked diagnostics state = returned_sqlstate,
			name = constraint_name;
		reason := coalesce(reasons -> 'constraints' ->> name,
			reasons -> 'states' ->> state,
			reasons -> 'states' ->> left(state, 2));
		if reason is null then
			raise;
		end if;
	end;
	if state = '23505' and right(statement, 10) <> 'do nothing'
			and current_setting('lockstep.pass_over', true)
			is distinct from 'on' then
		perform set_config('lockstep.pass_over', 'on', true);
		select p.* into accepted, refused, refused_lines, said, texts
		from lockstep.ingest_part(statement, records, indexes, lines,
			reasons) p;
		perform set_config('lockstep.pass_over', '', true);
		return;
	end if;
	accepted := 0;
	if count = 1 then
		refused := indexes;
		refused_lines := lines;
		said := array[reason];
		texts := records;
		return;
	end if;
	for at in 1 .. count by size loop
		part := lockstep.ingest_part(statement,
			records[at:at + size - 1], indexes[at:at + size - 1],
			lines[at:at + size - 1], reasons);
		accepted := accepted + part.accepted;
		refused := refused || part.refused;
		refused_lines := refused_lines || part.refused_lines;
		said := said || part.said;
		texts := texts || part.texts;
	end loop;
end
$$;

-- What is said of a table, for lockstep check.
create function lockstep.partitioning(relation text) returns table (
	by_column text, period text, ahead integer, keep integer)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
	select p.by_column, p.period, p.ahead, p.keep
	from lockstep.partitions p where p.relation = partitioning.relation
$$;

grant execute on function lockstep.partition_tend() to lockstep_worker;
grant execute on function lockstep.partitioning(text) to lockstep;
grant execute on function lockstep.keys_table(regclass)
	to anon, authenticated, service_role;
