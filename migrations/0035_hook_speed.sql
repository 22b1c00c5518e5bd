-- SPDX-License-Identifier: MIT
--
-- What an event costs Postgres, from its receipt to its effect: one look in the
-- inbox for the common case, that it is new; and a plan that is kept, as a
-- function of SQL is planned anew at each call.

grant create on schema lockstep to lockstep_logic;
set local role lockstep_logic;

-- As before, by one look.
create or replace function lockstep.receive(source text, event_id text, type text,
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
	select i.body_sha into earlier from lockstep.inbox i
	where i.source = receive.source and i.event_id = receive.event_id;
	if earlier = digest then
		update lockstep.inbox i
		set deliveries = i.deliveries + 1, seen_at = now()
		where i.source = receive.source
		and i.event_id = receive.event_id;
		return query select 'duplicate';
		return;
	end if;
	if earlier is not null then
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

create or replace function lockstep.event(source text, event_id text)
returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	return (select i.body::jsonb from lockstep.inbox i
		where i.source = event.source and i.event_id = event.event_id
		and i.role = current_setting('role')
		limit 1);
end
$$;

reset role;
revoke create on schema lockstep from lockstep_logic;
