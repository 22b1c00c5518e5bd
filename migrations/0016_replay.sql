-- SPDX-License-Identifier: MIT
--
-- What people do about jobs: dead ones go back to work (the same row, never a
-- copy), are given up for good, or what waits is taken back. Each time it is
-- written down who did what.
--
-- A job that is replayed keeps its attempts and errors, and may have as many
-- attempts again as it had: max_attempts says how many where it is said, and
-- they are counted from replayed_from on.
--
-- LSJ02	the job is not dead
-- LSJ03	there is another unfinished job with its unique_key

alter table lockstep.jobs
	add replayed      integer not null default 0,
	add replayed_at   timestamptz,
	add replayed_from integer,
	-- Once by itself; again only after somebody replayed it.
	add recovered     boolean not null default false;
alter table lockstep.jobs
	drop constraint jobs_reason_check,
	add constraint jobs_reason_check
		check (reason in ('exhausted', 'permanent', 'crashed', 'invalid',
			'cancelled', 'discarded'));

-- With the kind, so that what is due later can be counted from the index.
drop index lockstep.jobs_scheduled_idx;
create index jobs_scheduled_idx on lockstep.jobs (run_at) include (kind)
	where state = 'scheduled';

create table lockstep.operations (
	id         bigint generated always as identity primary key,
	action     text not null
		constraint operations_action_check
		check (action in ('replay', 'discard', 'cancel', 'recover',
			'pause', 'resume')),
	-- Who: the login, what it acted as, and the subject of a request.
	login      text not null,
	role       text,
	subject    text,
	filter     jsonb not null,
	changed    bigint not null default 0,
	skipped    bigint not null default 0,
	begun_at   timestamptz not null default now(),
	updated_at timestamptz not null default now()
);
create index operations_begun_idx on lockstep.operations (begun_at);

-- How many jobs there are, counted now and then for all workers.
create table lockstep.job_counts (
	kind   text not null,
	state  text not null,
	n      bigint not null,
	exact  boolean not null,
	oldest timestamptz,
	constraint job_counts_pkey primary key (kind, state)
);
create table lockstep.job_counted (
	one        boolean primary key default true
		constraint job_counted_one_check check (one),
	counted_at timestamptz not null default '-infinity',
	took_ms    integer not null default 0
);
insert into lockstep.job_counted default values;

-- Writes down that somebody does something, or adds what became of it.
create function lockstep.note_operation(operation bigint, action text,
	filter jsonb, changed bigint, skipped bigint) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	noted bigint;
begin
	update lockstep.operations o
	set changed = o.changed + note_operation.changed,
		skipped = o.skipped + note_operation.skipped,
		updated_at = now()
	where o.id = operation and o.login = session_user
	and o.action = note_operation.action
	returning o.id into noted;
	if not found then
		insert into lockstep.operations (action, login, role, subject,
			filter, changed, skipped)
		values (note_operation.action, session_user,
			lockstep.acting_role(), auth.jwt() ->> 'sub',
			note_operation.filter, note_operation.changed,
			note_operation.skipped)
		returning id into noted;
	end if;
	return noted;
end
$$;

-- The condition that a filter is, as text: {"ids", "kinds", "reason", "code",
-- "since", "until"}. What is over counts from when it was over, what waits from
-- when it came. A member that is not known is no filter.
create function lockstep.job_condition(filter jsonb, over boolean)
returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
	condition text := 'true';
	moment text := case when over then 'j.finalized_at'
		else 'j.created_at' end;
	member text;
	value jsonb;
begin
	for member, value in select * from jsonb_each(filter) loop
		continue when value = 'null';
		condition := condition || ' and ' || case member
			when 'ids' then format('j.id = any(%L::bigint[])',
				array(select jsonb_array_elements_text(value)))
			when 'kinds' then format('j.kind = any(%L::text[])',
				array(select jsonb_array_elements_text(value)))
			when 'state' then format('j.state = %L', value #>> '{}')
			when 'reason' then
				format('j.reason = %L', value #>> '{}')
			when 'code' then format('j.errors -> -1 ->> ''code'' = %L',
				value #>> '{}')
			when 'since' then format('%s >= %L::timestamptz', moment,
				value #>> '{}')
			when 'until' then format('%s < %L::timestamptz', moment,
				value #>> '{}')
			end;
		if condition is null then
			raise exception using errcode = '22023', message =
				format('"%s" is no filter of jobs', member);
		end if;
	end loop;
	return condition;
end
$$;

-- Which states an action is for.
create function lockstep.job_states(action text, force boolean) returns text
language sql immutable
return case when action = 'cancel' then '''available'', ''scheduled'''
	when force then '''dead'', ''done'', ''cancelled''' else '''dead''' end;

-- Is it an operator's work? What is for operators says so for as long as it runs,
-- by lockstep.operating: lockstep_logic sees and changes jobs of others then
-- alone (policies/jobs.sql).
create function lockstep.is_operating() returns boolean
language sql stable
return current_setting('lockstep.operating', true) is not distinct from 'on';

-- How many jobs there are that an action is for.
create function lockstep.jobs_matching(action text, filter jsonb, force boolean)
returns bigint
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	matched bigint;
begin
	perform set_config('lockstep.operating', 'on', true);
	execute format('select count(*) from lockstep.jobs j '
		'where j.state in (%s) and %s',
		lockstep.job_states(action, force),
		lockstep.job_condition(filter, action <> 'cancel'))
	into matched;
	perform set_config('lockstep.operating', '', true);
	return matched;
end
$$;

-- Has jobs available again. Of those with the same unique_key one, the oldest,
-- when none is unfinished; the others stay as they are. With a rate they are
-- due one after the other, `before` of them having gone.
create function lockstep.job_revive(ids bigint[], rate numeric, before bigint,
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
				reason = null, finalized_at = null,
				max_attempts = j.attempt + j.max_attempts
					- coalesce(j.replayed_from, 0),
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

-- Does an action to jobs that a filter takes, at most so many above an id:
-- replay (-> available), discard (dead -> cancelled), cancel (what waits ->
-- cancelled). Where it got to, and whether that was all. A job that somebody
-- holds is not waited for. `operation` goes on with one that was begun.
create function lockstep.operate_jobs(
	action text,
	filter jsonb,
	most integer default 1000,
	force boolean default false,
	rate numeric default null,
	inout operation bigint default null,
	inout last_id bigint default 0,
	inout before bigint default 0,
	out changed bigint,
	out skipped bigint,
	out more boolean
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	ids bigint[];
	taken bigint[];
	keys text[];
begin
	if action not in ('replay', 'discard', 'cancel') then
		raise exception using errcode = '22023',
			message = 'there is no such action';
	end if;
	perform set_config('lockstep.operating', 'on', true);
	execute format('select array(select j.id from lockstep.jobs j '
		'where j.state in (%s) and j.id > $1 and %s '
		'order by j.id limit $2)',
		lockstep.job_states(action, force),
		lockstep.job_condition(filter, action <> 'cancel'))
	into ids using last_id, most;
	execute format('select array(select j.id from lockstep.jobs j '
		'where j.id = any($1) and j.state in (%s) order by j.id '
		'for update skip locked)', lockstep.job_states(action, force))
	into taken using ids;
	if action = 'replay' then
		changed := lockstep.job_revive(taken, rate, before, false);
		if changed > 0 then
			perform pg_notify('lockstep_jobs', '');
		end if;
	else
		with ended as (
			update lockstep.jobs j
			set state = 'cancelled', updated_at = now(),
				finalized_at = now(),
				reason = case action when 'cancel'
					then 'cancelled' else 'discarded' end
			where j.id = any(taken)
			returning j.serial_key)
		select count(*), array_agg(distinct g.serial_key)
			filter (where g.serial_key is not null)
		into changed, keys from ended g;
		if action = 'cancel' then
			perform lockstep.job_next(k) from unnest(keys) k;
		end if;
	end if;
	perform set_config('lockstep.operating', '', true);
	skipped := cardinality(ids) - changed;
	more := cardinality(ids) = most;
	last_id := coalesce(ids[cardinality(ids)], last_id);
	before := before + changed;
	operation := lockstep.note_operation(operation, action,
		filter || case when force then '{"force": true}' else '{}' end::jsonb
			|| case when rate is null then '{}'
				else jsonb_build_object('rate', rate) end,
		changed, skipped);
end
$$;

-- A queue rests, or goes on.
create function lockstep.set_queue(name text, paused boolean)
returns setof lockstep.queues
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	perform lockstep.note_operation(null,
		case when set_queue.paused then 'pause' else 'resume' end,
		jsonb_build_object('queue', set_queue.name), 1, 0);
	return query
	insert into lockstep.queues as q (name, paused)
	values (set_queue.name, set_queue.paused)
	on conflict on constraint queues_pkey do update
	set paused = excluded.paused, updated_at = now()
	returning q.*;
end
$$;

-- One job, for requests; says why it was not done. Nothing when there is none.
create function lockstep.operate_job(action text, id bigint) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	job lockstep.jobs;
	done record;
begin
	perform set_config('lockstep.operating', 'on', true);
	select j.* into job from lockstep.jobs j where j.id = operate_job.id;
	if not found then
		perform set_config('lockstep.operating', '', true);
		return;
	end if;
	done := lockstep.operate_jobs(action,
		jsonb_build_object('ids', array[operate_job.id]));
	if done.changed = 0 and job.state = 'dead' then
		raise exception using errcode = 'LSJ03', message =
			'another job with its key is unfinished';
	elsif done.changed = 0 then
		raise exception using errcode = 'LSJ02',
			message = 'the job is not dead';
	end if;
end
$$;
-- Dead jobs by a filter, at most so many at once, the oldest first, for requests.
-- Dry: how many there are.
create function lockstep.operate_dead(action text, filter jsonb, most integer,
	rate numeric, dry_run boolean)
returns table (matched bigint, changed bigint, skipped bigint, more boolean)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	done record;
begin
	if dry_run then
		matched := lockstep.jobs_matching(action, filter, false);
		return query select matched, 0::bigint, 0::bigint, false;
		return;
	end if;
	done := lockstep.operate_jobs(action, filter, coalesce(most, 1000),
		rate => rate);
	return query select done.changed + done.skipped, done.changed,
		done.skipped, done.more;
end
$$;
-- What gave up on a service while it did not answer is tried again now that it
-- does, each job once: until somebody replays it, which makes it a new one.
create function lockstep.job_recover(kinds text[], since timestamptz)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	ids bigint[];
	changed bigint;
begin
	ids := array(select j.id from lockstep.jobs j
		where j.state = 'dead' and j.kind = any(kinds)
		and j.finalized_at >= since
		and j.reason = 'exhausted' and not j.recovered
		order by j.id
		for update skip locked);
	if cardinality(ids) = 0 then
		return 0;
	end if;
	changed := lockstep.job_revive(ids, null, 0, true);
	perform lockstep.note_operation(null, 'recover',
		jsonb_build_object('kinds', kinds, 'since', since), changed,
		cardinality(ids) - changed);
	if changed > 0 then
		perform pg_notify('lockstep_jobs', '');
	end if;
	return changed;
end
$$;

-- The jobs of a state, by kind. Counted up to `most` a kind, so that what it
-- costs is bounded whatever there is; beyond that Postgres' statistics of the
-- state's index tell, and no less than what was counted.
create function lockstep.job_census(state text, most integer)
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
			select k.kind, l.n, l.n < $1 as exact, l.oldest
			from k cross join lateral (
				select count(*) as n, min(j.moment) as oldest
				from (select j.%2$I as moment
					from lockstep.jobs j
					where j.state = %1$L and j.kind = k.kind
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
		'lockstep.jobs_' || job_census.state || '_idx')
	using most;
end
$$;

-- Counts what is unfinished or dead, when that was long enough ago: five
-- seconds, and two hundred times as long as it took. Of many workers one does
-- it, and the others see it.
create function lockstep.job_count(most integer) returns setof lockstep.job_counts
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	began timestamptz := clock_timestamp();
begin
	if not pg_try_advisory_xact_lock(
			hashtextextended('lockstep.job_count', 0))
	or exists (select from lockstep.job_counted c where c.counted_at
			+ greatest(5000, c.took_ms * 200::bigint)
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
		sum(count(*)) over () < most, min(d.run_at)
	from (select j.kind, j.run_at from lockstep.jobs j
		where j.state = 'scheduled' order by j.run_at limit most) d
	group by d.kind;
	update lockstep.job_counted c set counted_at = clock_timestamp(),
		took_ms = extract(epoch from clock_timestamp() - began) * 1000;
	return query select * from lockstep.job_counts;
end
$$;

grant execute on function
	lockstep.jobs_matching(text, jsonb, boolean),
	lockstep.operate_jobs(text, jsonb, integer, boolean, numeric, bigint,
		bigint, bigint),
	lockstep.set_queue(text, boolean)
	to operator, lockstep_worker, service_role;
grant execute on function
	lockstep.operate_job(text, bigint),
	lockstep.operate_dead(text, jsonb, integer, numeric, boolean),
	lockstep.job_conservation()
	to service_role;
grant execute on function
	lockstep.note_operation(bigint, text, jsonb, bigint, bigint),
	lockstep.job_revive(bigint[], numeric, bigint, boolean)
	to lockstep_worker, lockstep_logic;
grant execute on function
	lockstep.job_condition(jsonb, boolean),
	lockstep.job_states(text, boolean),
	lockstep.is_operating(),
	lockstep.job_next(text)
	to lockstep_logic;
grant execute on function
	lockstep.job_recover(text[], timestamptz),
	lockstep.job_census(text, integer),
	lockstep.job_count(integer)
	to lockstep_worker;
grant execute on function lockstep.acting_role() to lockstep_worker;

grant create on schema lockstep to lockstep_logic;
alter function lockstep.jobs_matching(text, jsonb, boolean)
	owner to lockstep_logic;
alter function lockstep.operate_jobs(text, jsonb, integer, boolean, numeric,
	bigint, bigint, bigint) owner to lockstep_logic;
alter function lockstep.set_queue(text, boolean) owner to lockstep_logic;
alter function lockstep.operate_job(text, bigint) owner to lockstep_logic;
revoke create on schema lockstep from lockstep_logic;
