-- SPDX-License-Identifier: MIT
--
-- Schedules: what the contract says of when a kind of job runs by itself, and
-- where it is. Workers reckon when that is; which of them makes the run is
-- decided here, on the row of the schedule, by the database's clock: who takes
-- it from one tick to the next has also left the job, in one transaction.
-- (schedule, tick) is unique among the jobs besides.

alter table lockstep.jobs
	add schedule text,
	add tick     timestamptz,
	add constraint jobs_schedule_check
		check ((schedule is null) = (tick is null));
create unique index jobs_schedule_key on lockstep.jobs (schedule, tick)
	where schedule is not null;

create table lockstep.schedules (
	name       text primary key,
	spec       text not null,
	zone       text not null,
	next_tick  timestamptz not null,
	last_tick  timestamptz,
	last_job   bigint,
	-- Ticks that were run; and those that were not, as nobody worked.
	runs       bigint not null default 0,
	missed     bigint not null default 0,
	updated_at timestamptz not null default now()
);

-- What a worker's contract says, when the worker begins: the next tick is
-- reckoned anew when that has changed.
create function lockstep.schedule_keep(name text, spec text, zone text,
	next_tick timestamptz) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
	insert into lockstep.schedules as s (name, spec, zone, next_tick)
	values (schedule_keep.name, schedule_keep.spec, schedule_keep.zone,
		schedule_keep.next_tick)
	on conflict (name) do update
	set spec = excluded.spec, zone = excluded.zone,
		next_tick = excluded.next_tick, updated_at = now()
	where (s.spec, s.zone) <> (excluded.spec, excluded.zone)
$$;

-- Makes the run of a tick, and goes on to the one that follows; NULL when
-- somebody has, or is about to, or when it is not due. Of several ticks that
-- nobody made the caller chooses one, or none (tick NULL); the others were
-- missed.
create function lockstep.schedule_tick(name text, due timestamptz,
	tick timestamptz, following timestamptz, missed bigint, args jsonb,
	role text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	job bigint;
begin
	perform from lockstep.schedules s
	where s.name = schedule_tick.name and s.next_tick = due
	and due <= clock_timestamp()
	for update skip locked;
	if not found or following <= due or tick < due
			or tick > clock_timestamp() then
		return null;
	end if;
	if tick is not null then
		insert into lockstep.jobs (kind, args, claims, role, run_at,
			schedule, tick)
		values (schedule_tick.name, schedule_tick.args,
			jsonb_build_object('role', schedule_tick.role,
				'sub', 'schedule:' || schedule_tick.name),
			schedule_tick.role, clock_timestamp(),
			schedule_tick.name, schedule_tick.tick)
		on conflict do nothing
		returning id into job;
	end if;
	update lockstep.schedules s
	set next_tick = following, updated_at = now(),
		last_tick = coalesce(schedule_tick.tick, s.last_tick),
		last_job = coalesce(job, s.last_job),
		runs = s.runs + (job is not null)::integer,
		missed = s.missed + schedule_tick.missed
	where s.name = schedule_tick.name;
	return coalesce(job, 0);
end
$$;

grant execute on function lockstep.schedule_keep(text, text, text, timestamptz),
	lockstep.schedule_tick(text, timestamptz, timestamptz, timestamptz,
		bigint, jsonb, text)
	to lockstep_worker;
