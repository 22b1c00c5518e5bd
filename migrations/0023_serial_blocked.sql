-- SPDX-License-Identifier: MIT
--
-- A backlog of one serial key costs those of others nothing. A job that is left
-- while three of its key are unfinished is blocked, and out of what a claim
-- looks through, until the one before it ends: job_next() clears that. So a
-- claim steps over two of a key at most, however many there are.
--
-- Three, as the end of a predecessor does not see a job whose transaction is
-- still open: while there are three, all of them would have to end within it.
-- Should that happen, lockstep.job_unblock() makes good for it within a second.

alter table lockstep.jobs
	add blocked boolean not null default false;
drop index lockstep.jobs_available_idx;
create index jobs_available_idx on lockstep.jobs (kind, blocked, run_at, id)
	where state = 'available';
create index jobs_blocked_idx on lockstep.jobs (serial_key, id)
	where blocked and finalized_at is null;

-- Has a key three jobs that are unfinished? Of all callers' jobs, as an operator
-- sees them.
create function lockstep.job_is_behind(key text) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
	behind boolean;
begin
	perform set_config('lockstep.operating', 'on', true);
	select count(*) = 3 into behind from (
		select from lockstep.jobs j
		where j.serial_key = key and j.finalized_at is null
		limit 3) c;
	perform set_config('lockstep.operating', '', true);
	return behind;
end
$$;

-- As before, and it is blocked no more. Who waited for a row here could be
-- waited for: whoever has it locked is working on it, so that it needs no
-- moving, or ending it, and then the next is the one. That one is still behind
-- what claims see of its key, so that the order stays.
create or replace function lockstep.job_next(key text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	with c as materialized (
		select n.id from lockstep.jobs n
		where n.serial_key = key and n.finalized_at is null
		order by n.id
		limit 1
		for update of n skip locked)
	update lockstep.jobs j
	set blocked = false, run_at = case when j.state = 'available'
		then clock_timestamp() else j.run_at end
	from c
	where j.id = c.id and (j.state = 'available' or j.blocked);
end
$$;

-- Since when the oldest job of a kind waits that could run: it is not blocked,
-- and none of its key is before it. Of those that are not blocked so many are
-- looked at; the one after them is taken for one that could.
create function lockstep.runnable_since(kind text) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
	looked constant integer := 10000;
begin
	return (select c.run_at
		from (select j.run_at, j.id, j.serial_key,
				row_number() over (order by j.run_at, j.id)
					as nth
			from lockstep.jobs j
			where j.kind = runnable_since.kind
			and j.state = 'available' and not j.blocked
			order by j.run_at, j.id
			limit looked + 1) c
		where c.nth > looked or c.serial_key is null
		or not exists (select from lockstep.jobs p
			where p.serial_key = c.serial_key
			and p.finalized_at is null and p.id < c.id)
		order by c.run_at, c.id
		limit 1);
end
$$;

-- The first blocked jobs of keys that have none before them; how many, up to
-- `most`. From key to key, by the index that begins with it. Of several
-- workers one does it.
create function lockstep.job_unblock(most integer) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
	count bigint;
begin
	if not pg_try_advisory_xact_lock(
			hashtextextended('lockstep.job_unblock', 0)) then
		return 0;
	end if;
	with recursive k as (
		(select j.serial_key as key, j.id from lockstep.jobs j
		where j.blocked and j.finalized_at is null
		order by j.serial_key, j.id limit 1)
		union all
		select n.* from k cross join lateral (
			select j.serial_key, j.id from lockstep.jobs j
			where j.blocked and j.finalized_at is null
			and j.serial_key > k.key
			order by j.serial_key, j.id limit 1) n),
	c as materialized (
		select j.id from k join lockstep.jobs j on j.id = k.id
		where not exists (select from lockstep.jobs p
			where p.serial_key = k.key
			and p.finalized_at is null and p.id < k.id)
		limit most
		for update of j skip locked)
	update lockstep.jobs j
	set blocked = false, run_at = case when j.state = 'available'
		then clock_timestamp() else j.run_at end
	from c where j.id = c.id;
	get diagnostics count = row_count;
	return count;
end
$$;

-- As before, and a claim that meets what another holds learns so at once: what
-- is held is there to be looked at until it is done.
create or replace function lockstep.job_turn(key text, job bigint)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	if not pg_try_advisory_xact_lock(1819501425, hashtext(key)) then
		return false;
	end if;
	return not exists (select from lockstep.jobs j where j.serial_key = key
		and j.finalized_at is null
		and (j.id < job or j.state = 'running'));
end
$$;

-- As before, of what is not blocked.
create or replace function lockstep.job_take(
	kinds text[], most integer[], leased boolean[],
	floor_at timestamptz[], floor_id bigint[],
	worker bigint, lease_ms integer
) returns setof lockstep.jobs
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
	wanted text;
	at_least timestamptz;
	from_id bigint;
	count integer;
begin
	for i in 1 .. cardinality(kinds) loop
		wanted := kinds[i];
		at_least := coalesce(floor_at[i], '-infinity');
		from_id := coalesce(floor_id[i], 0);
		count := most[i];
		if leased[i] then
			return query
			with c as materialized (
				select j.id from lockstep.jobs j
				where j.kind = wanted and j.state = 'available'
				and not j.blocked
				and (j.run_at, j.id) >= (at_least, from_id)
				and j.run_at <= now()
				and (j.serial_key is null
					or not exists (
						select from lockstep.jobs p
						where p.serial_key = j.serial_key
						and p.finalized_at is null
						and p.id < j.id)
					and lockstep.job_turn(j.serial_key, j.id))
				order by j.run_at, j.id
				limit count
				for update of j skip locked)
			update lockstep.jobs j
			set state = 'running', attempt = j.attempt + 1,
				lease_token = nextval('lockstep.lease_seq'),
				lease_until = now()
					+ lease_ms * interval '1 millisecond',
				owner = worker, updated_at = now()
			from c
			where j.id = c.id
			returning j.*;
		else
			return query
			select j.* from lockstep.jobs j
			where j.kind = wanted and j.state = 'available'
			and not j.blocked
			and (j.run_at, j.id) >= (at_least, from_id)
			and j.run_at <= now()
			and (j.serial_key is null
				or not exists (
					select from lockstep.jobs p
					where p.serial_key = j.serial_key
					and p.finalized_at is null
					and p.id < j.id)
				and lockstep.job_turn(j.serial_key, j.id))
			order by j.run_at, j.id
			limit count
			for update of j skip locked;
		end if;
		if found then
			return;
		end if;
	end loop;
end
$$;

-- As before, but when nothing is scheduled it says so: greatest(0, null) is 0, so
-- that workers asked again at once. What is scheduled for never is left alone.
create or replace function lockstep.job_promote(most integer,
	out promoted bigint, out due_ms bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	with c as materialized (
		select j.id from lockstep.jobs j
		where j.state = 'scheduled' and j.run_at <= now()
		order by j.run_at
		limit most
		for update of j skip locked)
	update lockstep.jobs j
	set state = 'available', run_at = clock_timestamp(), updated_at = now()
	from c where j.id = c.id;
	get diagnostics promoted = row_count;
	select ceil(1000 * extract(epoch from
		j.run_at - clock_timestamp()))
	into due_ms
	from lockstep.jobs j
	where j.state = 'scheduled' and isfinite(j.run_at)
	order by j.run_at limit 1;
	due_ms := case when due_ms < 0 then 0 else due_ms end;
end
$$;

-- As before, and they are not blocked: what is before them may be over. Of
-- attempts there are no more than a number holds.
create or replace function lockstep.job_revive(ids bigint[], rate numeric, before bigint,
	recovers boolean) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	count bigint;
begin
	for try in 1 .. 3 loop
		begin
			with c as materialized (
				select j.id, row_number() over (order by j.id)
					- 1 + before as place
				from (select d.id, d.kind, d.unique_key,
						row_number() over (
							partition by d.kind,
								d.unique_key
							order by d.id) as nth
					from lockstep.jobs d
					where d.id = any(ids)) j
				where j.unique_key is null or (j.nth = 1
					and not exists (
						select from lockstep.jobs o
						where o.kind = j.kind
						and o.unique_key = j.unique_key
						and o.finalized_at is null)))
			update lockstep.jobs j
			set state = case when rate > 0 and c.place >= rate
					then 'scheduled' else 'available' end,
				run_at = clock_timestamp()
					+ coalesce(c.place / nullif(rate, 0), 0)
					* interval '1 second',
				blocked = false,
				reason = null, finalized_at = null,
				max_attempts = case when j.max_attempts > 0
					then least(2147483647, j.attempt::bigint
						+ j.max_attempts
						- coalesce(j.replayed_from, 0))
					end,
				replayed_from = j.attempt,
				replayed = j.replayed + 1, replayed_at = now(),
				recovered = recovers, updated_at = now()
			from c where j.id = c.id;
			get diagnostics count = row_count;
			return count;
		exception when unique_violation then
			-- Somebody left one with the same key just now.
			null;
		end;
	end loop;
	return 0;
end
$$;

-- As before; what is available is in two parts of its index, and its oldest is
-- the oldest that could run.
create or replace function lockstep.job_census(state text, most integer)
returns table (kind text, n bigint, exact boolean, oldest timestamptz)
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
	-- From kind to kind, by the index that begins with it.
	return query execute format($q$
		with recursive k as (
			(select j.kind from lockstep.jobs j
			where j.state = %1$L order by j.kind limit 1)
			union all
			select (select j.kind from lockstep.jobs j
				where j.state = %1$L and j.kind > k.kind
				order by j.kind limit 1)
			from k where k.kind is not null),
		c as materialized (
			select k.kind, l.n, l.n < $1 as exact,
				%6$s as oldest
			from k cross join lateral (
				select count(*) as n, min(j.moment) as oldest
				from (values %4$s) b (part)
				cross join lateral (select j.%2$I as moment
					from lockstep.jobs j
					where j.state = %1$L and j.kind = k.kind
					and %5$s
					order by j.%2$I limit $1) j) l
			where k.kind is not null),
		e as (select greatest(0, c.reltuples)::bigint as n
			from pg_class c where c.oid = %3$L::regclass)
		select c.kind, case when c.exact then c.n else greatest(c.n,
			((select e.n from e) - coalesce(sum(c.n)
				filter (where c.exact) over (), 0))
			/ greatest(1, count(*) filter (where not c.exact) over ())
			)::bigint end, c.exact, c.oldest
		from c $q$,
		job_census.state,
		case job_census.state when 'dead' then 'finalized_at'
			else 'run_at' end,
		'lockstep.jobs_' || job_census.state || '_idx',
		case job_census.state when 'dead' then '(true)'
			else '(false), (true)' end,
		case job_census.state when 'dead' then 'b.part'
			else 'j.blocked = b.part' end,
		case job_census.state when 'available'
			then 'lockstep.runnable_since(k.kind)'
			else 'l.oldest' end)
	using most;
end
$$;

-- As before, and four times as often when there is much to count.
create or replace function lockstep.job_count(most integer)
returns setof lockstep.job_counts
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	began timestamptz := clock_timestamp();
begin
	if not pg_try_advisory_xact_lock(
			hashtextextended('lockstep.job_count', 0))
	or exists (select from lockstep.job_counted c where c.counted_at
			+ greatest(5000, c.took_ms * 50::bigint)
			* interval '1 millisecond' > began) then
		return query select * from lockstep.job_counts;
		return;
	end if;
	delete from lockstep.job_counts;
	insert into lockstep.job_counts (kind, state, n, exact, oldest)
	select c.kind, s.state, c.n, c.exact, c.oldest
	from unnest('{available,dead}'::text[]) s (state)
	cross join lateral lockstep.job_census(s.state, most) c
	union all
	select j.kind, 'running', count(*), true, min(j.run_at)
	from lockstep.jobs j where j.state = 'running' group by j.kind
	union all
	select d.kind, 'scheduled', case when sum(count(*)) over () < most
			then count(*)
			else (count(*) * greatest(1, (select c.reltuples
				from pg_class c where c.oid =
					'lockstep.jobs_scheduled_idx'::regclass)
				/ most))::bigint end,
		sum(count(*)) over () < most,
		min(d.run_at) filter (where isfinite(d.run_at))
	from (select j.kind, j.run_at from lockstep.jobs j
		where j.state = 'scheduled' order by j.run_at limit most) d
	group by d.kind;
	update lockstep.job_counted c set counted_at = clock_timestamp(),
		took_ms = extract(epoch from clock_timestamp() - began) * 1000;
	return query select * from lockstep.job_counts;
end
$$;

grant execute on function lockstep.job_is_behind(text) to lockstep_logic;
grant execute on function lockstep.job_unblock(integer) to lockstep_worker;
grant execute on function lockstep.runnable_since(text)
	to lockstep_worker, lockstep_logic;

grant create on schema lockstep to lockstep_logic;
set local role lockstep_logic;

-- As before, with `blocked`; and run_at is a time.
create or replace function lockstep.enqueue(
	kind text,
	args jsonb default '{}',
	run_at timestamptz default null,
	unique_key text default null,
	serial_key text default null,
	max_attempts integer default null
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
	job bigint;
begin
	if not isfinite(enqueue.run_at) then
		raise exception using errcode = '23514',
			constraint = 'jobs_legal_check', schema = 'lockstep',
			table = 'jobs', message = 'run_at of a job is not finite';
	end if;
	for try in 1 .. 3 loop
		insert into lockstep.jobs (kind, args, claims, role, state,
			run_at, unique_key, serial_key, blocked, max_attempts,
			request_id, traceparent)
		values (enqueue.kind, coalesce(enqueue.args, '{}'),
			coalesce(auth.jwt(), '{}'), lockstep.acting_role(),
			case when enqueue.run_at > now() then 'scheduled'
				else 'available' end,
			greatest(enqueue.run_at, clock_timestamp()),
			enqueue.unique_key, enqueue.serial_key,
			enqueue.serial_key is not null
				and lockstep.job_is_behind(enqueue.serial_key),
			enqueue.max_attempts,
			nullif(current_setting('lockstep.request_id', true), ''),
			nullif(current_setting('lockstep.traceparent', true), ''))
		on conflict (kind, unique_key)
			where finalized_at is null and unique_key is not null
		do nothing
		returning id into job;
		exit when found;
		-- It may end between the two statements: then it is tried again.
		select j.id into job from lockstep.jobs j
		where j.kind = enqueue.kind
		and j.unique_key = enqueue.unique_key
		and j.finalized_at is null;
		exit when found;
	end loop;
	return job;
end
$$;

-- As before, of what is not blocked; and the age is of what could run.
create or replace function lockstep.pressure(queues text[], kinds text[],
	most integer)
returns table (queue text, age_ms bigint, depth bigint)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
begin
	perform set_config('lockstep.operating', 'on', true);
	return query
	select k.queue, (select (extract(epoch from clock_timestamp()
			- min(lockstep.runnable_since(u.kind))) * 1000)::bigint
		from unnest(k.kinds) u (kind)
		where not exists (select from lockstep.queues q
			where q.name = k.queue and q.paused)),
		(select count(*) from (select from unnest(k.kinds) u (kind)
			join lockstep.jobs j on j.kind = u.kind
				and j.state = 'available'
			limit pressure.most) c)
	from (
		select p.queue, array_agg(p.kind) as kinds
		from (select unnest(queues) as queue, unnest(pressure.kinds)
			as kind) p
		group by p.queue
	) k;
	perform set_config('lockstep.operating', '', true);
end
$$;

reset role;
revoke create on schema lockstep from lockstep_logic;
