-- SPDX-License-Identifier: MIT
--
-- The monitor: what is looked at each second or so, whether it is well, and
-- since when. What there is to look at comes from the contract of the worker
-- that looks (`declared`), so a kind, a queue, a webhook or a message has its
-- checks by being declared. What is well is what is not above its threshold.
--
-- A worker looks, of many one at a time. Nothing is written but what has changed,
-- and one line that says when that was: who reads knows by it whether anybody
-- looks, and by the workers' beats whether anybody works.
--
-- Each section is asked by itself: one that fails makes its own checks unknown.

create table lockstep.checks (
	name      text not null,
	subject   text not null,
	section   text not null,
	kind      text not null,
	value     double precision,
	unit      text not null,
	threshold double precision,
	state     text not null
		constraint checks_state_check
		check (state in ('healthy', 'unhealthy', 'unknown')),
	since     timestamptz not null default now(),
	message   text,
	constraint checks_pkey primary key (name, subject)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0,
	autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

create table lockstep.monitored (
	one          boolean primary key default true
		constraint monitored_one_check check (one),
	checked_at   timestamptz not null default '-infinity',
	took_ms      double precision not null default 0,
	-- The conservation law, which is a count of all jobs.
	conserved_at timestamptz not null default '-infinity',
	conserved_ms double precision not null default 0,
	error        bigint not null default 0
) with (fillfactor = 50);
insert into lockstep.monitored default values;

-- What the servers of a host counted since their figures began, by route, and
-- of that in the last seconds. Buckets are those of lockstep.latency_bounds(),
-- each for itself.
create table lockstep.route_figures (
	host            text not null,
	method          text not null,
	route           text not null,
	requests        bigint not null,
	rejected        bigint not null,
	errors          bigint not null,
	seconds         double precision not null,
	buckets         bigint[] not null,
	recent_requests bigint not null,
	recent_errors   bigint not null,
	recent_buckets  bigint[] not null,
	noted_at        timestamptz not null default now(),
	constraint route_figures_pkey primary key (host, method, route)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0,
	autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

create type lockstep.check_found as (
	name      text,
	kind      text,
	subject   text,
	value     double precision,
	unit      text,
	threshold double precision,
	message   text
);

-- Upper ends of the buckets, in seconds; the last one has none.
create function lockstep.latency_bounds() returns double precision[]
language sql immutable
return '{0.0005,0.001,0.0025,0.005,0.01,0.025,0.05,0.1,0.25,0.5,1,2.5,5,10,Infinity}'::double precision[];

-- The time that a part of the requests did not exceed, as Prometheus reckons
-- it: evenly within a bucket. NULL when there are none.
create function lockstep.latency(buckets bigint[], part double precision)
returns double precision
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
	bounds double precision[] := lockstep.latency_bounds();
	wanted double precision := part * (select sum(b) from unnest(buckets) b);
	seen double precision := 0;
	below double precision := 0;
begin
	for i in 1 .. cardinality(buckets) loop
		if buckets[i] > 0 and seen + buckets[i] >= wanted then
			return case when bounds[i] = 'Infinity' then below
				else below + (bounds[i] - below)
					* (wanted - seen) / buckets[i] end;
		end if;
		seen := seen + buckets[i];
		below := bounds[i];
	end loop;
	return null;
end
$$;

-- A server tells what it counted; those routes alone that have changed.
create function lockstep.note_routes(host text, figures jsonb) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	perform set_config('synchronous_commit', 'off', true);
	insert into lockstep.route_figures as f (host, method, route, requests,
		rejected, errors, seconds, buckets, recent_requests,
		recent_errors, recent_buckets)
	select note_routes.host, r.method, r.route, r.requests, r.rejected,
		r.errors, r.seconds, r.buckets, r.recent_requests,
		r.recent_errors, r.recent_buckets
	from jsonb_to_recordset(note_routes.figures) as r (method text,
		route text, requests bigint, rejected bigint, errors bigint,
		seconds double precision, buckets bigint[],
		recent_requests bigint, recent_errors bigint,
		recent_buckets bigint[])
	order by r.method, r.route
	on conflict on constraint route_figures_pkey do update
	set requests = excluded.requests, rejected = excluded.rejected,
		errors = excluded.errors, seconds = excluded.seconds,
		buckets = excluded.buckets,
		recent_requests = excluded.recent_requests,
		recent_errors = excluded.recent_errors,
		recent_buckets = excluded.recent_buckets, noted_at = now()
	where (f.requests, f.recent_requests)
		is distinct from (excluded.requests, excluded.recent_requests);
end
$$;

-- ---- The sections. Each takes what is declared, and the marks. ----

create function lockstep.watch_workers(declared jsonb, marks jsonb)
returns setof lockstep.check_found
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select 'worker_beat', 'worker', 'workers',
		extract(epoch from clock_timestamp() - max(w.beat_at))
			::double precision,
		'seconds', (marks ->> 'beat_s')::double precision,
		count(*) filter (where w.beat_at > clock_timestamp()
			- (marks ->> 'beat_s')::double precision
			* interval '1 second') || ' processes'
	from lockstep.workers w
$$;

-- The age of the oldest job of a kind that could run.
create function lockstep.oldest_job(kind text) returns double precision
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select extract(epoch from clock_timestamp()
		- lockstep.runnable_since(oldest_job.kind))
$$;

-- How many of a kind wait, counted no further than is of interest.
create function lockstep.waiting_jobs(kind text, most bigint) returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
	return (select count(*) from (select from lockstep.jobs j
		where j.kind = waiting_jobs.kind and j.state = 'available'
		limit most) w);
end
$$;

create function lockstep.watch_queues(declared jsonb, marks jsonb)
returns setof lockstep.check_found
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	with q as materialized (
		select d ->> 'queue' as name,
			max(lockstep.oldest_job(d ->> 'kind')) as oldest,
			sum(greatest(c.n, lockstep.waiting_jobs(d ->> 'kind',
				(marks ->> 'depth')::bigint + 1))) as n
		from jsonb_array_elements(declared -> 'jobs') d
		left join lockstep.job_counts c on c.kind = d ->> 'kind'
			and c.state = 'available'
		group by 1)
	select 'queue_age', 'queue', q.name, greatest(0, coalesce(q.oldest, 0)),
		'seconds', (marks ->> 'age_s')::double precision,
		case when p.paused then 'paused' end
	from q left join lockstep.queues p on p.name = q.name
	union all
	select 'queue_depth', 'queue', q.name, coalesce(q.n, 0), 'jobs',
		(marks ->> 'depth')::double precision, null
	from q
$$;

-- Jobs that died of late, of each kind; and those whose kind nobody knows.
create function lockstep.new_dead(kind text, since timestamptz) returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
	return (select count(*) from (select from lockstep.jobs j
		where j.kind = new_dead.kind and j.state = 'dead'
		and j.finalized_at > new_dead.since limit 1000) d);
end
$$;

create function lockstep.watch_jobs(declared jsonb, marks jsonb)
returns setof lockstep.check_found
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select 'job_dead', 'job', d ->> 'kind',
		lockstep.new_dead(d ->> 'kind', now() - interval '1 second'
			* (marks ->> 'window_s')::double precision), 'jobs',
		(marks ->> 'dead')::double precision,
		(select c.n || ' dead in all' from lockstep.job_counts c
			where c.kind = d ->> 'kind' and c.state = 'dead')
	from jsonb_array_elements(declared -> 'jobs') d
	union all
	select 'job_unknown', 'job', 'jobs', count(*), 'kinds', 0,
		left(string_agg(c.kind, ', ' order by c.kind), 200)
	from lockstep.job_census('available', 1) c
	where not exists (
		select from jsonb_array_elements(declared -> 'jobs') d
		where d ->> 'kind' = c.kind)
$$;

create function lockstep.watch_schedules(declared jsonb, marks jsonb)
returns setof lockstep.check_found
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select 'schedule_lag', 'schedule', d ->> 'kind', greatest(0,
		extract(epoch from clock_timestamp() - s.next_tick)),
		'seconds', (marks ->> 'schedule_s')::double precision,
		'next at ' || to_char(s.next_tick at time zone 'UTC',
			'YYYY-MM-DD"T"HH24:MI:SS"Z"')
	from jsonb_array_elements(declared -> 'jobs') d
	left join lockstep.schedules s on s.name = d ->> 'kind'
	where (d ->> 'schedule')::boolean
$$;

-- 0 is called, 1 one job tries it, 2 is not called; and how often in a row it
-- has failed.
create function lockstep.watch_breakers(declared jsonb, marks jsonb)
returns setof lockstep.check_found
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	with b as materialized (
		select s.name, coalesce(b.state, 'closed') as state,
			coalesce(b.failures, 0) as failures, b.failing_since
		from (select distinct d ->> 'service' as name
			from jsonb_array_elements(declared -> 'jobs') d
			where d ->> 'service' is not null) s
		left join lockstep.breakers b on b.destination = s.name)
	select 'breaker_state', 'breaker', b.name,
		array_position('{closed,half_open,open}', b.state) - 1,
		'state', 0, b.state
	from b
	union all
	select 'service_failures', 'breaker', b.name, b.failures, 'calls',
		(marks ->> 'failures')::double precision,
		'failing since ' || to_char(b.failing_since at time zone 'UTC',
			'YYYY-MM-DD"T"HH24:MI:SS"Z"')
	from b
$$;

create function lockstep.watch_webhooks(declared jsonb, marks jsonb)
returns setof lockstep.check_found
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select 'webhook_age', 'webhook', d ->> 'webhook', greatest(0,
		coalesce(lockstep.oldest_job(d ->> 'job'), 0)), 'seconds',
		(marks ->> 'age_s')::double precision, null
	from jsonb_array_elements(declared -> 'webhooks') d
$$;

-- Deliveries that were given up of late, by type. Theirs who own the endpoints.
create function lockstep.failed_deliveries(types text[], since timestamptz)
returns table (type text, failed bigint)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	return query
	select t.name, (select count(*) from (
		select from app.webhook_deliveries d
		where d.type = t.name and d.state = 'failed'
		and d.updated_at > failed_deliveries.since limit 1000) f)
	from unnest(types) t (name);
end
$$;

create function lockstep.watch_messages(declared jsonb, marks jsonb)
returns setof lockstep.check_found
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select 'message_failed', 'message', f.type, f.failed, 'deliveries',
		(marks ->> 'dead')::double precision, null
	from lockstep.failed_deliveries(
		array(select jsonb_array_elements_text(declared -> 'messages')),
		now() - interval '1 second'
			* (marks ->> 'window_s')::double precision) f
	where jsonb_array_length(declared -> 'messages') > 0
$$;

-- What other migrations may have brought, a relation or, with () at its end, a
-- function: rows as JSON, or none.
create function lockstep.rows_of(relation text) returns setof jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
	if relation like '%()' then
		if to_regprocedure(relation) is not null then
			return query execute format('select to_jsonb(r) '
				'from %s r', to_regprocedure(relation));
		end if;
	elsif to_regclass(relation) is not null then
		return query execute format('select to_jsonb(r) from %s r',
			to_regclass(relation));
	end if;
end
$$;

-- Exports of each operation that failed of late, or do not go on.
create function lockstep.watch_exports(declared jsonb, marks jsonb)
returns setof lockstep.check_found
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
	if to_regclass('lockstep.exports') is null then
		return query
		select 'export_failed', 'export', o.name, null::double precision,
			'exports', (marks ->> 'dead')::double precision,
			'there are no exports in this database'
		from jsonb_array_elements_text(declared -> 'exports') o (name);
		return;
	end if;
	return query execute $q$
		with e as materialized (
			select o.name, x.failed, x.stalled
			from (select jsonb_array_elements_text($1 -> 'exports')
				as name) o
			left join lateral (select
				count(*) filter (where e.state = 'failed')
					as failed,
				max(extract(epoch from clock_timestamp()
					- e.updated_at)) filter (
					where e.state in ('queued', 'running'))
					as stalled
				from lockstep.exports e
				where e.operation = o.name
				and (e.state in ('queued', 'running')
				or e.state = 'failed' and e.updated_at > now()
					- interval '1 second' * ($2
					->> 'window_s')::double precision))
				x on true)
		select 'export_failed', 'export', e.name,
			e.failed::double precision, 'exports',
			($2 ->> 'dead')::double precision, null
		from e
		union all
		select 'export_stalled', 'export', e.name,
			coalesce(e.stalled, 0)::double precision, 'seconds',
			($2 ->> 'age_s')::double precision, null
		from e $q$
	using declared, marks;
end
$$;

-- How old what an aggregate tells may be, whether it was told wrong, and whether
-- it cannot be filled.
create function lockstep.watch_rollups(declared jsonb, marks jsonb)
returns setof lockstep.check_found
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	with r as materialized (
		select n.name, j.row
		from (select jsonb_array_elements_text(declared -> 'rollups')
			union select r ->> 'name'
			from lockstep.rows_of('lockstep.rollups_now()') r)
			n (name)
		left join lockstep.rows_of('lockstep.rollups_now()') j (row)
			on j.row ->> 'name' = n.name)
	select 'rollup_lag', 'rollup', r.name,
		(r.row ->> 'lag_s')::double precision, 'seconds',
		(marks ->> 'lag_s')::double precision,
		coalesce('cannot be folded: ' || (r.row ->> 'fault'),
			r.row ->> 'state')
	from r
	union all
	select 'rollup_mismatch', 'rollup', r.name,
		coalesce((r.row ->> 'mismatches')::double precision,
			case when r.row is not null then 0 end),
		'buckets', 0, 'audited at ' || (r.row ->> 'audited_at')
	from r
	union all
	select 'rollup_unfilled', 'rollup', r.name,
		case when r.row is not null
			then num_nonnulls(r.row ->> 'fill_fault') end,
		'state', 0, 'cannot be filled: ' || (r.row ->> 'fill_fault')
	from r
$$;

create function lockstep.watch_expectations(declared jsonb, marks jsonb)
returns setof lockstep.check_found
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select 'expectation_failed', 'expectation', n.name,
		case j.row ->> 'state' when 'failed' then 1
			when 'passed' then 0 end,
		'state', 0, 'value ' || (j.row ->> 'value') || ', threshold '
			|| (j.row ->> 'threshold')
	from jsonb_array_elements_text(declared -> 'expectations') n (name)
	left join lockstep.rows_of('lockstep.expectations') j (row)
		on j.row ->> 'name' = n.name
$$;

-- Parts of tables that are to be there before they are needed.
create function lockstep.watch_partitions(declared jsonb, marks jsonb)
returns setof lockstep.check_found
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select 'partition_ahead', 'partition', p.row ->> 'relation',
		greatest(0, extract(epoch from now()
			+ ('1 ' || (p.row ->> 'period'))::interval
			- (p.row ->> 'made_until')::timestamptz)),
		'seconds', 0, 'made until ' || (p.row ->> 'made_until')
	from lockstep.rows_of('lockstep.partitions') p (row)
	union all
	select 'partition_failed', 'partition', p.row ->> 'relation',
		(p.row ->> 'failed_at' is not null)::integer, 'state', 0,
		p.row ->> 'reason'
	from lockstep.rows_of('lockstep.partitions') p (row)
$$;

-- What Postgres tells of others only to who may see it: see roles.sql. NULL is
-- not known; replicas that are not connected are not there.
create function lockstep.database_figures(out snapshot_s double precision,
	out who text, out replicas jsonb)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	if not pg_has_role(current_user, 'pg_read_all_stats', 'usage') then
		return;
	end if;
	snapshot_s := 0;
	select extract(epoch from clock_timestamp() - s.at), s.who
	into snapshot_s, who
	from (select a.xact_start as at, a.usename || ', process ' || a.pid
			as who
		from pg_stat_activity a
		where (a.backend_xmin is not null or a.backend_xid is not null)
		and a.backend_type not in ('autovacuum worker', 'walsender')
		and a.pid <> pg_backend_pid()
		union all
		select p.prepared, 'prepared transaction ' || p.gid
		from pg_prepared_xacts p) s
	order by s.at limit 1;
	snapshot_s := greatest(0, coalesce(snapshot_s, 0));
	select coalesce(jsonb_object_agg(r.name, r.lag_s), '{}') into replicas
	from (select coalesce(nullif(a.application_name, ''), a.pid::text)
			as name,
		max(case when a.replay_lsn >= a.sent_lsn then 0 else
			coalesce(extract(epoch from a.replay_lag), 0) end)
			as lag_s
		from pg_stat_replication a
		where a.state = 'streaming' group by 1) r;
end
$$;

create function lockstep.watch_database(declared jsonb, marks jsonb)
returns setof lockstep.check_found
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
	f record;
begin
	f := lockstep.database_figures();
	return query
	select 'snapshot_age', 'database', 'oldest transaction', f.snapshot_s,
		'seconds', (marks ->> 'snapshot_s')::double precision,
		case when f.snapshot_s is null
				then 'lockstep_stats may not see sessions'
			when f.snapshot_s > 5 then f.who end;
	return query
	select 'replication_lag', 'database', coalesce(r.key, 'replicas'),
		case when f.replicas is not null
			then coalesce(r.value::double precision, 0) end,
		'seconds', (marks ->> 'replica_s')::double precision,
		case when r.key is null and f.replicas is not null
			then 'none is connected' end
	from (select) one left join jsonb_each_text(f.replicas) r on true;
	return query
	select 'conservation_error', 'database', 'jobs',
		case when m.conserved_at > now() - greatest(30000,
				m.conserved_ms * 60) * interval '1 millisecond'
			then abs(m.error)::double precision end,
		'jobs', 0::double precision,
		m.error || ' more accepted than there are'
	from lockstep.monitored m;
end
$$;

-- The last seconds of each route that was asked for at any time. Few requests
-- say nothing: an error among three is no trouble of the route.
create function lockstep.watch_routes(declared jsonb, marks jsonb)
returns setof lockstep.check_found
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	with r as materialized (
		select f.method || ' ' || f.route as name,
			sum(f.recent_requests) filter (where w.fresh) as requests,
			sum(f.recent_errors) filter (where w.fresh) as errors,
			(select array_agg(b.n order by b.i) from (
				select u.i, sum(u.n)::bigint as n
				from lockstep.route_figures o
				cross join lateral unnest(o.recent_buckets)
					with ordinality u (n, i)
				where o.method = f.method and o.route = f.route
				and o.recent_requests > 0 and o.noted_at
					> now() - interval '20 seconds'
				group by u.i) b) as buckets
		from lockstep.route_figures f
		cross join lateral (select f.noted_at
			> now() - interval '20 seconds' as fresh) w
		group by f.method, f.route)
	select 'route_errors', 'route', r.name,
		case when r.errors >= 3 then r.errors::double precision
			/ r.requests else 0 end,
		'ratio', (marks ->> 'errors')::double precision,
		coalesce(r.errors, 0) || ' of ' || coalesce(r.requests, 0)
	from r
	union all
	select 'route_latency', 'route', r.name,
		case when r.requests >= 5 then coalesce(
			lockstep.latency(r.buckets, 0.99), 0) else 0 end,
		'seconds', (marks ->> 'latency_s')::double precision,
		'99 % of ' || coalesce(r.requests, 0)
	from r
$$;

-- ---- Looking, and reading. ----

create function lockstep.monitor_sections() returns text[]
language sql immutable
return '{workers,queues,jobs,schedules,breakers,webhooks,messages,exports,rollups,expectations,partitions,database,routes}'::text[];

-- What a section finds; or, when it fails, that its checks are not known.
create function lockstep.watch(section text, declared jsonb, marks jsonb)
returns setof lockstep.check_found
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	return query execute format('select * from lockstep.%I($1, $2)',
		'watch_' || section) using declared, marks;
exception
	when query_canceled or assert_failure then
		raise;
	when others then
		return query
		select c.name, c.kind, c.subject, null::double precision,
			c.unit, c.threshold, 'the check failed: ' || sqlstate
		from lockstep.checks c where c.section = watch.section
		union all
		select section, section, 'all', null::double precision, '', 0,
			'the check failed: ' || sqlstate
		where not exists (select from lockstep.checks c
			where c.section = watch.section);
end
$$;

-- Looks, unless somebody is at it or did within `least_ms`, or within twenty
-- times as long as it took; and tells what is known.
create function lockstep.monitor_tick(declared jsonb, marks jsonb,
	least_ms integer) returns setof lockstep.checks
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	began timestamptz := clock_timestamp();
begin
	if not pg_try_advisory_xact_lock(
			hashtextextended('lockstep.monitor_tick', 0))
	or exists (select from lockstep.monitored m where m.checked_at
			+ greatest(least_ms, m.took_ms * 20)
			* interval '1 millisecond' > began) then
		return query select * from lockstep.checks;
		return;
	end if;
	perform set_config('synchronous_commit', 'off', true);
	with found as materialized (
		select s.section, f.*, case when f.value is null then 'unknown'
			when f.value > f.threshold then 'unhealthy'
			else 'healthy' end as state
		from unnest(lockstep.monitor_sections()) s (section)
		cross join lateral lockstep.watch(s.section, declared, marks) f),
	gone as (
		delete from lockstep.checks c
		where not exists (select from found f where f.name = c.name
			and f.subject = c.subject))
	insert into lockstep.checks as c (name, subject, section, kind, value,
		unit, threshold, state, message)
	select f.name, f.subject, f.section, f.kind, round(f.value::numeric, 3),
		f.unit, f.threshold, f.state, f.message
	from found f
	on conflict on constraint checks_pkey do update
	set section = excluded.section, kind = excluded.kind,
		value = excluded.value, unit = excluded.unit,
		threshold = excluded.threshold, state = excluded.state,
		message = excluded.message,
		since = case when c.state = excluded.state then c.since
			else now() end
	where (c.value, c.threshold, c.state, c.message) is distinct from
		(excluded.value, excluded.threshold, excluded.state,
		excluded.message);
	delete from lockstep.route_figures f
	where f.noted_at < now() - interval '1 day';
	update lockstep.monitored m
	set checked_at = began, took_ms = extract(epoch from clock_timestamp()
		- began) * 1000;
	return query select * from lockstep.checks;
end
$$;

-- The conservation law is a count of all jobs: in a transaction of its own, that
-- takes a twentieth of the time at most and keeps no other check waiting.
create function lockstep.monitor_conserve() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	began timestamptz := clock_timestamp();
	found_error bigint;
begin
	if not pg_try_advisory_xact_lock(
			hashtextextended('lockstep.monitor_conserve', 0))
	or exists (select from lockstep.monitored m where m.conserved_at
			+ greatest(2000, m.conserved_ms * 20)
			* interval '1 millisecond' > began) then
		return;
	end if;
	perform set_config('synchronous_commit', 'off', true);
	select c.error into found_error from lockstep.job_conservation() c;
	update lockstep.monitored m
	set error = found_error, conserved_at = began,
		conserved_ms = extract(epoch from clock_timestamp() - began)
			* 1000;
end
$$;

-- How all is. Whether there are workers is seen now, as none of them could tell;
-- when nobody has looked for a while nothing else is known.
create function lockstep.monitor(out state text, out checked_at timestamptz,
	out checks jsonb)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
	beat_s double precision := coalesce((select c.threshold
		from lockstep.checks c where c.name = 'worker_beat'), 10);
	beat timestamptz := (select max(w.beat_at) from lockstep.workers w);
	looked timestamptz := (select nullif(m.checked_at, '-infinity')
		from lockstep.monitored m);
	away boolean := beat is null
		or beat < now() - beat_s * interval '1 second';
	stale boolean := looked is null
		or looked < now() - interval '15 seconds';
begin
	checked_at := looked;
	select case when bool_or(c.state = 'unhealthy') then 'unhealthy'
			when bool_or(c.state = 'unknown') then 'unknown'
			else 'healthy' end,
		jsonb_agg(jsonb_build_object('name', c.name, 'kind', c.kind,
			'subject', c.subject, 'value', c.value, 'unit', c.unit,
			'threshold', c.threshold, 'state', c.state,
			'since', c.since, 'message', c.message)
			order by array_position(
				'{unhealthy,unknown,healthy}', c.state),
				c.kind, c.name, c.subject)
	into state, checks
	from (
		select 'worker_beat' as name, 'worker' as kind,
			'workers' as subject,
			round(extract(epoch from now() - beat), 3)
				::double precision as value,
			'seconds' as unit, beat_s as threshold,
			case when away then 'unhealthy' else 'healthy' end
				as state,
			case when away then coalesce(beat, looked, now())
			else coalesce((select c.since from lockstep.checks c
				where c.name = 'worker_beat'), now()) end
				as since,
			case when away then 'nobody works' end as message
		union all
		select c.name, c.kind, c.subject,
			case when not stale then c.value end, c.unit,
			c.threshold,
			case when stale then 'unknown' else c.state end,
			case when stale and c.state <> 'unknown'
				then greatest(c.since, looked)
				else c.since end,
			case when stale then 'nobody has looked since '
				|| to_char(looked at time zone 'UTC',
					'YYYY-MM-DD"T"HH24:MI:SS"Z"')
				else c.message end
		from lockstep.checks c
		where c.name <> 'worker_beat') c;
end
$$;

-- What was counted of each route by all hosts.
create function lockstep.monitor_routes(out at timestamptz,
	out bounds jsonb, out routes jsonb)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
	select clock_timestamp(),
		(select jsonb_agg(nullif(b, 'Infinity')) from
			unnest(lockstep.latency_bounds()) b),
		(select coalesce(jsonb_agg(jsonb_build_object(
			'method', r.method, 'route', r.route,
			'requests', r.requests, 'rejected', r.rejected,
			'errors', r.errors, 'seconds', round(
				r.seconds::numeric, 6), 'buckets', r.buckets)
			order by r.route, r.method), '[]')
		from (select f.method, f.route, sum(f.requests) as requests,
			sum(f.rejected) as rejected, sum(f.errors) as errors,
			sum(f.seconds) as seconds,
			(select jsonb_agg(b.n order by b.i) from (
				select u.i, sum(sum(u.n)) over (order by u.i)
					as n
				from lockstep.route_figures o
				cross join lateral unnest(o.buckets)
					with ordinality u (n, i)
				where o.method = f.method and o.route = f.route
				group by u.i) b) as buckets
			from lockstep.route_figures f
			group by f.method, f.route) r)
$$;

grant execute on function lockstep.note_routes(text, jsonb) to lockstep;
grant execute on function
	lockstep.watch_workers(jsonb, jsonb), lockstep.oldest_job(text),
	lockstep.waiting_jobs(text, bigint),
	lockstep.watch_partitions(jsonb, jsonb),
	lockstep.watch_queues(jsonb, jsonb),
	lockstep.new_dead(text, timestamptz), lockstep.watch_jobs(jsonb, jsonb),
	lockstep.watch_schedules(jsonb, jsonb),
	lockstep.watch_breakers(jsonb, jsonb),
	lockstep.watch_webhooks(jsonb, jsonb),
	lockstep.failed_deliveries(text[], timestamptz),
	lockstep.watch_messages(jsonb, jsonb), lockstep.rows_of(text),
	lockstep.watch_exports(jsonb, jsonb),
	lockstep.watch_rollups(jsonb, jsonb),
	lockstep.watch_expectations(jsonb, jsonb),
	lockstep.database_figures(), lockstep.watch_database(jsonb, jsonb),
	lockstep.latency(bigint[], double precision),
	lockstep.watch_routes(jsonb, jsonb),
	lockstep.monitor_sections(), lockstep.watch(text, jsonb, jsonb),
	lockstep.monitor_tick(jsonb, jsonb, integer),
	lockstep.monitor_conserve()
	to lockstep_worker;
grant execute on function lockstep.latency_bounds()
	to lockstep_worker, lockstep_logic;
grant execute on function lockstep.monitor(), lockstep.monitor_routes()
	to service_role, operator, lockstep_worker;

grant create on schema lockstep to lockstep_logic;
alter function lockstep.note_routes(text, jsonb) owner to lockstep_logic;
alter function lockstep.failed_deliveries(text[], timestamptz)
	owner to lockstep_logic;
alter function lockstep.monitor() owner to lockstep_logic;
alter function lockstep.monitor_routes() owner to lockstep_logic;
revoke create on schema lockstep from lockstep_logic;

-- A database whose roles were made before there was a monitor has no such role, and
-- an owner of another name may not be in it: then these figures are not known.
do $$
begin
	if exists (select from pg_roles where rolname = 'lockstep_stats'
			and pg_has_role(current_user, oid, 'member')) then
		grant create, usage on schema lockstep to lockstep_stats;
		alter function lockstep.database_figures()
			owner to lockstep_stats;
		revoke create on schema lockstep from lockstep_stats;
	end if;
end
$$;
