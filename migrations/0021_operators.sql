-- SPDX-License-Identifier: MIT
--
-- What the reference application has of the queue: jobs and queues for our servers,
-- by /api, and a schedule of its own. What is told of a job is what they may see:
-- not for whom it is, nor with what.

create view app.jobs with (security_invoker = true) as
select j.id, j.kind, j.state, j.reason, j.attempt, j.max_attempts, j.errors,
	j.schedule, j.replayed, j.replayed_at, j.run_at, j.created_at,
	j.updated_at, j.finalized_at
from lockstep.jobs j;
create view app.queues with (security_invoker = true) as
select q.name, q.paused, q.updated_at from lockstep.queues q;
grant select on app.jobs, app.queues to service_role;

create function app.replay_job(id bigint) returns setof app.jobs
language sql
set search_path = pg_catalog, pg_temp
as $$
	select lockstep.operate_job('replay', id);
	select * from app.jobs j where j.id = replay_job.id;
$$;
create function app.discard_job(id bigint) returns setof app.jobs
language sql
set search_path = pg_catalog, pg_temp
as $$
	select lockstep.operate_job('discard', id);
	select * from app.jobs j where j.id = discard_job.id;
$$;
create function app.replay_jobs(
	kind text default null,
	reason text default null,
	code text default null,
	since timestamptz default null,
	until timestamptz default null,
	most integer default null,
	rate integer default null,
	dry_run boolean default false
) returns table (matched bigint, changed bigint, skipped bigint, more boolean)
language sql
set search_path = pg_catalog, pg_temp
as $$
	select * from lockstep.operate_dead('replay', jsonb_strip_nulls(
		jsonb_build_object('reason', reason, 'code', code,
			'since', since, 'until', until,
			'kinds', case when kind is not null
				then jsonb_build_array(kind) end)),
		most, rate, coalesce(dry_run, false))
$$;
create function app.discard_jobs(
	kind text default null,
	reason text default null,
	code text default null,
	since timestamptz default null,
	until timestamptz default null,
	most integer default null,
	dry_run boolean default false
) returns table (matched bigint, changed bigint, skipped bigint, more boolean)
language sql
set search_path = pg_catalog, pg_temp
as $$
	select * from lockstep.operate_dead('discard', jsonb_strip_nulls(
		jsonb_build_object('reason', reason, 'code', code,
			'since', since, 'until', until,
			'kinds', case when kind is not null
				then jsonb_build_array(kind) end)),
		most, null, coalesce(dry_run, false))
$$;
create function app.pause_queue(name text) returns setof app.queues
language sql
set search_path = pg_catalog, pg_temp
as $$ select q.name, q.paused, q.updated_at from lockstep.set_queue(name, true) q $$;
create function app.resume_queue(name text) returns setof app.queues
language sql
set search_path = pg_catalog, pg_temp
as $$ select q.name, q.paused, q.updated_at from lockstep.set_queue(name, false) q $$;
create function app.job_conservation(
	out accepted bigint, out available bigint, out scheduled bigint,
	out running bigint, out done bigint, out cancelled bigint,
	out dead bigint, out purged bigint, out error bigint)
language sql stable
set search_path = pg_catalog, pg_temp
as $$ select * from lockstep.job_conservation() $$;

grant execute on function app.replay_job(bigint), app.discard_job(bigint),
	app.replay_jobs(text, text, text, timestamptz, timestamptz, integer,
		integer, boolean),
	app.discard_jobs(text, text, text, timestamptz, timestamptz, integer,
		boolean),
	app.pause_queue(text), app.resume_queue(text), app.job_conservation()
	to service_role;

-- Who was invited and did not come within so many days is forgotten. The policy
-- says that these are thirty at least.
create function app.forget_invitations(days integer) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
	delete from app.account_invitations i
	where i.accepted_at is null
	and i.expires_at < now() - make_interval(days => forget_invitations.days)
$$;

grant execute on function app.forget_invitations(integer) to service_role;
grant create on schema app to lockstep_logic;
alter function app.forget_invitations(integer) owner to lockstep_logic;
revoke create on schema app from lockstep_logic;
