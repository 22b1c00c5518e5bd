-- SPDX-License-Identifier: MIT
--
-- Events of webhooks: taken once, in one statement with the job that works on
-- them, and known again for as long as a sender may repeat them. Schedules of
-- well-known senders run for three days and their replays reach back fourteen,
-- so no event is forgotten before fifteen, whoever asks for it: the policy of
-- the table says so.
--
-- Who takes an event is the role that the contract says, by the claims
-- {"role": ..., "sub": "webhook:SOURCE"}; its job runs as the same.

create table lockstep.inbox (
	id          bigint generated always as identity
		constraint inbox_pkey primary key,
	source      text not null
		constraint inbox_source_check
		check (source ~ '^[a-z][a-z0-9_]{0,62}$'),
	event_id    text not null
		constraint inbox_event_id_check
		check (length(event_id) between 1 and 255),
	type        text
		constraint inbox_type_check
		check (length(type) between 1 and 255),
	serial      text,
	body        json not null,
	body_sha    bytea not null,
	role        text not null,
	job_id      bigint not null,
	request_id  text not null default '',
	-- How often it came, and when it last did.
	deliveries  integer not null default 1,
	received_at timestamptz not null default now(),
	seen_at     timestamptz not null default now(),
	constraint inbox_event_key unique (source, event_id)
);

create index inbox_received_idx on lockstep.inbox (received_at, id);
create index inbox_job_idx on lockstep.inbox (job_id);

-- What was signed and refused all the same, for people: each body once a
-- reason, the beginning of it, and no more than the newest of each source.
create table lockstep.inbox_refused (
	id          bigint generated always as identity
		constraint inbox_refused_pkey primary key,
	source      text not null,
	event_id    text,
	reason      text not null,
	issues      jsonb,
	body        bytea not null,
	bytes       integer not null,
	body_sha    bytea not null,
	request_id  text not null default '',
	deliveries  integer not null default 1,
	received_at timestamptz not null default now(),
	seen_at     timestamptz not null default now(),
	constraint inbox_refused_key unique (source, reason, body_sha)
);

create index inbox_refused_seen_idx
	on lockstep.inbox_refused (source, seen_at, id);

-- Keeps a refused event, and of a source the newest thousand.
create function lockstep.refuse(source text, event_id text, reason text,
	issues text, body bytea, bytes integer) returns table (state text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	insert into lockstep.inbox_refused as r (source, event_id, reason,
		issues, body, bytes, body_sha, request_id)
	values (refuse.source, refuse.event_id, refuse.reason,
		refuse.issues::jsonb, refuse.body, refuse.bytes,
		sha256(refuse.body),
		coalesce(current_setting('lockstep.request_id', true), ''))
	on conflict on constraint inbox_refused_key do update
	set deliveries = r.deliveries + 1, seen_at = now();
	delete from lockstep.inbox_refused r
	where r.id = any (array(
		select o.id from lockstep.inbox_refused o
		where o.source = refuse.source
		order by o.seen_at desc, o.id desc
		offset 1000));
	return query select 'refused';
end
$$;

-- Takes an event, or knows it again. One at a time for each event, so that of
-- many that come at once one is taken and the others see it. Those wait for the
-- commit of the first: what is told of a duplicate is true.
create function lockstep.receive(source text, event_id text, type text,
	kind text, serial text, body text) returns table (state text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	digest bytea := sha256(convert_to(body, 'UTF8'));
	earlier bytea;
	job bigint;
begin
	perform pg_advisory_xact_lock(hashtextextended('lockstep.inbox '
		|| source || ' ' || event_id, 0));
	update lockstep.inbox i
	set deliveries = i.deliveries + 1, seen_at = now()
	where i.source = receive.source and i.event_id = receive.event_id
	and i.body_sha = digest;
	if found then
		return query select 'duplicate';
		return;
	end if;
	select i.body_sha into earlier from lockstep.inbox i
	where i.source = receive.source and i.event_id = receive.event_id;
	if found then
		perform lockstep.refuse(source, event_id, 'event_conflict',
			null, substr(convert_to(body, 'UTF8'), 1, 16384),
			octet_length(body));
		return query select 'conflict';
		return;
	end if;
	job := lockstep.enqueue(kind => receive.kind,
		args => jsonb_build_object('source', source,
			'event_id', event_id),
		serial_key => 'webhook:' || source || ':' || serial);
	insert into lockstep.inbox (source, event_id, type, serial, body,
		body_sha, role, job_id, request_id)
	values (receive.source, receive.event_id, receive.type,
		receive.serial, receive.body::json, digest,
		current_setting('role'), job,
		coalesce(current_setting('lockstep.request_id', true), ''));
	return query select 'accepted';
end
$$;

-- The body of an event, for the function that works on it, which runs as the
-- role that took it: nobody else gets one.
create function lockstep.event(source text, event_id text) returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
	select i.body::jsonb from lockstep.inbox i
	where i.source = event.source and i.event_id = event.event_id
	and i.role = current_setting('role')
$$;

-- Forgets at most so many events that are so old; a job that is run again after
-- that finds nothing. A refused one goes after thirty days. Several servers do
-- not fight: see lockstep.sweep().
create function lockstep.sweep_events(days integer, most integer)
returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	swept integer;
begin
	if not pg_try_advisory_xact_lock(
			hashtextextended('lockstep.sweep_events', 0)) then
		return 0;
	end if;
	delete from lockstep.inbox_refused r
	where r.seen_at < now() - interval '30 days';
	delete from lockstep.inbox i
	where i.id = any (array(
		select o.id from lockstep.inbox o
		where o.received_at < now()
			- make_interval(days => greatest(sweep_events.days, 15))
		order by o.received_at
		limit sweep_events.most));
	get diagnostics swept = row_count;
	return swept;
end
$$;

-- The log of each event: what came, how often, and how its job fares. Who may
-- see the tables sees it.
create view lockstep.sync_log with (security_invoker = true) as
select i.id, i.source, i.event_id, i.type, i.serial, i.role, i.deliveries,
	i.received_at, i.seen_at, i.request_id, i.job_id,
	coalesce(j.state, 'purged') as state, j.attempt, j.reason, j.run_at,
	j.finalized_at
from lockstep.inbox i
left join lockstep.jobs j on j.id = i.job_id;

-- And of each attempt that failed, of the last ten of an event.
create view lockstep.sync_attempts with (security_invoker = true) as
select i.id, i.source, i.event_id, i.job_id,
	(e ->> 'attempt')::integer as attempt,
	(e ->> 'at')::timestamptz as at, e ->> 'code' as code,
	e ->> 'message' as message
from lockstep.inbox i
join lockstep.jobs j on j.id = i.job_id
cross join lateral jsonb_array_elements(j.errors) e;

grant select on lockstep.sync_log, lockstep.sync_attempts to operator;

grant execute on function
	lockstep.receive(text, text, text, text, text, text),
	lockstep.refuse(text, text, text, text, bytea, integer),
	lockstep.event(text, text)
	to service_role;
grant execute on function lockstep.sweep_events(integer, integer)
	to lockstep;

grant create on schema lockstep to lockstep_logic;
alter function lockstep.receive(text, text, text, text, text, text)
	owner to lockstep_logic;
alter function lockstep.refuse(text, text, text, text, bytea, integer)
	owner to lockstep_logic;
alter function lockstep.event(text, text) owner to lockstep_logic;
alter function lockstep.sweep_events(integer, integer)
	owner to lockstep_logic;
revoke create on schema lockstep from lockstep_logic;
