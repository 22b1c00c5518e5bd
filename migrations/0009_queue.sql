-- SPDX-License-Identifier: MIT
--
-- The queue. A job is a row that a function leaves in its own transaction, and
-- the same row until its end:
--
--	available -> (running ->) done | scheduled | dead; scheduled -> available
--	available, scheduled -> cancelled
--
-- Conservation: what was accepted (the ledger's n) is what is there in all
-- states and what was purged (the ledger's purged), in every snapshot.
--
-- A worker has a job in one of two ways. Held: its transaction has the row
-- locked from job_take() to the commit of the effects, and the row stays
-- 'available'; who dies has done nothing. Leased: 'running' until lease_until,
-- by lease_token, which no two leases share. What is written of a leased job is
-- fenced by the token, in the transaction of its effects; what is written of a
-- held one after it was let go, by state and attempt. Only the database's clock
-- counts.
--
-- What the contract says of a kind (queue, attempts, backoff) is not here: the
-- worker applies it, so a row made by SQL needs a kind and its arguments.
--
-- LSJ00	there is a new job; a message for the connection that made it
-- LSJ01	the job is no longer the worker's

-- Forced row security would hide the rows from the owner who rewrites them.
alter table lockstep.jobs no force row level security;
drop trigger jobs_touch on lockstep.jobs;
drop index lockstep.jobs_due_idx, lockstep.jobs_letter_idx;
alter table lockstep.jobs drop constraint jobs_state_check;
alter table lockstep.jobs rename column attempts to attempt;
alter table lockstep.jobs rename constraint jobs_attempts_check
	to jobs_attempt_check;
alter table lockstep.jobs
	add role         text,
	add max_attempts integer
		constraint jobs_max_attempts_check check (max_attempts > 0),
	add lease_token  bigint,
	add lease_until  timestamptz,
	add owner        bigint,
	add unique_key   text
		constraint jobs_unique_key_check
		check (char_length(unique_key) between 1 and 500),
	add serial_key   text
		constraint jobs_serial_key_check
		check (char_length(serial_key) between 1 and 500),
	add errors       jsonb not null default '[]'
		constraint jobs_errors_check
		check (jsonb_typeof(errors) = 'array'),
	add reason       text
		constraint jobs_reason_check
		check (reason in ('exhausted', 'permanent', 'crashed', 'invalid',
			'cancelled')),
	add request_id   text,
	add traceparent  text,
	add finalized_at timestamptz;
update lockstep.jobs set
	role = claims ->> 'role',
	state = case
		when state = 'failed' then 'dead'
		when state not in ('queued', 'running') then state
		when run_at > now() then 'scheduled'
		else 'available' end,
	reason = case state when 'failed' then 'exhausted'
		when 'cancelled' then 'cancelled' end,
	finalized_at = case when state in ('done', 'failed', 'cancelled')
		then updated_at end;
alter table lockstep.jobs
	alter state set default 'available',
	add constraint jobs_state_check
		check (state in ('available', 'scheduled', 'running', 'done',
			'cancelled', 'dead')),
	add constraint jobs_finalized_check
		check ((finalized_at is null)
			= (state in ('available', 'scheduled', 'running'))),
	add constraint jobs_lease_check
		check ((lease_token is null) = (state <> 'running')
			and (lease_until is null) = (lease_token is null)),
	add constraint jobs_reason_state_check
		check ((reason is null) = (state not in ('dead', 'cancelled')));

-- Rows change twice or so in their lives; vacuum keeps up with that.
alter table lockstep.jobs set (fillfactor = 70,
	autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
	autovacuum_vacuum_insert_scale_factor = 0.2,
	autovacuum_analyze_scale_factor = 0.1,
	autovacuum_vacuum_cost_delay = 0);

create index jobs_available_idx on lockstep.jobs (kind, run_at, id)
	where state = 'available';
create index jobs_scheduled_idx on lockstep.jobs (run_at)
	where state = 'scheduled';
create index jobs_running_idx on lockstep.jobs (owner)
	where state = 'running';
create unique index jobs_unique_key on lockstep.jobs (kind, unique_key)
	where finalized_at is null and unique_key is not null;
create index jobs_serial_idx on lockstep.jobs (serial_key, id)
	where finalized_at is null and serial_key is not null;
create unique index jobs_serial_running_key on lockstep.jobs (serial_key)
	where state = 'running' and serial_key is not null;
create index jobs_dead_idx on lockstep.jobs (kind, finalized_at)
	where state = 'dead';
create index jobs_over_idx on lockstep.jobs (finalized_at)
	where state in ('done', 'cancelled');
create sequence lockstep.lease_seq;

-- Only appended to, so nobody waits for a sum; job_purge() adds it up.
create table lockstep.job_ledger (
	n      bigint not null default 0
		constraint job_ledger_n_check check (n >= 0),
	purged bigint not null default 0
		constraint job_ledger_purged_check check (purged >= 0)
);
insert into lockstep.job_ledger (n) select count(*) from lockstep.jobs;

-- A queue is what the contract calls one. A row says what an operator wants.
create table lockstep.queues (
	name       text primary key
		constraint queues_name_check
		check (name ~ '^[a-z][a-z0-9_]{0,62}$'),
	paused     boolean not null default false,
	updated_at timestamptz not null default now()
);

-- Worker processes, which hold the advisory lock (1819501424, id) while their
-- connection lives.
create table lockstep.workers (
	id       bigint generated always as identity primary key,
	host     text not null
		constraint workers_host_check
		check (char_length(host) between 1 and 255),
	pid      integer not null,
	began_at timestamptz not null default now(),
	beat_at  timestamptz not null default now()
);

-- Counts what came, and tells the connection that it did: a message below what
-- anybody sees who has not asked for it (client_min_messages). NOTIFY would
-- have every commit of the database wait for every other; who made the job
-- sends one afterwards.
create function lockstep.count_jobs() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	came bigint;
begin
	select count(*) into came from added;
	if came > 0 then
		insert into lockstep.job_ledger (n) values (came);
		raise debug using errcode = 'LSJ00', message = 'a job';
	end if;
	return null;
end
$$;
create trigger jobs_count after insert on lockstep.jobs
	referencing new table as added
	for each statement execute function lockstep.count_jobs();

-- The role that was set, whatever a function that runs with its owner's rights
-- makes of current_user; NULL = none was.
create function lockstep.acting_role() returns text
language sql stable
return nullif(current_setting('role'), 'none');

-- Leaves a job, in the transaction of whoever calls, as the caller: it will run
-- with the same claims and role. Of jobs of a kind with the same unique_key one
-- is unfinished at a time: its id is given, or NULL if another subject made it.
-- Jobs with the same serial_key run one after the other, in the order in which
-- they were left. run_at is when, if that is later than now.
create function lockstep.enqueue(
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
	for try in 1 .. 3 loop
		insert into lockstep.jobs (kind, args, claims, role, state,
			run_at, unique_key, serial_key, max_attempts,
			request_id, traceparent)
		values (enqueue.kind, coalesce(enqueue.args, '{}'),
			coalesce(auth.jwt(), '{}'), lockstep.acting_role(),
			case when enqueue.run_at > now() then 'scheduled'
				else 'available' end,
			greatest(enqueue.run_at, clock_timestamp()),
			enqueue.unique_key, enqueue.serial_key,
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

-- Is it the turn of a job among those with its key? It has no predecessor, and
-- nobody else holds one of them: the lock lasts as long as the claim, and a
-- lease is seen after it.
create function lockstep.job_turn(key text, job bigint) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	if exists (select from lockstep.jobs j where j.serial_key = key
			and j.finalized_at is null and j.id < job) then
		return false;
	end if;
	if not pg_try_advisory_xact_lock(1819501425, hashtext(key)) then
		return false;
	end if;
	return not exists (select from lockstep.jobs j where j.serial_key = key
		and j.finalized_at is null
		and (j.id < job or j.state = 'running'));
end
$$;

-- Claims up to so many jobs of the first kind that has any, not looking below
-- its floor (run_at, id). Held, or leased to the worker. The two statements are
-- the same but for that. The plan is made once: what is planned is always this
-- one index, from the floor on.
create function lockstep.job_take(
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
				and (j.run_at, j.id) >= (at_least, from_id)
				and j.run_at <= now()
				and (j.serial_key is null
					or lockstep.job_turn(j.serial_key, j.id))
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
			and (j.run_at, j.id) >= (at_least, from_id)
			and j.run_at <= now()
			and (j.serial_key is null
				or lockstep.job_turn(j.serial_key, j.id))
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

-- The next of a key was passed over; it goes to the end of what is available,
-- where workers look.
create function lockstep.job_next(key text) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
	update lockstep.jobs j set run_at = clock_timestamp()
	where j.state = 'available' and j.id = (
		select min(n.id) from lockstep.jobs n
		where n.serial_key = key and n.finalized_at is null)
$$;

-- Held jobs are done: all of them, or none. The transaction has their rows, so
-- anything else means that it is not the one that took them.
create function lockstep.job_done(ids bigint[], serial boolean) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	count bigint;
begin
	update lockstep.jobs j
	set state = 'done', attempt = j.attempt + 1, finalized_at = now(),
		updated_at = now()
	where j.id = any(ids) and j.state = 'available';
	get diagnostics count = row_count;
	if count <> cardinality(ids) then
		raise exception using errcode = 'LSJ01',
			message = 'the job is no longer held';
	end if;
	if serial then
		perform lockstep.job_next(j.serial_key) from lockstep.jobs j
		where j.id = any(ids) and j.serial_key is not null;
	end if;
end
$$;

-- A leased job is done, if the lease is still the one.
create function lockstep.job_done(job bigint, token bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	key text;
begin
	update lockstep.jobs j
	set state = 'done', lease_token = null, lease_until = null,
		finalized_at = now(), updated_at = now()
	where j.id = job and j.state = 'running' and j.lease_token = token
	returning j.serial_key into key;
	if not found then
		raise exception using errcode = 'LSJ01',
			message = 'the lease is another''s';
	end if;
	if key is not null then
		perform lockstep.job_next(key);
	end if;
end
$$;

-- Errors with one more at the end; ten are kept.
create function lockstep.job_errors(errors jsonb, attempt integer, code text,
	message text) returns jsonb
language sql stable
return (case when jsonb_array_length(errors) > 9 then errors - 0 else errors end)
	|| jsonb_build_object('attempt', attempt, 'at', now(), 'code', code,
		'message', message);

-- A job was not done: it is dead for a reason, or tried again after a while.
-- `attempt` is the one that failed; spared, it does not count and leaves no
-- error. A token of 0 is a held job that was let go.
create function lockstep.job_fail(job bigint, token bigint, attempt integer,
	code text, message text, reason text, delay_ms bigint, spared boolean)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
	key text;
begin
	update lockstep.jobs j
	set state = case when job_fail.reason is not null then 'dead'
			when delay_ms > 0 then 'scheduled'
			else 'available' end,
		run_at = case when job_fail.reason is null then
			clock_timestamp() + delay_ms * interval '1 millisecond'
			else j.run_at end,
		attempt = job_fail.attempt - spared::integer,
		errors = case when spared then j.errors
			else lockstep.job_errors(j.errors, job_fail.attempt,
				job_fail.code, job_fail.message) end,
		reason = job_fail.reason,
		lease_token = null, lease_until = null, updated_at = now(),
		finalized_at = case when job_fail.reason is not null
			then now() end
	where j.id = job and case when token > 0
		then j.state = 'running' and j.lease_token = token
		else j.state = 'available' and j.attempt = job_fail.attempt - 1
		end
	returning case when j.finalized_at is not null then j.serial_key end
	into key;
	if not found then
		raise exception using errcode = 'LSJ01',
			message = 'the job is no longer the worker''s';
	end if;
	if key is not null then
		perform lockstep.job_next(key);
	end if;
end
$$;

-- Keeps leases, and tells those that are lost. A row that is locked is being
-- settled by its holder, or is just being reaped: it will be told the next time.
create function lockstep.job_beat(worker bigint, ids bigint[], tokens bigint[],
	lease_ms integer) returns setof bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	update lockstep.workers w set beat_at = now() where w.id = worker;
	if cardinality(ids) = 0 then
		return;
	end if;
	with c as materialized (
		select j.id from lockstep.jobs j
		join unnest(ids, tokens) as l (id, token)
			on l.id = j.id and l.token = j.lease_token
		where j.state = 'running'
		order by j.id
		for update of j skip locked)
	update lockstep.jobs j
	set lease_until = now() + lease_ms * interval '1 millisecond'
	from c where j.id = c.id;
	return query
	select l.id from unnest(ids, tokens) as l (id, token)
	where not exists (select from lockstep.jobs j
		where j.id = l.id and j.lease_token = l.token);
end
$$;

-- Takes jobs back whose lease has run out, or whose worker is gone: nobody has
-- its lock, and it has not beaten for one and a half times its period. The
-- condition is judged in the same statement that writes, on the locked row. The
-- first time a job is there again at once; one that kills its workers waits.
create function lockstep.job_reap(most integer, beat_ms integer)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	gone bigint[];
	count bigint;
begin
	gone := array(select w.id from lockstep.workers w
		where w.beat_at < now() - beat_ms * interval '1.5 milliseconds'
		and pg_try_advisory_xact_lock(1819501424, w.id::integer));
	delete from lockstep.workers w
	where w.id = any(gone) and w.beat_at < now() - interval '1 hour';
	with c as materialized (
		select j.id from lockstep.jobs j
		where j.state = 'running'
		and (j.lease_until < now() or j.owner = any(gone))
		order by j.lease_until
		limit most
		for update of j skip locked)
	update lockstep.jobs j
	set state = case when j.attempt > 1 then 'scheduled'
			else 'available' end,
		run_at = clock_timestamp() + case when j.attempt > 1
			then least(power(2, j.attempt - 2), 3600)
			else 0 end * interval '1 second',
		errors = lockstep.job_errors(j.errors, j.attempt, 'crashed',
			'the worker was gone, or did not beat'),
		lease_token = null, lease_until = null, updated_at = now()
	from c where j.id = c.id;
	get diagnostics count = row_count;
	return count;
end
$$;

-- What is due becomes available; and how long until the next is due, in ms.
create function lockstep.job_promote(most integer,
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
	select greatest(0, ceil(1000 * extract(epoch from
		min(j.run_at) - clock_timestamp())))
	into due_ms
	from lockstep.jobs j where j.state = 'scheduled';
end
$$;

-- Deletes what has been over for long enough, and keeps the sum, in one
-- transaction; and makes many lines of the ledger one. Dead jobs stay 90 days
-- at least. Of several workers one does it.
create function lockstep.job_purge(keep_hours integer, most integer)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	keep interval := make_interval(hours => keep_hours);
	count bigint;
begin
	if not pg_try_advisory_xact_lock(
			hashtextextended('lockstep.job_purge', 0)) then
		return 0;
	end if;
	with old as materialized (
		(select j.id from lockstep.jobs j
		where j.state in ('done', 'cancelled')
		and j.finalized_at < now() - keep
		order by j.finalized_at limit most)
		union all
		(select j.id from lockstep.jobs j
		where j.state = 'dead'
		and j.finalized_at < now()
			- greatest(keep, interval '90 days')
		limit most))
	delete from lockstep.jobs j using old where j.id = old.id;
	get diagnostics count = row_count;
	if count > 0 then
		insert into lockstep.job_ledger (purged) values (count);
	end if;
	if (select count(*) from (select from lockstep.job_ledger
			limit 1000) l) = 1000 then
		with gone as (delete from lockstep.job_ledger
			returning n, purged)
		insert into lockstep.job_ledger (n, purged)
		select sum(g.n), sum(g.purged) from gone g;
	end if;
	return count;
end
$$;

-- The conservation law: error must be 0, whenever it is asked.
create function lockstep.job_conservation(
	out accepted bigint, out available bigint, out scheduled bigint,
	out running bigint, out done bigint, out cancelled bigint,
	out dead bigint, out purged bigint, out error bigint)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select l.accepted, j.available, j.scheduled, j.running, j.done,
		j.cancelled, j.dead, l.purged,
		l.accepted - l.purged - j.present
	from (select coalesce(sum(n), 0)::bigint as accepted,
			coalesce(sum(purged), 0)::bigint as purged
		from lockstep.job_ledger) l,
	(select count(*) as present,
		count(*) filter (where state = 'available') as available,
		count(*) filter (where state = 'scheduled') as scheduled,
		count(*) filter (where state = 'running') as running,
		count(*) filter (where state = 'done') as done,
		count(*) filter (where state = 'cancelled') as cancelled,
		count(*) filter (where state = 'dead') as dead
		from lockstep.jobs) j
$$;

grant usage on sequence lockstep.lease_seq to lockstep_worker;
grant execute on function lockstep.enqueue(text, jsonb, timestamptz, text, text,
		integer)
	to anon, authenticated, service_role, lockstep_logic;
grant execute on function lockstep.acting_role() to lockstep_logic;
grant execute on function lockstep.job_turn(text, bigint),
	lockstep.job_take(text[], integer[], boolean[], timestamptz[], bigint[],
		bigint, integer),
	lockstep.job_next(text),
	lockstep.job_done(bigint[], boolean),
	lockstep.job_done(bigint, bigint),
	lockstep.job_errors(jsonb, integer, text, text),
	lockstep.job_fail(bigint, bigint, integer, text, text, text, bigint,
		boolean),
	lockstep.job_beat(bigint, bigint[], bigint[], integer),
	lockstep.job_reap(integer, integer),
	lockstep.job_promote(integer),
	lockstep.job_purge(integer, integer)
	to lockstep_worker;
grant execute on function lockstep.job_conservation()
	to lockstep_worker, operator;

grant create on schema lockstep to lockstep_logic;
alter function lockstep.count_jobs() owner to lockstep_logic;
alter function lockstep.enqueue(text, jsonb, timestamptz, text, text, integer)
	owner to lockstep_logic;
revoke create on schema lockstep from lockstep_logic;

alter table lockstep.jobs force row level security;
