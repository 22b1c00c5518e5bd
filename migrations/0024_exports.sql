-- SPDX-License-Identifier: MIT
--
-- Exports: rows of a list that a job writes into a file of the spool, which all web
-- servers share. A row is what was asked for, how far it is, and what came of it:
--
--	queued -> running -> ready -> expired | failed | cancelled
--
-- A file belongs to the lease that wrote it: its name has the row's id and the
-- lease's token, so a worker that was thought dead never touches what another one
-- wrote. Only the lease that the row names may say how far it is, or that it is
-- ready; that and the end of the job are one transaction. What is in the spool and
-- in no row (lockstep.export_strays) is deleted.
--
-- LSX01	the export is no longer the worker's, or was cancelled
-- LSX02	it is over: there is nothing to cancel
-- LSX03	its file is not there yet
-- LSX04	its file is not there any more, or never was
-- LSX05	the caller's exports fill their room
-- 53400	the caller has twenty that are unfinished

create table lockstep.exports (
	id          uuid primary key default gen_random_uuid(),
	operation   text not null
		constraint exports_operation_check
		check (char_length(operation) between 1 and 127),
	format      text not null
		constraint exports_format_check
		check (format in ('csv', 'ndjson', 'json')),
	query       jsonb not null default '[]'
		constraint exports_query_check
		check (jsonb_typeof(query) = 'array'),
	role        text,
	subject     text not null,
	keep_hours  integer not null
		constraint exports_keep_check check (keep_hours > 0),
	job         bigint,
	token       bigint,
	state       text not null default 'queued'
		constraint exports_state_check
		check (state in ('queued', 'running', 'ready', 'failed',
			'cancelled', 'expired')),
	rows        bigint not null default 0
		constraint exports_rows_check check (rows >= 0),
	estimate    bigint,
	percent     integer generated always as (case
		when state in ('ready', 'expired') then 100
		when estimate > 0 then
			least(99, rows * 100 / greatest(estimate, 1))::integer
		end) stored,
	rate        bigint,
	bytes       bigint not null default 0
		constraint exports_bytes_check check (bytes >= 0),
	sha256      text
		constraint exports_sha256_check check (sha256 ~ '^[0-9a-f]{64}$'),
	file        text
		constraint exports_file_check
		check (file ~ '^[0-9a-f-]{36}[.][0-9]{1,19}$'),
	reason      text,
	created_at  timestamptz not null default now(),
	started_at  timestamptz,
	updated_at  timestamptz not null default now(),
	finished_at timestamptz,
	expires_at  timestamptz,
	constraint exports_ready_check check (state <> 'ready' or (file is not null
		and sha256 is not null and expires_at is not null)),
	constraint exports_finished_check check ((finished_at is null)
		= (state in ('queued', 'running')))
);

-- Rows are written once a second while they run.
alter table lockstep.exports set (fillfactor = 50);
create index exports_subject_idx on lockstep.exports (subject, created_at);
create index exports_created_idx on lockstep.exports (created_at, id);
create index exports_running_idx on lockstep.exports (job)
	where state in ('queued', 'running');
create index exports_ready_idx on lockstep.exports (expires_at)
	where state = 'ready';
create index exports_over_idx on lockstep.exports (updated_at)
	where state in ('failed', 'cancelled', 'expired');

-- Leaves the job that writes it, as the caller: with the same claims and role.
-- Counted one after the other, a caller has twenty unfinished ones (53400) and so
-- many bytes (LSX05), those of files that are being written with them; our servers
-- may have any number.
create function lockstep.request_export(operation text, query jsonb,
	format text, keep_hours integer, keep_mib integer)
returns setof lockstep.exports
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
	made uuid := gen_random_uuid();
	job bigint;
	unfinished bigint;
	kept numeric;
begin
	if lockstep.acting_role() is distinct from 'service_role' then
		perform pg_advisory_xact_lock(hashtextextended(
			'lockstep.exports ' || lockstep.subject(), 0));
		select count(*) filter (where x.state <> 'ready'), sum(x.bytes)
		into unfinished, kept
		from lockstep.exports x
		where x.subject = lockstep.subject()
		and x.state in ('queued', 'running', 'ready');
		if unfinished >= 20 then
			raise exception using errcode = '53400',
				message = 'the caller has enough of them';
		end if;
		if kept >= request_export.keep_mib * 1048576::numeric then
			raise exception using errcode = 'LSX05',
				message = 'the exports of the caller fill their room';
		end if;
	end if;
	job := lockstep.enqueue('lockstep.export',
		jsonb_build_object('export', made));
	return query
	insert into lockstep.exports as e (id, operation, query, format, role,
		subject, keep_hours, job)
	values (made, request_export.operation, request_export.query,
		request_export.format, lockstep.acting_role(),
		lockstep.subject(), request_export.keep_hours, job)
	returning e.*;
end
$$;

-- For the worker: the lease begins with it, or nothing: then there is nothing to be
-- done any more.
create function lockstep.begin_export(export uuid, job bigint default null,
	token bigint default null)
returns table (operation text, query text, format text)
language sql
set search_path = pg_catalog, pg_temp
as $$
	update lockstep.exports e
	set state = 'running', token = begin_export.token, rows = 0, bytes = 0,
		estimate = null, rate = null, reason = null,
		finished_at = null, started_at = now(), updated_at = now()
	where e.id = begin_export.export and e.job = begin_export.job
	and e.state in ('queued', 'running', 'failed')
	and exists (select from lockstep.jobs j where j.id = begin_export.job
		and j.state = 'running' and j.lease_token = begin_export.token)
	returning e.operation, e.query::text, e.format
$$;

-- How far it is. false: it is to end.
create function lockstep.tell_export(export uuid, token bigint, rows bigint,
	bytes bigint, estimate bigint, rate bigint) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
	update lockstep.exports e
	set rows = tell_export.rows, bytes = tell_export.bytes,
		estimate = tell_export.estimate, rate = tell_export.rate,
		updated_at = now()
	where e.id = export and e.token = tell_export.token
	and e.state = 'running';
	return found;
end
$$;

-- The file is whole and named; within the transaction that ends the job.
create function lockstep.finish_export(export uuid, token bigint, rows bigint,
	bytes bigint, rate bigint, sha256 text, file text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
	update lockstep.exports e
	set state = 'ready', rows = finish_export.rows,
		bytes = finish_export.bytes, rate = finish_export.rate,
		sha256 = finish_export.sha256, file = finish_export.file,
		estimate = finish_export.rows, updated_at = now(),
		finished_at = now(),
		expires_at = now() + make_interval(hours => e.keep_hours)
	where e.id = export and e.token = finish_export.token
	and e.state = 'running';
	if not found then
		raise exception using errcode = 'LSX01',
			message = 'the export was cancelled';
	end if;
end
$$;

-- What becomes of rows by themselves: their time is over, or their job is. One
-- worker does it. How many of each.
create function lockstep.tend_exports(keep_days integer, most integer)
returns table (operation text, outcome text, n bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
	if not pg_try_advisory_xact_lock(
			hashtextextended('lockstep.tend_exports', 0)) then
		return;
	end if;
	return query
	with old as materialized (
		select e.id from lockstep.exports e
		where e.state = 'ready' and e.expires_at <= now()
		order by e.expires_at limit most
		for update skip locked),
	gone as (
		update lockstep.exports e
		set state = 'expired', updated_at = now()
		from old where e.id = old.id
		returning e.operation)
	select g.operation, 'expired', count(*) from gone g group by 1;
	return query
	with lost as materialized (
		select e.id, coalesce(j.reason, 'lost') as reason
		from lockstep.exports e
		left join lockstep.jobs j on j.id = e.job
		where e.state in ('queued', 'running')
		and (j.id is null or j.finalized_at is not null)
		limit most
		for update of e skip locked),
	gone as (
		update lockstep.exports e
		set state = 'failed', reason = lost.reason, rate = null,
			updated_at = now(), finished_at = now()
		from lost where e.id = lost.id
		and e.state in ('queued', 'running')
		returning e.operation)
	select g.operation, 'failed', count(*) from gone g group by 1;
	-- It is tried again, later. While its job is held here nobody begins it.
	with late as materialized (
		select e.id from lockstep.exports e
		join lockstep.jobs j on j.id = e.job
		where e.state = 'running'
		and j.state in ('available', 'scheduled')
		limit most
		for update of j, e skip locked)
	update lockstep.exports e
	set state = 'queued', rate = null, updated_at = now()
	from late where e.id = late.id;
	delete from lockstep.exports e
	where e.id = any(array(select o.id from lockstep.exports o
		where o.state in ('failed', 'cancelled', 'expired')
		and o.updated_at < now() - make_interval(days => keep_days)
		limit most));
end
$$;

-- Which of the files of a spool nobody can want: none is ready by that name, and no
-- lease that holds is writing it.
create function lockstep.export_strays(names text[]) returns setof text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select n.name from unnest(names) n (name)
	where not exists (select from lockstep.exports e
		where e.id = split_part(n.name, '.', 1)::uuid
		and (e.state = 'ready' and e.file = n.name
			or e.state = 'running'
			and e.token::text = split_part(n.name, '.', 2)))
$$;

-- Nobody waits for it, or for its file, any more; a worker that writes it hears of
-- that.
create function lockstep.cancel_export(id uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
	was text;
begin
	select e.state into was from lockstep.exports e
	where e.id = cancel_export.id
	for update;
	if was in ('queued', 'running', 'ready') then
		update lockstep.exports e
		set state = 'cancelled', rate = null, updated_at = now(),
			finished_at = coalesce(e.finished_at, now()),
			expires_at = null
		where e.id = cancel_export.id;
	elsif was <> 'cancelled' then
		raise exception using errcode = 'LSX02',
			message = 'the export is over';
	end if;
end
$$;

-- What a web server has to know to have the file sent: nothing of this leaves.
create function lockstep.export_file(id uuid)
returns table (file text, name text, format text, sha256 text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
	was text;
begin
	select e.state into was from lockstep.exports e
	where e.id = export_file.id;
	if was in ('queued', 'running') then
		raise exception using errcode = 'LSX03',
			message = 'the file is not there yet';
	elsif was <> 'ready' then
		raise exception using errcode = 'LSX04',
			message = 'the file is not there';
	end if;
	return query
	select e.file, replace(e.operation, '.', '-') || '-'
		|| to_char(e.created_at at time zone 'utc', 'YYYYMMDD"T"HH24MISS"Z"'),
		e.format, e.sha256
	from lockstep.exports e
	where e.id = export_file.id and e.state = 'ready'
	and e.expires_at > now();
	if was is not null and not found then
		raise exception using errcode = 'LSX04',
			message = 'the file is not there';
	end if;
end
$$;

grant execute on function
	lockstep.request_export(text, jsonb, text, integer, integer),
	lockstep.cancel_export(uuid), lockstep.export_file(uuid)
	to authenticated, service_role;
grant execute on function lockstep.begin_export(uuid, bigint, bigint),
	lockstep.tell_export(uuid, bigint, bigint, bigint, bigint, bigint),
	lockstep.finish_export(uuid, bigint, bigint, bigint, bigint, text, text),
	lockstep.tend_exports(integer, integer), lockstep.export_strays(text[])
	to lockstep_worker;
grant execute on function lockstep.acting_role() to authenticated;

grant create on schema lockstep to lockstep_logic;
alter function lockstep.request_export(text, jsonb, text, integer, integer)
	owner to lockstep_logic;
alter function lockstep.cancel_export(uuid) owner to lockstep_logic;
revoke create on schema lockstep from lockstep_logic;
