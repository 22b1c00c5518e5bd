-- SPDX-License-Identifier: MIT
--
-- People at the operations page, as the role operator: the bookkeeping of jobs,
-- queues and deliveries, and what one does about it. No row of the domain, and
-- nothing of what a letter, an event or a message says: of an endpoint they see
-- the host, as the rest of a URL may be a secret, and of an attempt the status,
-- not what the receiver replied.

grant usage on schema app, auth to operator;
grant select on app.jobs, app.queues, app.exports to operator;
grant execute on function
	lockstep.operate_dead(text, jsonb, integer, numeric, boolean)
	to operator;
set local role lockstep_logic;
grant execute on function lockstep.claim(text, text, text, text),
	lockstep.keep(text, text, text, text, text, bigint, json),
	lockstep.replay(text, text, text, text),
	lockstep.operate_job(text, bigint),
	lockstep.monitor(), lockstep.monitor_routes(),
	lockstep.cancel_export(uuid)
	to operator;
reset role;
grant execute on function app.replay_job(bigint), app.discard_job(bigint),
	app.replay_jobs(text, text, text, timestamptz, timestamptz, integer,
		integer, boolean),
	app.discard_jobs(text, text, text, timestamptz, timestamptz, integer,
		boolean),
	app.pause_queue(text), app.resume_queue(text), app.job_conservation(),
	app.monitor(), app.monitor_routes(),
	app.cancel_export(uuid), app.follow_export(uuid)
	to operator;

alter table app.webhook_endpoints
	add host text not null generated always as (coalesce(
		lower(substring(url from '^https?://([^/?#]*)')), '')) stored
	constraint webhook_endpoints_host_check
		check (char_length(host) <= 2000);
