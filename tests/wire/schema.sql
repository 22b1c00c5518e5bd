-- SPDX-License-Identifier: MIT
--
-- What the wire tests talk to: one table under row level security, functions
-- of each shape, and login roles that are fit and unfit.

create role anon nologin;
create role member nologin;
create role outsider nologin;
create role wire login noinherit;
create role wire_owner login noinherit;
create role wire_root login superuser;
create role wire_bypass login noinherit bypassrls;
create role wire_maker login noinherit createrole;
create role wire_heir login noinherit;
create role wire_climber login noinherit;
grant anon, member to wire, wire_owner, wire_root, wire_bypass, wire_maker,
	wire_heir, wire_climber;
grant wire_owner to wire_heir;
grant wire_bypass to wire_climber;

create schema app;
grant usage on schema app to anon, member, outsider;

create table app.boxes (id uuid primary key);

create table app.notes (
	id       uuid primary key default gen_random_uuid(),
	owner    text not null default nullif(current_setting(
		'request.jwt.claims', true), '')::jsonb ->> 'sub',
	title    text not null,
	body     text,
	rank     integer not null default 0,
	weight   double precision,
	urgent   boolean not null default false,
	slot     integer constraint notes_slot_key unique
		deferrable initially deferred,
	box_id   uuid constraint notes_box_id_fkey references app.boxes
		deferrable initially deferred,
	extra    jsonb,
	tags     text[],
	due_at   timestamptz,
	pin      text,
	closed   boolean not null default false,
	constraint notes_title_key unique (title),
	constraint notes_rank_check check (rank <> 13)
);

alter table app.notes enable row level security;
alter table app.notes owner to wire_owner;
grant select, insert, update, delete on app.notes to member;
grant select on app.notes to anon;
create policy own on app.notes to member using (owner = (select
	nullif(current_setting('request.jwt.claims', true), '')::jsonb
	->> 'sub'));

create function app.close_note(id uuid) returns setof app.notes
language plpgsql as $$
begin
	if exists (select from app.notes n
			where n.id = close_note.id and n.closed) then
		raise exception using errcode = 'LS001',
			message = 'closed: ' || close_note.id;
	end if;
	return query update app.notes n set closed = true
	where n.id = close_note.id returning n.*;
end
$$;

create function app.maybe_note(id uuid) returns app.notes
language sql as $$
	select n from app.notes n where n.id = maybe_note.id
$$;

create function app.urgent_notes() returns setof app.notes
language sql stable as $$
	select * from app.notes n where n.urgent order by n.title
$$;

create function app.session() returns jsonb
language sql stable as $$
	select jsonb_build_object('role', current_user,
		'claims', current_setting('request.jwt.claims', true),
		'request_id', current_setting('lockstep.request_id', true),
		'read_only', current_setting('transaction_read_only'),
		'pid', pg_backend_pid(),
		'statements', (select count(*) from pg_prepared_statements),
		'settings', (select jsonb_object_agg(name, current_setting(name))
			from unnest(array['application_name',
				'statement_timeout', 'lock_timeout',
				'idle_in_transaction_session_timeout',
				'TimeZone', 'DateStyle', 'IntervalStyle',
				'bytea_output', 'extra_float_digits',
				'client_encoding', 'work_mem']) as name))
$$;

create function app.write_note() returns void
language sql as $$
	insert into app.notes (title) values ('written')
$$;

create function app.wait(seconds double precision) returns void
language sql as $$
	select pg_sleep(seconds)
$$;

create function app.forget() returns void
language plpgsql as $$
begin
	execute 'deallocate all';
end
$$;

create function app.divide(seconds double precision) returns jsonb
language plpgsql as $$
begin
	return jsonb_build_object('seconds', 1 / seconds);
end
$$;
