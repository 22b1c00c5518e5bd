-- SPDX-License-Identifier: MIT
--
-- Rollups: figures of a table's rows by key and bucket of time. What is special
-- to one is made by `lockstep gen rollup`; here is what all of them share. The
-- role lockstep_rollup comes from migrations/roles.sql: run that again first.
--
-- A statement on the table leaves what it changed in NAME_delta, by triggers, in
-- its own transaction. Reading is the sum of NAME_base and NAME_delta, so it is
-- exact at any moment, whether anybody folds or not. To fold is to add deltas
-- to the base, in one statement, whose snapshot is taken when the lock of the
-- rollup is held: so what it deletes here it has added there, or neither.
--
-- A range of buckets is recounted the same way: in the snapshot of one statement
-- the rows of the table are counted and the deltas of the range, which are of
-- the same rows, deleted. Those that commit later stay and are added to it. So
-- writers are never held up, and no row counts twice or never; that is how a
-- rollup is filled at first, rebuilt, and mended.

create table lockstep.rollups (
	name          text primary key,
	schema_name   text not null,
	source        text not null,
	time_column   text not null,
	bucket        interval not null,
	window_days   integer,
	state         text not null default 'building'
		constraint rollups_state_check
		check (state in ('building', 'ready')),
	-- While it is filled: buckets before are.
	filled_to     timestamptz not null default '-infinity',
	folded        bigint not null default 0,
	folded_at     timestamptz,
	audited       bigint not null default 0,
	audited_at    timestamptz,
	-- Buckets in which an audit found another figure, since it was rebuilt; and
	-- the last of them.
	mismatches    bigint not null default 0,
	mismatch      jsonb,
	-- Why it cannot be folded, and why not filled.
	fault         text,
	fill_fault    text,
	-- How much at once, since more took too long.
	fold_most     integer,
	fill_most     integer,
	created_at    timestamptz not null default now()
);

-- Of the migration that makes a rollup, or makes it anew.
create function lockstep.register_rollup(name text, schema_name text,
	source text, time_column text, bucket interval, window_days integer)
returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
	insert into lockstep.rollups as r (name, schema_name, source,
		time_column, bucket, window_days)
	values (register_rollup.name, register_rollup.schema_name,
		register_rollup.source, register_rollup.time_column,
		register_rollup.bucket, register_rollup.window_days)
	on conflict on constraint rollups_pkey do update
	set schema_name = excluded.schema_name, source = excluded.source,
		time_column = excluded.time_column, bucket = excluded.bucket,
		window_days = excluded.window_days, state = 'building',
		filled_to = '-infinity', mismatches = 0, mismatch = null,
		fault = null, fill_fault = null, fold_most = null,
		fill_most = null
$$;
create function lockstep.forget_rollup(name text) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
	delete from lockstep.rollups r where r.name = forget_rollup.name
$$;

create function lockstep.rollup_bucket(at timestamptz, bucket interval)
returns timestamptz
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
	select case when isfinite(at) then date_bin(bucket, at,
		timestamptz '0001-01-01 00:00:00+00') else at end
$$;

-- Has it all rows? Asked by what reads it; of the reader's snapshot.
create function lockstep.rollup_is_ready(name text) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
	select coalesce((select r.state = 'ready' from lockstep.rollups r
		where r.name = rollup_is_ready.name), false)
$$;

create function lockstep.rollup_lock(name text) returns bigint
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
	select hashtextextended('lockstep.rollup.' || name, 0)
$$;

-- What is not folded: how much, counted no further than that, and how old.
create function lockstep.rollup_unfolded(schema_name text, name text,
	out unfolded bigint, out lag_s numeric)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	execute format('select (select count(*) from (select from %1$I.%2$I'
		' limit 100000) c), coalesce((select greatest(0, round('
		'extract(epoch from clock_timestamp() - d.written_at), 3))'
		' from %1$I.%2$I d order by d.id limit 1), 0)',
		schema_name, name || '_delta') into unfolded, lag_s;
end
$$;

-- Each rollup as it is.
create function lockstep.rollups_now()
returns table (name text, source text, bucket text, state text, lag_s numeric,
	unfolded bigint, folded_at timestamptz, audited_at timestamptz,
	mismatches bigint, fault text, fill_fault text)
language plpgsql stable security definer rows 10
set search_path = pg_catalog, pg_temp
set intervalstyle = iso_8601
as $$
#variable_conflict use_column
declare
	r lockstep.rollups;
begin
	for r in select * from lockstep.rollups o order by o.name loop
		name := r.name;
		source := r.source;
		bucket := r.bucket::text;
		state := r.state;
		folded_at := r.folded_at;
		audited_at := r.audited_at;
		mismatches := r.mismatches;
		fault := r.fault;
		fill_fault := r.fill_fault;
		begin
			select u.unfolded, u.lag_s into unfolded, lag_s
			from lockstep.rollup_unfolded(r.schema_name, r.name) u;
		exception when undefined_table then
			unfolded := null;
			lag_s := null;
			fault := sqlstate;
		end;
		return next;
	end loop;
end
$$;

-- How much at once from now on, when it took so long or (NULL) too long; NULL:
-- as much as is asked for.
create function lockstep.rollup_most(most integer, was integer, took interval)
returns integer
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
	select case when took is null
			then greatest(least(most, was) / 2, least(most, 100))
		when was is null or was >= most / 2
			and took < interval '1 s' then null
		when took < interval '1 s' then was * 2
		else was end
$$;

-- Folds at most so many deltas, unless somebody else is at it: then there is no
-- row. Why not, is told; when it was for the time that it took, less is tried
-- the next time, so that it ends at last.
create function lockstep.fold_rollup(rollup text, most integer)
returns table (name text, folded bigint, lag_ms bigint, unfolded bigint,
	state text, mismatches bigint, fault text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
	r lockstep.rollups;
	waiting record;
	began timestamptz := clock_timestamp();
	following integer;
begin
	if not pg_try_advisory_xact_lock(lockstep.rollup_lock(rollup)) then
		return;
	end if;
	select o.* into r from lockstep.rollups o where o.name = rollup;
	if not found then
		return;
	end if;
	name := r.name;
	state := r.state;
	mismatches := r.mismatches;
	folded := 0;
	lag_ms := 0;
	unfolded := 0;
	following := r.fold_most;
	begin
		select * into waiting from lockstep.rollup_unfolded(
			r.schema_name, r.name);
		lag_ms := waiting.lag_s * 1000;
		unfolded := waiting.unfolded;
		if waiting.unfolded > 0 then
			execute format('select %I.%I($1)',
				r.schema_name, r.name || '_fold')
			into folded using least(most, r.fold_most);
			following := lockstep.rollup_most(most, r.fold_most,
				clock_timestamp() - began);
		end if;
		unfolded := greatest(0, waiting.unfolded - folded);
	exception when query_canceled then
		fault := sqlstate;
		following := lockstep.rollup_most(most, r.fold_most, null);
	when others then
		fault := sqlstate;
	end;
	if folded > 0 or fault is distinct from r.fault
			or following is distinct from r.fold_most
			or r.folded_at is null
			or r.folded_at < now() - interval '10 s' then
		update lockstep.rollups o
		set folded = o.folded + fold_rollup.folded,
			fault = fold_rollup.fault,
			fold_most = following,
			folded_at = case when fold_rollup.fault is null
				then clock_timestamp() else o.folded_at end
		where o.name = r.name;
	end if;
	return next;
end
$$;

-- The same of all of them, at once.
create function lockstep.fold_rollups(most integer)
returns table (name text, folded bigint, lag_ms bigint, unfolded bigint,
	state text, mismatches bigint, fault text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
	rollup text;
begin
	for rollup in select o.name from lockstep.rollups o order by o.name loop
		return query
		select * from lockstep.fold_rollup(rollup, most);
	end loop;
end
$$;

-- Where the range ends that begins there and has about so many rows: between
-- two buckets.
create function lockstep.rollup_step(r lockstep.rollups, since timestamptz,
	most integer) returns timestamptz
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	at timestamptz;
begin
	execute format('select s.%1$I from %2$s s where s.%1$I >= $1'
		' order by s.%1$I offset $2 limit 1', r.time_column, r.source)
	into at using since, most;
	return coalesce(lockstep.rollup_bucket(at, r.bucket) + r.bucket,
		'infinity');
end
$$;

-- From when on it is to equal its source: buckets before are history, of which
-- the rows may be gone. So they may where parts of the table were dropped.
create function lockstep.rollup_begin(r lockstep.rollups) returns timestamptz
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	begins timestamptz := '-infinity';
	gone timestamptz;
begin
	if r.window_days is not null then
		begins := now() - make_interval(days => r.window_days);
	end if;
	if to_regclass('lockstep.partitions') is not null then
		execute 'select max(p.gone_before) from lockstep.partitions p'
			' where p.relation = $1' into gone using r.source;
		begins := greatest(begins, gone);
	end if;
	return case when isfinite(begins) then lockstep.rollup_bucket(
		begins - interval '1 microsecond', r.bucket) + r.bucket
		else begins end;
end
$$;

-- Counts the next range of a rollup that is not ready. NULL: nothing was to be
-- done, or somebody else is at it; else whether there is more.
create function lockstep.fill_rollup(rollup text, most integer)
returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	r lockstep.rollups;
	until timestamptz;
begin
	select o.* into r from lockstep.rollups o
	where o.name = fill_rollup.rollup and o.state = 'building';
	if not found or not pg_try_advisory_xact_lock(
			lockstep.rollup_lock(r.name)) then
		return null;
	end if;
	-- As it is now that nobody else changes it.
	select o.* into r from lockstep.rollups o
	where o.name = fill_rollup.rollup and o.state = 'building';
	if not found then
		return null;
	end if;
	until := lockstep.rollup_step(r, r.filled_to, most);
	execute format('select %I.%I($1, $2)', r.schema_name,
		r.name || '_recount') using r.filled_to, until;
	update lockstep.rollups o
	set filled_to = until, fill_fault = null,
		state = case when until = 'infinity' then 'ready'
			else 'building' end
	where o.name = r.name;
	return until <> 'infinity';
end
$$;

-- The worker's: what it cannot count is told, and kept until it can; with less
-- at once when it took too long.
create function lockstep.try_fill_rollup(rollup text, most integer,
	out more boolean, out fault text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	was integer;
	following integer;
	began timestamptz := clock_timestamp();
begin
	select r.fill_most into was from lockstep.rollups r
	where r.name = rollup;
	following := was;
	begin
		more := lockstep.fill_rollup(rollup, least(most, was));
		if more is not null then
			following := lockstep.rollup_most(most, was,
				clock_timestamp() - began);
		end if;
	exception when query_canceled then
		fault := sqlstate;
		following := lockstep.rollup_most(most, was, null);
	when others then
		fault := sqlstate;
	end;
	more := coalesce(more, false);
	update lockstep.rollups r
	set fill_fault = coalesce(try_fill_rollup.fault, r.fill_fault),
		fill_most = following
	where r.name = rollup and (following is distinct from r.fill_most
		or try_fill_rollup.fault <> coalesce(r.fill_fault, ''));
end
$$;

-- The same of all of them; is there more to count?
create function lockstep.fill_rollups(most integer) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	rollup text;
	more boolean := false;
begin
	for rollup in select r.name from lockstep.rollups r
			where r.state = 'building' order by r.name loop
		more := (select t.more from lockstep.try_fill_rollup(rollup,
			most) t) or more;
	end loop;
	return more;
end
$$;

-- Counts a range anew, from `since` on (NULL = from the beginning of what is to
-- equal the source); where the next one begins, NULL = that was the last. Then
-- what audits found is forgotten. Waits for whoever is at the rollup.
create function lockstep.rebuild_rollup(rollup text, since timestamptz,
	most integer) returns timestamptz
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	r lockstep.rollups;
	until timestamptz;
begin
	perform pg_advisory_xact_lock(lockstep.rollup_lock(rollup));
	select o.* into r from lockstep.rollups o where o.name = rollup;
	if not found then
		raise exception using errcode = 'no_data_found',
			message = 'there is no such rollup';
	end if;
	since := coalesce(since, lockstep.rollup_begin(r));
	until := lockstep.rollup_step(r, since, most);
	execute format('select %I.%I($1, $2)', r.schema_name,
		r.name || '_recount') using since, until;
	if until < 'infinity' then
		return until;
	end if;
	update lockstep.rollups o
	set mismatches = 0, mismatch = null, state = 'ready',
		fill_fault = null
	where o.name = r.name;
	return null;
end
$$;

-- What an audit of a range found, kept.
create function lockstep.rollup_audited(r lockstep.rollups,
	since timestamptz, until timestamptz, out buckets bigint,
	out differing jsonb)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	execute format('select count(*), jsonb_agg(to_jsonb(c) order by c.bucket)'
		' filter (where c.kept is distinct from c.counted)'
		' from %I.%I($1, $2) c', r.schema_name, r.name || '_compare')
	into buckets, differing using since, until;
	update lockstep.rollups o
	set audited = o.audited + buckets, audited_at = clock_timestamp(),
		mismatches = o.mismatches
			+ coalesce(jsonb_array_length(differing), 0),
		mismatch = coalesce(differing -> 0, o.mismatch)
	where o.name = r.name;
end
$$;

-- Holds a range against its source: where the next one begins, how many rows of
-- figures there were, and those that differ, with both.
create function lockstep.audit_rollup(rollup text, since timestamptz,
	most integer, out next timestamptz, out buckets bigint,
	out differing jsonb)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	r lockstep.rollups;
	until timestamptz;
begin
	select o.* into r from lockstep.rollups o where o.name = rollup;
	if not found then
		raise exception using errcode = 'no_data_found',
			message = 'there is no such rollup';
	end if;
	since := coalesce(since, lockstep.rollup_begin(r));
	until := lockstep.rollup_step(r, since, most);
	select a.buckets, a.differing into buckets, audit_rollup.differing
	from lockstep.rollup_audited(r, since, until) a;
	next := nullif(until, 'infinity');
end
$$;

-- The same for buckets that are picked at random, by time: half of them where
-- the source has rows and half where the rollup has, since either may lack
-- what the other has.
create function lockstep.audit_rollup_at_random(rollup text, times integer,
	out buckets bigint, out differing jsonb)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	r lockstep.rollups;
	whence text[];
	first timestamptz;
	last timestamptz;
	at timestamptz;
	part record;
begin
	select o.* into r from lockstep.rollups o where o.name = rollup;
	if not found then
		raise exception using errcode = 'no_data_found',
			message = 'there is no such rollup';
	end if;
	buckets := 0;
	audit_rollup_at_random.differing := '[]';
	for i in 0 .. times - 1 loop
		whence := case i % 2 when 0 then array[r.source, r.time_column]
			else array[format('%I.%I', r.schema_name,
				r.name || '_base'), 'bucket'] end;
		execute format('select min(s.%1$I), max(s.%1$I) from %2$s s'
			' where s.%1$I >= $1 and isfinite(s.%1$I)',
			whence[2], whence[1])
		into first, last using lockstep.rollup_begin(r);
		continue when first is null;
		execute format('select s.%1$I from %2$s s where s.%1$I >= $1'
			' order by s.%1$I limit 1', whence[2], whence[1])
		into at using first + random() * (last - first);
		at := lockstep.rollup_bucket(at, r.bucket);
		select * into part
		from lockstep.rollup_audited(r, at, at + r.bucket);
		buckets := buckets + part.buckets;
		audit_rollup_at_random.differing := audit_rollup_at_random.differing
			|| coalesce(part.differing, '[]');
	end loop;
	if times > 0 and buckets = 0 then
		update lockstep.rollups o set audited_at = clock_timestamp()
		where o.name = r.name;
	end if;
end
$$;

-- The worker's audit: of the one whose turn it is, when its last audit is so
-- old; nothing when there is none.
create function lockstep.audit_rollups(every_s integer, times integer)
returns table (name text, buckets bigint, mismatches bigint)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
	part record;
begin
	if not pg_try_advisory_xact_lock(
			hashtextextended('lockstep.audit_rollups', 0)) then
		return;
	end if;
	select r.name into name from lockstep.rollups r
	where r.state = 'ready' and (r.audited_at is null
		or r.audited_at < now() - make_interval(secs => every_s))
	order by r.audited_at nulls first, r.name limit 1;
	if not found then
		return;
	end if;
	select * into part
	from lockstep.audit_rollup_at_random(audit_rollups.name, times);
	buckets := part.buckets;
	mismatches := jsonb_array_length(part.differing);
	return next;
end
$$;

grant usage on schema lockstep to lockstep_rollup;
-- As policies/rollups.sql says, for the migrations that come before it.
grant select, insert, update, delete on lockstep.rollups to lockstep_rollup;
grant execute on function lockstep.rollup_is_ready(text),
		lockstep.rollup_bucket(timestamptz, interval)
	to anon, authenticated, service_role, lockstep_rollup;
grant execute on function lockstep.rollup_lock(text),
		lockstep.rollup_begin(lockstep.rollups)
	to lockstep_rollup;
grant execute on function lockstep.rollups_now()
	to service_role, operator, lockstep_worker;
grant execute on function lockstep.rollup_most(integer, integer, interval)
	to lockstep_rollup;
grant execute on function lockstep.fold_rollup(text, integer),
		lockstep.fold_rollups(integer),
		lockstep.try_fill_rollup(text, integer),
		lockstep.fill_rollup(text, integer),
		lockstep.fill_rollups(integer),
		lockstep.rebuild_rollup(text, timestamptz, integer),
		lockstep.audit_rollup(text, timestamptz, integer),
		lockstep.audit_rollup_at_random(text, integer),
		lockstep.audit_rollups(integer, integer)
	to lockstep_worker;

grant create on schema lockstep to lockstep_rollup;
alter function lockstep.register_rollup(text, text, text, text, interval,
	integer) owner to lockstep_rollup;
alter function lockstep.forget_rollup(text) owner to lockstep_rollup;
alter function lockstep.rollup_is_ready(text) owner to lockstep_rollup;
alter function lockstep.rollup_unfolded(text, text) owner to lockstep_rollup;
alter function lockstep.rollups_now() owner to lockstep_rollup;
alter function lockstep.fold_rollup(text, integer) owner to lockstep_rollup;
alter function lockstep.fold_rollups(integer) owner to lockstep_rollup;
alter function lockstep.try_fill_rollup(text, integer)
	owner to lockstep_rollup;
alter function lockstep.rollup_step(lockstep.rollups, timestamptz, integer)
	owner to lockstep_rollup;
alter function lockstep.rollup_begin(lockstep.rollups)
	owner to lockstep_rollup;
alter function lockstep.fill_rollup(text, integer) owner to lockstep_rollup;
alter function lockstep.fill_rollups(integer) owner to lockstep_rollup;
alter function lockstep.rebuild_rollup(text, timestamptz, integer)
	owner to lockstep_rollup;
alter function lockstep.rollup_audited(lockstep.rollups, timestamptz,
	timestamptz) owner to lockstep_rollup;
alter function lockstep.audit_rollup(text, timestamptz, integer)
	owner to lockstep_rollup;
alter function lockstep.audit_rollup_at_random(text, integer)
	owner to lockstep_rollup;
alter function lockstep.audit_rollups(integer, integer)
	owner to lockstep_rollup;
revoke create on schema lockstep from lockstep_rollup;

-- Who migrates may call them, though they are not his any more.
set local role lockstep_rollup;
grant execute on function lockstep.register_rollup(text, text, text, text,
		interval, integer), lockstep.forget_rollup(text)
	to session_user;
reset role;
