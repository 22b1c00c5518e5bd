-- SPDX-License-Identifier: MIT
--
-- What the worker calls of deliveries, as before but for two things. A delivery
-- that failed goes out again with its own job, when that is replayed:
--
--	failed -> pending
--
-- And who changes an endpoint and its deliveries changes the endpoint first:
-- whoever disables it changes all of its deliveries, and several may at once.

grant create on schema app to lockstep_logic;
set local role lockstep_logic;

create or replace function app.prepare_delivery(delivery uuid, job_id bigint)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
	d app.webhook_deliveries;
	e app.webhook_endpoints;
	m app.webhook_messages;
begin
	select * into d from app.webhook_deliveries o
	where o.id = prepare_delivery.delivery
	and o.job_id = prepare_delivery.job_id
	and o.state in ('pending', 'retrying', 'failed')
	for no key update;
	if not found then
		return jsonb_build_object('skip', true);
	end if;
	select * into e from app.webhook_endpoints o where o.id = d.endpoint_id;
	if not e.enabled or d.state = 'failed' then
		update app.webhook_deliveries o
		set state = case when e.enabled then 'pending'
				else 'cancelled' end,
			updated_at = now()
		where o.id = d.id;
	end if;
	if not e.enabled then
		return jsonb_build_object('skip', true);
	end if;
	select * into m from app.webhook_messages o where o.id = d.message_id;
	return jsonb_build_object(
		'url', e.url,
		'destination', 'endpoint:' || e.id,
		'sign', jsonb_build_object(
			'id', 'msg_' || replace(m.id::text, '-', ''),
			'keys', (select string_agg(s.secret || coalesce(
				to_char(s.until at time zone 'UTC',
				' "until" YYYY-MM-DD"T"HH24:MI:SS"Z"'), ''),
				e'\n' order by s.id)
				from lockstep.webhook_secrets s
				where s.endpoint_id = e.id)),
		'body', jsonb_build_object('type', m.type,
			'timestamp', to_char(m.created_at at time zone 'UTC',
				'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
			'data', m.data));
end
$$;

create or replace function app.finish_delivery(delivery uuid, status integer,
	reply text, took_ms integer) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	update app.webhook_endpoints e set failing_since = null
	where e.id = (select d.endpoint_id from app.webhook_deliveries d
		where d.id = finish_delivery.delivery)
	and e.failing_since is not null;
	perform lockstep.note_attempt(delivery, 'delivered', status, null,
		reply, took_ms);
end
$$;

create or replace function app.fail_delivery(delivery uuid, status integer,
	code text, reply text, took_ms integer) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	endpoint uuid;
	since timestamptz;
begin
	-- Nothing was sent: what was to be sent is at fault, or we are.
	if took_ms is null then
		update app.webhook_deliveries o
		set error = code, updated_at = now()
		where o.id = fail_delivery.delivery
		and o.state in ('pending', 'retrying');
		return;
	end if;
	update app.webhook_endpoints e
	set failing_since = coalesce(e.failing_since, now())
	where e.id = (select d.endpoint_id from app.webhook_deliveries d
		where d.id = fail_delivery.delivery)
	returning e.id, e.failing_since into endpoint, since;
	perform lockstep.note_attempt(delivery, 'retrying', status, code,
		reply, took_ms);
	if status = 410 then
		perform lockstep.disable_endpoint(endpoint, 'gone');
	elsif since < now() - interval '120 hours' then
		perform lockstep.disable_endpoint(endpoint, 'failing');
	end if;
end
$$;

reset role;
revoke create on schema app from lockstep_logic;
