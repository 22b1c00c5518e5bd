-- SPDX-License-Identifier: MIT
--
-- What the tests of keys talk to, beside schema.sql and migration 0006: a table
-- with a column of each type, and functions that write a row of it and return
-- something in each shape.

grant usage on schema lockstep to member, wire;
grant execute on function lockstep.claim(text, text, text, text),
	lockstep.keep(text, text, text, text, text, bigint, json),
	lockstep.replay(text, text, text, text) to member;
grant execute on function lockstep.sweep(integer, integer) to wire;

create type app.mood as enum ('calm', 'wild');
create sequence app.tries;
grant usage, select on sequence app.tries to member;

create table app.samples (
	id     bigint generated always as identity primary key,
	name   text not null constraint samples_name_key unique,
	at     timestamptz,
	local  timestamp,
	day    date,
	share  numeric,
	ratio  double precision,
	flag   boolean,
	plain  json,
	deep   jsonb,
	words  text[],
	times  timestamptz[],
	ratios double precision[],
	ref    uuid,
	mood   app.mood,
	bytes  bytea,
	span   interval,
	secret text not null default 'secret',
	ours   text not null default 'ours'
);
alter table app.samples enable row level security;
alter table app.samples owner to wire_owner;
grant select, insert, update, delete on app.samples to member;
create policy all_rows on app.samples to member using (true);

-- Values that tell the types apart.
create function app.fill_sample() returns trigger
language plpgsql as $$
begin
	if new.name like 'full %' then
		new.at := '2026-01-02 03:04:05.678+00';
		new.local := '2026-01-02 03:04:05';
		new.day := '2026-01-02';
		new.share := 'NaN';
		new.ratio := 1e20;
		new.flag := true;
		new.plain := '{ "b" : [1, "\u00e9"], "at":"2026-01-01T00:00:00+00:00" }';
		new.deep := '{"a": {"at": "2026-01-01T00:00:00+00:00"}}';
		new.words := array['a', null, E'b"\\\n\x01 {,}'];
		new.times := array[timestamptz '2026-01-02 03:04:05+00', null];
		new.ratios := array[1.5, 'NaN', null];
		new.ref := '11111111-1111-4111-8111-111111111111';
		new.mood := 'wild';
		new.bytes := '\x00ff';
		new.span := '1 day 02:03:04';
	end if;
	return new;
end
$$;
create trigger fill before insert on app.samples
	for each row execute function app.fill_sample();

create function app.sample_row(name text) returns app.samples
language sql as $$
	insert into app.samples (name) values ($1) returning *
$$;
create function app.sample_set(name text) returns setof app.samples
language sql as $$
	insert into app.samples (name) values ($1), ($1 || ' too') returning *
$$;
create function app.sample_json(name text) returns json
language sql as $$
	insert into app.samples (name) values ($1)
	returning json_build_object('made', name, 'list', '[1 , 2]'::json)
$$;
create function app.sample_jsonb(name text) returns jsonb
language sql as $$
	insert into app.samples (name) values ($1)
	returning jsonb_build_object('name', name, 'more', 1.50)
$$;
create function app.sample_jsonbs(name text) returns jsonb
language sql as $$
	insert into app.samples (name) values ($1)
	returning jsonb_build_array(jsonb_build_object('name', name))
$$;
create function app.sample_number(name text) returns integer
language sql as $$
	insert into app.samples (name) values ($1) returning 7
$$;
create function app.sample_time(name text) returns timestamptz
language sql as $$
	insert into app.samples (name) values ($1)
	returning timestamptz '2026-01-02 03:04:05.5+00'
$$;
create function app.sample_void(name text) returns void
language sql as $$
	insert into app.samples (name) values ($1)
$$;
create function app.sample_nothing(name text) returns setof app.samples
language plpgsql as $$
begin
	insert into app.samples (name) values (sample_nothing.name);
end
$$;
create function app.sample_null(name text) returns app.samples
language plpgsql as $$
begin
	insert into app.samples (name) values (sample_null.name);
	return null;
end
$$;
create function app.sample_slow(name text, seconds double precision)
returns void
language sql as $$
	insert into app.samples (name) values ($1);
	select pg_sleep($2);
$$;
create function app.sample_conflict(name text, times integer) returns void
language plpgsql as $$
begin
	insert into app.samples (name) values (sample_conflict.name);
	if nextval('app.tries') <= times then
		raise exception using errcode = '40001', message = 'try again';
	end if;
end
$$;

-- Migration 0001 gives nobody a function because it exists.
grant execute on all functions in schema app to member;
