-- SPDX-License-Identifier: MIT
--
-- A breaker closes by a call that goes well, so while it is open there must be
-- a job that calls. When all have given up meanwhile, one of them is tried again
-- once the pause is over: as a probe it is called once a pause, and if the
-- service is back, all come back (lockstep.job_recover).

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
grant execute on function lockstep.job_probe(text, text[]) to lockstep_worker;
