-- SPDX-License-Identifier: MIT
--
-- A breaker closes by a call that goes well, so while it is open there must be
-- a job that calls. When all have given up meanwhile, one of them is tried again
-- once the pause is over: as a probe it is called once a pause, and if the
-- service is back, all come back: that they are to is left on the breaker's row by
-- what closes it, and stays there until they have, whoever dies in between.
-- lockstep.job_recover() is what workers called before, all at once.

-- Since when what died is to be tried again.
alter table lockstep.breakers add recover_since timestamptz;

-- As breaker_tell; `recovers`: what died meanwhile is to be tried again.
create function lockstep.breaker_hear(destination text, token bigint,
	well integer, ill integer, base_ms integer, most_ms integer,
	recovers boolean, out opened boolean, out closed boolean,
	out wait_ms bigint, out since timestamptz)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	select t.opened, t.closed, t.wait_ms, t.since
	into opened, closed, wait_ms, since
	from lockstep.breaker_tell(breaker_hear.destination, token, well, ill,
		base_ms, most_ms) t;
	if closed and recovers then
		update lockstep.breakers b
		set recover_since = least(b.recover_since, breaker_hear.since)
		where b.destination = breaker_hear.destination;
	end if;
end
$$;

-- The first that gave up on a service since then, and was not tried again.
create function lockstep.gave_up_at(kinds text[], since timestamptz)
returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
	return (select min(d.finalized_at)
		from unnest(kinds) k (kind) cross join lateral (
			select j.finalized_at from lockstep.jobs j
			where j.state = 'dead' and j.kind = k.kind
			and j.finalized_at >= gave_up_at.since
			and j.reason = 'exhausted' and not j.recovered
			order by j.finalized_at
			limit 1) d);
end
$$;

-- What is to be tried again since the destination's breaker closed, at most so
-- many of a kind, the first that died first; each job once, until somebody
-- replays it. One worker does it. How many, and are there more?
create function lockstep.breaker_recover(destination text, kinds text[],
	most integer, out revived bigint, out more boolean)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	began timestamptz;
	ids bigint[];
begin
	revived := 0;
	more := false;
	select b.recover_since into began from lockstep.breakers b
	where b.destination = breaker_recover.destination
	and b.state = 'closed' and b.recover_since is not null
	for no key update skip locked;
	if not found then
		return;
	end if;
	ids := array(select d.id
		from unnest(kinds) k (kind) cross join lateral (
			select j.id from lockstep.jobs j
			where j.state = 'dead' and j.kind = k.kind
			and j.finalized_at >= began
			and j.reason = 'exhausted' and not j.recovered
			order by j.finalized_at
			limit most
			for update skip locked) d);
	if cardinality(ids) > 0 then
		revived := lockstep.job_revive(ids, null, 0, true);
		-- For these another with the same unique_key is tried.
		update lockstep.jobs j set recovered = true
		where j.id = any(ids) and j.state = 'dead'
		and exists (select from lockstep.jobs o
			where o.kind = j.kind and o.unique_key = j.unique_key
			and o.finalized_at is null);
		perform lockstep.note_operation(null, 'recover',
			jsonb_build_object('kinds', kinds, 'since', began),
			revived, cardinality(ids) - revived);
	end if;
	if revived > 0 then
		perform pg_notify('lockstep_jobs', '');
	end if;
	update lockstep.breakers b
	set recover_since = lockstep.gave_up_at(kinds, began)
	where b.destination = breaker_recover.destination
	returning b.recover_since is not null and revived > 0 into more;
end
$$;

-- A job of the kinds that gave up since the destination began to fail is
-- available again, when its breaker could let one through and there is none.
-- They take turns, and each has thirty, so that one whose call can never go well
-- is not called for ever. How many: 0 or 1.
create function lockstep.job_probe(destination text, kinds text[])
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
	since timestamptz;
	ids bigint[];
begin
	select b.failing_since into since from lockstep.breakers b
	where b.destination = job_probe.destination
	and (b.state = 'half_open' or b.until <= clock_timestamp())
	for no key update skip locked;
	if not found or exists (select from lockstep.jobs j
			where j.kind = any(kinds) and j.finalized_at is null) then
		return 0;
	end if;
	ids := array(select j.id from lockstep.jobs j
		where j.state = 'dead' and j.kind = any(kinds)
		and j.finalized_at >= since
		and j.reason = 'exhausted' and not j.recovered
		and j.replayed < 30
		order by j.replayed_at nulls first, j.id desc
		limit 1
		for update skip locked);
	if lockstep.job_revive(ids, null, 0, false) = 0 then
		return 0;
	end if;
	perform lockstep.note_operation(null, 'recover',
		jsonb_build_object('ids', ids, 'kinds', kinds), 1, 0);
	return 1;
end
$$;
grant execute on function lockstep.job_probe(text, text[]),
	lockstep.breaker_hear(text, bigint, integer, integer, integer, integer,
		boolean),
	lockstep.gave_up_at(text[], timestamptz),
	lockstep.breaker_recover(text, text[], integer)
	to lockstep_worker;
