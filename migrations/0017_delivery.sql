-- SPDX-License-Identifier: MIT
--
-- Webhooks that are sent. What happened is a message, published in the
-- transaction in which it happened; with it a delivery for each endpoint of its
-- owner that wants it, and a job that delivers it:
--
--	pending -> retrying -> delivered | failed; pending, retrying -> cancelled
--
-- An attempt is a row that nobody changes. A delivery has one job at a time,
-- job_id: one that was sent again before is passed over. Messages, endpoints,
-- deliveries and attempts belong to who owns the endpoints:
-- app.webhook_owners() says whose the caller may see.
--
-- Secrets are in a table of their own, which only the functions here read. The
-- one before the last signs as well for a day.

-- Whose endpoints, messages and attempts the caller sees and changes: his own.
-- An application with tenants replaces it.
create function app.webhook_owners() returns setof uuid
language plpgsql stable rows 1
set search_path = pg_catalog, pg_temp
as $$
begin
	return query select auth.uid();
end
$$;

create table app.webhook_endpoints (
	id              uuid primary key default gen_random_uuid(),
	owner_id        uuid not null,
	url             text not null
		constraint webhook_endpoints_url_check
		check (char_length(url) between 10 and 2000),
	description     text not null default ''
		constraint webhook_endpoints_description_check
		check (char_length(description) <= 200),
	-- None are all.
	types           jsonb not null default '[]'
		constraint webhook_endpoints_types_check
		check (jsonb_typeof(types) = 'array'
			and jsonb_array_length(types) <= 50
			and octet_length(types::text) <= 8192),
	enabled         boolean not null default true,
	disabled_reason text
		constraint webhook_endpoints_disabled_reason_check
		check (disabled_reason in ('owner', 'gone', 'failing')),
	failing_since   timestamptz,
	created_at      timestamptz not null default now(),
	updated_at      timestamptz not null default now(),
	constraint webhook_endpoints_disabled_check
		check (enabled = (disabled_reason is null))
);

create index webhook_endpoints_owner_idx
	on app.webhook_endpoints (owner_id, created_at desc, id desc);
create index webhook_endpoints_created_idx
	on app.webhook_endpoints (created_at desc, id desc);

create table app.webhook_messages (
	id         uuid primary key default gen_random_uuid(),
	owner_id   uuid not null,
	type       text not null
		constraint webhook_messages_length_check
		check (char_length(type) between 3 and 255)
		constraint webhook_messages_type_check
		check (type ~ '^[a-z][a-z0-9_]{0,62}([.][a-z][a-z0-9_]{0,62}){0,3}$'),
	data       jsonb not null
		constraint webhook_messages_data_check
		check (jsonb_typeof(data) = 'object'),
	created_at timestamptz not null default now()
);

create index webhook_messages_owner_idx
	on app.webhook_messages (owner_id, created_at desc, id desc);
create index webhook_messages_created_idx
	on app.webhook_messages (created_at desc, id desc);

create table app.webhook_deliveries (
	id           uuid primary key default gen_random_uuid(),
	owner_id     uuid not null,
	message_id   uuid not null
		constraint webhook_deliveries_message_id_fkey
		references app.webhook_messages (id) on delete cascade,
	endpoint_id  uuid not null
		constraint webhook_deliveries_endpoint_id_fkey
		references app.webhook_endpoints (id) on delete cascade,
	type         text not null
		constraint webhook_deliveries_type_check
		check (char_length(type) between 3 and 255),
	state        text not null default 'pending'
		constraint webhook_deliveries_state_check
		check (state in ('pending', 'retrying', 'delivered', 'failed',
			'cancelled')),
	attempts     integer not null default 0
		constraint webhook_deliveries_attempts_check
		check (attempts >= 0),
	status       integer
		constraint webhook_deliveries_status_check
		check (status between 100 and 999),
	error        text
		constraint webhook_deliveries_error_check
		check (char_length(error) <= 255),
	job_id       bigint,
	delivered_at timestamptz,
	created_at   timestamptz not null default now(),
	updated_at   timestamptz not null default now(),
	constraint webhook_deliveries_once_key unique (message_id, endpoint_id)
);

create index webhook_deliveries_endpoint_idx on app.webhook_deliveries
	(endpoint_id, created_at desc, id desc);
create index webhook_deliveries_owner_idx on app.webhook_deliveries
	(owner_id, created_at desc, id desc);
create index webhook_deliveries_state_idx on app.webhook_deliveries
	(owner_id, state, created_at desc, id desc);
create index webhook_deliveries_created_idx on app.webhook_deliveries
	(created_at desc, id desc);

create table app.webhook_attempts (
	id          uuid primary key default gen_random_uuid(),
	owner_id    uuid not null,
	delivery_id uuid not null
		constraint webhook_attempts_delivery_id_fkey
		references app.webhook_deliveries (id) on delete cascade,
	endpoint_id uuid not null,
	number      integer not null
		constraint webhook_attempts_number_check check (number > 0),
	status      integer
		constraint webhook_attempts_status_check
		check (status between 100 and 999),
	error       text
		constraint webhook_attempts_error_check
		check (char_length(error) <= 255),
	reply       text
		constraint webhook_attempts_reply_check
		check (char_length(reply) <= 20480),
	took_ms     integer
		constraint webhook_attempts_took_ms_check check (took_ms >= 0),
	created_at  timestamptz not null default now()
);

create index webhook_attempts_delivery_idx on app.webhook_attempts
	(delivery_id, created_at desc, id desc);
create index webhook_attempts_endpoint_idx on app.webhook_attempts
	(endpoint_id, created_at desc, id desc);
create index webhook_attempts_owner_idx on app.webhook_attempts
	(owner_id, created_at desc, id desc);
create index webhook_attempts_created_idx on app.webhook_attempts
	(created_at desc, id desc);

create table lockstep.webhook_secrets (
	id          bigint generated always as identity
		constraint webhook_secrets_pkey primary key,
	endpoint_id uuid not null
		constraint webhook_secrets_endpoint_id_fkey
		references app.webhook_endpoints (id) on delete cascade,
	secret      text not null,
	until       timestamptz,
	created_at  timestamptz not null default now()
);

create index webhook_secrets_endpoint_idx
	on lockstep.webhook_secrets (endpoint_id, id);

-- Ranges of addresses that may be delivered to besides the internet's: the
-- option deliver_allow, which the server's sessions have as a setting. None but
-- in tests and private networks.
create function lockstep.is_allowed(address inet) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select exists (select from regexp_split_to_table(
			current_setting('lockstep.deliver_allow', true),
			'[ ,]+') as r (range)
		where is_allowed.address <<= nullif(r.range, '')::inet)
$$;

-- Is it an address of the internet? The worker judges the address to which it
-- connects, by a longer list; this one tells whoever writes one down.
create function lockstep.is_public(address inet) returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
	select case family(address) when 4 then not address <<= any (array[
		'0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8',
		'168.63.129.16', '169.254.0.0/16', '172.16.0.0/12',
		'192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24',
		'192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24',
		'203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4']::inet[])
	else address <<= '2000::/3' and not address <<= any (array[
		'2001::/23', '2001:db8::/32', '2002::/16', '3ffe::/16',
		'3fff::/20']::inet[]) end
$$;

-- May the URL be an endpoint's? https; a name of the internet, or an address of
-- it in its usual form; no user, no fragment, no port of another service. What
-- a name resolves to is judged at each delivery.
create function lockstep.is_deliverable(url text) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
	part text[] := regexp_match(url, '^(https?)://'
		'(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})'
		'(:[0-9]{1,5})?'
		'([/?]([A-Za-z0-9._~:/?@!$&''()*+,;=\[\]-]|%[0-9A-Fa-f]{2})*)?$');
	host text := lower(part[2]);
	port integer := substr(part[3], 2);
	address inet;
begin
	if host is null or port not between 1 and 65535 then
		return false;
	end if;
	if host ~ '^\[' then
		address := translate(host, '[]', '');
	elsif host ~ '^(0|[1-9]\d{0,2})([.](0|[1-9]\d{0,2})){3}$' then
		address := host;
	end if;
	if lockstep.is_allowed(address) then
		return true;
	end if;
	if part[1] <> 'https' or port = any (array[1, 7, 9, 11, 13, 15, 17, 19,
			20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95,
			101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119,
			123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512,
			513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556,
			563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720,
			1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566,
			6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080]) then
		return false;
	end if;
	if address is not null then
		return lockstep.is_public(address);
	end if;
	-- The last label of a name has a letter: else it would be a number in
	-- one of many forms.
	return host ~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])+[a-z]([a-z0-9-]{0,61}[a-z0-9])$'
		and host !~ '[.](localhost|localdomain|local|internal|intranet|lan|home|corp|private|arpa|invalid|onion)$';
exception
	when invalid_text_representation then
		return false;
end
$$;

create function app.guard_webhook_endpoint() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	if (tg_op = 'INSERT' or new.url <> old.url)
			and not lockstep.is_deliverable(new.url) then
		raise exception using errcode = 'check_violation',
			constraint = 'webhook_endpoints_url_check',
			message = 'the URL cannot be delivered to';
	end if;
	if tg_op = 'UPDATE' and new.enabled and not old.enabled then
		new.disabled_reason := null;
		new.failing_since := null;
	elsif not new.enabled and new.disabled_reason is null then
		new.disabled_reason := 'owner';
	end if;
	new.updated_at := now();
	return new;
end
$$;
create trigger webhook_endpoints_guard before insert or update
	on app.webhook_endpoints
	for each row execute function app.guard_webhook_endpoint();

-- A new secret of an endpoint, told this once. The ones before end in a day.
create function lockstep.renew_secret(endpoint uuid) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	fresh text := 'whsec_' || encode(sha256(uuid_send(gen_random_uuid())
		|| uuid_send(gen_random_uuid())), 'base64');
begin
	delete from lockstep.webhook_secrets s
	where s.endpoint_id = endpoint and s.until < now();
	update lockstep.webhook_secrets s set until = now() + interval '24 hours'
	where s.endpoint_id = endpoint and s.until is null;
	-- Seven of a day at most; a header takes no more.
	delete from lockstep.webhook_secrets s
	where s.endpoint_id = endpoint and s.id <= (
		select o.id from lockstep.webhook_secrets o
		where o.endpoint_id = endpoint
		order by o.id desc offset 6 limit 1);
	insert into lockstep.webhook_secrets (endpoint_id, secret)
	values (endpoint, fresh);
	return fresh;
end
$$;

create type app.webhook_endpoint_secret as (
	id       uuid,
	owner_id uuid,
	url      text,
	secret   text
);

-- LS301	there are fifty endpoints already
create function app.add_webhook_endpoint(
	url text,
	description text default '',
	types jsonb default '[]',
	owner_id uuid default null
) returns setof app.webhook_endpoint_secret
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
	whose uuid := coalesce(add_webhook_endpoint.owner_id, auth.uid());
	endpoint uuid;
begin
	perform pg_advisory_xact_lock(hashtextextended(
		'app.webhook_endpoints ' || whose, 0));
	if (select count(*) from app.webhook_endpoints e
			where e.owner_id = whose) >= 50 then
		raise exception using errcode = 'LS301',
			message = 'there are fifty endpoints already';
	end if;
	insert into app.webhook_endpoints (owner_id, url, description, types)
	values (whose, add_webhook_endpoint.url,
		coalesce(add_webhook_endpoint.description, ''),
		coalesce(add_webhook_endpoint.types, '[]'))
	returning id into endpoint;
	return query select endpoint, whose, add_webhook_endpoint.url,
		lockstep.renew_secret(endpoint);
end
$$;

create function app.rotate_webhook_secret(id uuid)
returns setof app.webhook_endpoint_secret
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	endpoint app.webhook_endpoints;
begin
	select e.* into endpoint from app.webhook_endpoints e
	where e.id = rotate_webhook_secret.id
	and e.owner_id in (select app.webhook_owners())
	for no key update;
	if found then
		return query select endpoint.id, endpoint.owner_id,
			endpoint.url, lockstep.renew_secret(endpoint.id);
	end if;
end
$$;

-- A delivery of the message to the endpoint, with its job; or the one that is
-- there goes out again.
create function lockstep.deliver(message app.webhook_messages, endpoint uuid)
returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	delivery uuid;
begin
	insert into app.webhook_deliveries as d (owner_id, message_id,
		endpoint_id, type)
	values (message.owner_id, message.id, endpoint, message.type)
	on conflict (message_id, endpoint_id) do update
	set state = 'pending', job_id = null, updated_at = now()
	returning d.id into delivery;
	update app.webhook_deliveries d
	set job_id = lockstep.enqueue('lockstep.deliver',
		jsonb_build_object('delivery', delivery))
	where d.id = delivery;
	return delivery;
end
$$;

-- Something happened that is the owner's: tells his endpoints, if the
-- transaction commits. The message's id, or NULL when he has no endpoint.
create function lockstep.publish(type text, data jsonb, owner_id uuid)
returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	message app.webhook_messages;
begin
	if not exists (select from app.webhook_endpoints e
			where e.owner_id = publish.owner_id) then
		return null;
	end if;
	insert into app.webhook_messages as m (owner_id, type, data)
	values (publish.owner_id, publish.type, publish.data)
	returning m.* into message;
	perform lockstep.deliver(message, e.id)
	from app.webhook_endpoints e
	where e.owner_id = publish.owner_id and e.enabled
	and (e.types = '[]' or e.types ? publish.type);
	return message.id;
end
$$;

-- A message of its own to one endpoint, whatever it wants, to see that it works.
-- LS302	the endpoint is disabled
create function app.ping_webhook_endpoint(id uuid)
returns setof app.webhook_deliveries
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	endpoint app.webhook_endpoints;
	message app.webhook_messages;
	delivery uuid;
begin
	select e.* into endpoint from app.webhook_endpoints e
	where e.id = ping_webhook_endpoint.id
	and e.owner_id in (select app.webhook_owners());
	if not found then
		return;
	end if;
	if not endpoint.enabled then
		raise exception using errcode = 'LS302',
			message = 'the endpoint is disabled';
	end if;
	insert into app.webhook_messages as m (owner_id, type, data)
	values (endpoint.owner_id, 'webhook.ping',
		jsonb_build_object('endpoint_id', endpoint.id))
	returning m.* into message;
	delivery := lockstep.deliver(message, endpoint.id);
	return query select d.* from app.webhook_deliveries d
	where d.id = delivery;
end
$$;

create function app.resend_webhook_delivery(id uuid)
returns setof app.webhook_deliveries
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	delivery app.webhook_deliveries;
	message app.webhook_messages;
begin
	select d.* into delivery from app.webhook_deliveries d
	where d.id = resend_webhook_delivery.id
	and d.owner_id in (select app.webhook_owners())
	for no key update;
	if not found then
		return;
	end if;
	if not (select e.enabled from app.webhook_endpoints e
			where e.id = delivery.endpoint_id) then
		raise exception using errcode = 'LS302',
			message = 'the endpoint is disabled';
	end if;
	select m.* into message from app.webhook_messages m
	where m.id = delivery.message_id;
	perform lockstep.deliver(message, delivery.endpoint_id);
	return query select d.* from app.webhook_deliveries d
	where d.id = delivery.id;
end
$$;

create type app.webhook_recovery as (
	resent integer,
	more   boolean
);

-- Sends again what an endpoint missed: messages of the range that it wants and
-- that were not delivered, or never tried as it was disabled. A thousand at a
-- time.
create function app.recover_webhook_endpoint(
	id uuid,
	since timestamptz,
	until timestamptz default null
) returns setof app.webhook_recovery
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	endpoint app.webhook_endpoints;
	count integer;
begin
	select e.* into endpoint from app.webhook_endpoints e
	where e.id = recover_webhook_endpoint.id
	and e.owner_id in (select app.webhook_owners())
	for no key update;
	if not found then
		return;
	end if;
	if not endpoint.enabled then
		raise exception using errcode = 'LS302',
			message = 'the endpoint is disabled';
	end if;
	select count(lockstep.deliver(m.message, endpoint.id)) into count
	from (select m as message from app.webhook_messages m
		where m.owner_id = endpoint.owner_id
		and m.created_at >= greatest(recover_webhook_endpoint.since,
			now() - interval '14 days')
		and m.created_at < coalesce(recover_webhook_endpoint.until,
			now())
		and (endpoint.types = '[]' or endpoint.types ? m.type)
		and m.type <> 'webhook.ping'
		and not exists (select from app.webhook_deliveries d
			where d.message_id = m.id
			and d.endpoint_id = endpoint.id
			and d.state in ('pending', 'retrying', 'delivered'))
		order by m.created_at, m.id
		limit 1000) m;
	return query select count, count = 1000;
end
$$;

-- ---- What the worker calls, as the role of deliveries. ----

-- What is to be sent, where, and the secrets to sign it by: the newest last.
create function app.prepare_delivery(delivery uuid, job_id bigint)
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
	and o.state in ('pending', 'retrying')
	for no key update;
	if not found then
		return jsonb_build_object('skip', true);
	end if;
	select * into e from app.webhook_endpoints o where o.id = d.endpoint_id;
	if not e.enabled then
		update app.webhook_deliveries o
		set state = 'cancelled', updated_at = now() where o.id = d.id;
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

-- One more attempt of the delivery, which is then in this state; unless it was
-- over already, as another job had it meanwhile. Well done is well done.
create function lockstep.note_attempt(delivery uuid, state text, status integer,
	error text, reply text, took_ms integer)
returns app.webhook_deliveries
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
	d app.webhook_deliveries;
begin
	update app.webhook_deliveries o
	set state = case when note_attempt.state = 'delivered'
				or o.state in ('pending', 'retrying')
			then note_attempt.state else o.state end,
		attempts = o.attempts + 1,
		status = note_attempt.status, error = note_attempt.error,
		updated_at = now(),
		delivered_at = case note_attempt.state when 'delivered'
			then now() else o.delivered_at end
	where o.id = note_attempt.delivery
	returning o.* into d;
	if found then
		insert into app.webhook_attempts (owner_id, delivery_id,
			endpoint_id, number, status, error, reply, took_ms)
		values (d.owner_id, d.id, d.endpoint_id, d.attempts,
			d.status, d.error, note_attempt.reply,
			note_attempt.took_ms);
	end if;
	return d;
end
$$;

create function app.finish_delivery(delivery uuid, status integer, reply text,
	took_ms integer) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	d app.webhook_deliveries := lockstep.note_attempt(delivery, 'delivered',
		status, null, reply, took_ms);
begin
	update app.webhook_endpoints e set failing_since = null
	where e.id = d.endpoint_id and e.failing_since is not null;
end
$$;

-- An endpoint is done with: 410 says so itself; or all has failed for five days.
create function lockstep.disable_endpoint(endpoint uuid, reason text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	update app.webhook_endpoints e
	set enabled = false, disabled_reason = reason
	where e.id = endpoint and e.enabled;
	update app.webhook_deliveries d
	set state = 'cancelled', updated_at = now()
	where d.endpoint_id = endpoint and d.state in ('pending', 'retrying');
end
$$;

create function app.fail_delivery(delivery uuid, status integer, code text,
	reply text, took_ms integer) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	d app.webhook_deliveries;
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
	d := lockstep.note_attempt(delivery, 'retrying', status, code, reply,
		took_ms);
	update app.webhook_endpoints e
	set failing_since = coalesce(e.failing_since, now())
	where e.id = d.endpoint_id
	returning e.failing_since into since;
	if status = 410 then
		perform lockstep.disable_endpoint(d.endpoint_id, 'gone');
	elsif since < now() - interval '120 hours' then
		perform lockstep.disable_endpoint(d.endpoint_id, 'failing');
	end if;
end
$$;

-- It is given up; unless it was sent again, or is over, meanwhile.
create function app.give_up_delivery(delivery uuid, job_id bigint, reason text)
returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
	update app.webhook_deliveries d
	set state = 'failed', error = coalesce(d.error, give_up_delivery.reason),
		updated_at = now()
	where d.id = give_up_delivery.delivery
	and d.job_id = give_up_delivery.job_id
	and d.state in ('pending', 'retrying')
$$;

-- Forgets at most so many messages that are so old, with their attempts.
create function lockstep.sweep_messages(days integer, most integer)
returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	swept integer;
begin
	if not pg_try_advisory_xact_lock(
			hashtextextended('lockstep.sweep_messages', 0)) then
		return 0;
	end if;
	delete from app.webhook_messages m
	where m.id = any (array(
		select o.id from app.webhook_messages o
		where o.created_at < now()
			- make_interval(days => greatest(days, 15))
		order by o.created_at
		limit most));
	get diagnostics swept = row_count;
	return swept;
end
$$;

grant execute on function lockstep.is_allowed(inet), lockstep.is_public(inet),
	lockstep.is_deliverable(text), app.webhook_owners()
	to authenticated, lockstep_logic;
grant execute on function lockstep.renew_secret(uuid),
	lockstep.deliver(app.webhook_messages, uuid),
	lockstep.note_attempt(uuid, text, integer, text, text, integer),
	lockstep.disable_endpoint(uuid, text)
	to lockstep_logic;
grant execute on function lockstep.publish(text, jsonb, uuid)
	to service_role, lockstep_logic;
grant execute on function
	app.add_webhook_endpoint(text, text, jsonb, uuid),
	app.rotate_webhook_secret(uuid), app.ping_webhook_endpoint(uuid),
	app.resend_webhook_delivery(uuid),
	app.recover_webhook_endpoint(uuid, timestamptz, timestamptz)
	to authenticated;
grant execute on function app.prepare_delivery(uuid, bigint),
	app.finish_delivery(uuid, integer, text, integer),
	app.fail_delivery(uuid, integer, text, text, integer),
	app.give_up_delivery(uuid, bigint, text)
	to service_role;
grant execute on function lockstep.sweep_messages(integer, integer)
	to lockstep;

grant create on schema app, lockstep to lockstep_logic;
alter function app.add_webhook_endpoint(text, text, jsonb, uuid)
	owner to lockstep_logic;
alter function app.rotate_webhook_secret(uuid) owner to lockstep_logic;
alter function app.ping_webhook_endpoint(uuid) owner to lockstep_logic;
alter function app.resend_webhook_delivery(uuid) owner to lockstep_logic;
alter function app.recover_webhook_endpoint(uuid, timestamptz, timestamptz)
	owner to lockstep_logic;
alter function app.prepare_delivery(uuid, bigint) owner to lockstep_logic;
alter function app.finish_delivery(uuid, integer, text, integer)
	owner to lockstep_logic;
alter function app.fail_delivery(uuid, integer, text, text, integer)
	owner to lockstep_logic;
alter function app.give_up_delivery(uuid, bigint, text)
	owner to lockstep_logic;
alter function lockstep.publish(text, jsonb, uuid) owner to lockstep_logic;
alter function lockstep.sweep_messages(integer, integer)
	owner to lockstep_logic;
revoke create on schema app, lockstep from lockstep_logic;
