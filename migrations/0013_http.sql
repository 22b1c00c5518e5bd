-- SPDX-License-Identifier: MIT
--
-- Jobs that call a service. No transaction is open while a service is called, so
-- such a job is leased, and all that is done with the database before and after
-- is fenced by the token.
--
-- A destination that fails has a breaker, which all workers share:
--
--	closed -> open -> half_open -> closed | open
--
-- It opens after 5 failures in a row, or when half of 10 calls or more of the
-- last minute failed. While it is open, jobs are deferred without an attempt.
-- Then one job is let through: the probe. It is the job's own lease that holds
-- it: when its worker dies another job may probe. A destination without a row
-- is closed.
--
-- LSJ02	the destination's breaker is open; the detail is for how long, in ms

create table lockstep.breakers (
	destination   text primary key
		constraint breakers_destination_check
		check (char_length(destination) between 1 and 200),
	state         text not null default 'closed'
		constraint breakers_state_check
		check (state in ('closed', 'open', 'half_open')),
	failures      integer not null default 0
		constraint breakers_failures_check check (failures >= 0),
	failing_since timestamptz,
	-- Of this half minute, and of the one before.
	half_at       timestamptz not null default now(),
	calls         integer not null default 0,
	failed        integer not null default 0,
	calls_before  integer not null default 0,
	failed_before integer not null default 0,
	open_ms       integer not null default 0,
	until         timestamptz,
	probe_job     bigint,
	probe_token   bigint,
	updated_at    timestamptz not null default now(),
	constraint breakers_until_check
		check ((until is not null) = (state = 'open')),
	constraint breakers_probe_check
		check ((probe_token is not null) = (state = 'half_open')
			and (probe_job is null) = (probe_token is null))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0,
	autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- Is the job still the worker's? Then it is until the transaction ends.
create function lockstep.job_hold(job bigint, token bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	perform from lockstep.jobs j
	where j.id = job and j.state = 'running' and j.lease_token = token
	for no key update;
	if not found then
		raise exception using errcode = 'LSJ01',
			message = 'the lease is another''s';
	end if;
end
$$;

-- May the destination be called, by the job with this lease? 'closed': yes;
-- 'failing': yes, and it is to be told how it went, whichever way; 'probe': the
-- same, by this job alone, once this transaction has committed.
create function lockstep.breaker_pass(destination text, job bigint,
	token bigint) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
	b lockstep.breakers;
	wait_ms bigint;
begin
	select * into b from lockstep.breakers o
	where o.destination = breaker_pass.destination;
	if not found or b.state = 'closed' then
		return case when b.failures > 0 then 'failing' else 'closed' end;
	end if;
	if b.state = 'open' and b.until > clock_timestamp() then
		wait_ms := ceil(1000 * extract(epoch from
			b.until - clock_timestamp()));
	else
		-- Whoever is about to get the probe, or is telling how it went,
		-- has the row.
		select * into b from lockstep.breakers o
		where o.destination = breaker_pass.destination
		for no key update skip locked;
		if found and b.state = 'closed' then
			return 'failing';
		end if;
		if found and (b.state = 'open' and b.until <= clock_timestamp()
				or b.state = 'half_open' and not exists (
				select from lockstep.jobs j
				where j.id = b.probe_job and j.state = 'running'
				and j.lease_token = b.probe_token)) then
			update lockstep.breakers o
			set state = 'half_open', until = null,
				probe_job = breaker_pass.job,
				probe_token = breaker_pass.token,
				updated_at = now()
			where o.destination = breaker_pass.destination;
			return 'probe';
		end if;
		wait_ms := greatest(200, least(5000, b.open_ms / 4));
	end if;
	raise exception using errcode = 'LSJ02',
		message = 'the destination is not called for now',
		detail = coalesce(wait_ms, 1000)::text;
end
$$;

-- How calls went: so many well, then so many not, since this worker told last.
-- Of a probe neither: it came to nothing, and another may. What is told while it
-- is open is of calls that began before.
create function lockstep.breaker_tell(destination text, token bigint,
	well integer, ill integer, base_ms integer, most_ms integer,
	out opened boolean, out closed boolean, out wait_ms bigint,
	out since timestamptz)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
	b lockstep.breakers;
	age interval;
	probe boolean;
begin
	insert into lockstep.breakers (destination)
	values (breaker_tell.destination) on conflict do nothing;
	select * into b from lockstep.breakers o
	where o.destination = breaker_tell.destination for no key update;
	probe := b.state = 'half_open' and b.probe_token = breaker_tell.token;
	opened := false;
	closed := false;
	age := clock_timestamp() - b.half_at;
	if age > interval '30 seconds' then
		b.calls_before := case when age > interval '60 seconds' then 0
			else b.calls end;
		b.failed_before := case when age > interval '60 seconds' then 0
			else b.failed end;
		b.calls := 0;
		b.failed := 0;
		b.half_at := clock_timestamp();
	end if;
	b.calls := b.calls + well + ill;
	b.failed := b.failed + ill;
	if well > 0 and b.state = 'closed' then
		b.failures := 0;
		b.failing_since := null;
	end if;
	if ill > 0 then
		b.failures := b.failures + ill;
		b.failing_since := coalesce(b.failing_since, clock_timestamp());
	end if;
	if b.state = 'closed' then
		opened := ill > 0 and (b.failures >= 5
			or b.calls + b.calls_before >= 10
			and 2 * (b.failed + b.failed_before)
				>= b.calls + b.calls_before);
		b.open_ms := case when opened then base_ms else 0 end;
	elsif probe and ill > 0 then
		opened := true;
		b.open_ms := least(b.open_ms * 2::bigint, most_ms);
	elsif probe and well > 0 then
		closed := true;
	end if;
	if opened or probe and not closed then
		b.state := 'open';
		b.until := clock_timestamp() + case when opened then b.open_ms
			else 0 end * interval '1 millisecond';
	end if;
	since := b.failing_since;
	if closed then
		b.state := 'closed';
		b.failures := 0;
		b.failing_since := null;
		b.calls := 0;
		b.failed := 0;
		b.calls_before := 0;
		b.failed_before := 0;
		b.open_ms := 0;
	end if;
	if b.state <> 'half_open' then
		b.probe_job := null;
		b.probe_token := null;
	end if;
	update lockstep.breakers o
	set state = b.state, failures = b.failures,
		failing_since = b.failing_since, half_at = b.half_at,
		calls = b.calls, failed = b.failed,
		calls_before = b.calls_before, failed_before = b.failed_before,
		open_ms = b.open_ms, until = b.until, probe_job = b.probe_job,
		probe_token = b.probe_token, updated_at = now()
	where o.destination = b.destination;
	wait_ms := case when b.state = 'open' then greatest(0, ceil(1000
		* extract(epoch from b.until - clock_timestamp()))) end;
end
$$;

-- Jobs of the kinds that are there to be claimed wait, each a little longer or
-- shorter, so that they do not come back all at once. They have made no attempt.
create function lockstep.job_defer(kinds text[], delay_ms bigint, most integer)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	count bigint;
begin
	with c as materialized (
		select j.id from lockstep.jobs j
		where j.kind = any(kinds) and j.state = 'available'
		limit most
		for update of j skip locked)
	update lockstep.jobs j
	set state = 'scheduled', updated_at = now(), run_at = clock_timestamp()
		+ delay_ms * (1 + random() / 5) * interval '1 millisecond'
	from c where j.id = c.id;
	get diagnostics count = row_count;
	return count;
end
$$;

grant execute on function lockstep.job_hold(bigint, bigint),
	lockstep.breaker_pass(text, bigint, bigint),
	lockstep.breaker_tell(text, bigint, integer, integer, integer, integer),
	lockstep.job_defer(text[], bigint, integer)
	to lockstep_worker;
