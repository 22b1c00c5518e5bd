-- SPDX-License-Identifier: MIT
--
-- Events by the month in which they occurred: lists, figures and what is kept
-- go by that time. Each part has its own primary key; that an id, and an
-- account's external id, are there once in all parts is app.event_keys' to say.
--
-- The table that was there becomes the part of all months up to this one, where
-- it lies: nothing of it is copied but the keys. It is locked while they are,
-- about five seconds for a million events.

create table app.event_keys (
	id          uuid
		constraint event_keys_pkey primary key,
	account_id  uuid not null,
	external_id text
);

alter table app.events no force row level security;
insert into app.event_keys (id, account_id, external_id)
select e.id, e.account_id, e.external_id from app.events e;

-- The name that the contract knows goes where the rule went.
drop index app.events_external_id_key;
create unique index events_external_id_key
	on app.event_keys (account_id, external_id)
	where external_id is not null;
create index events_external_id_idx
	on app.events (account_id, external_id)
	where external_id is not null;

-- Views and functions that were read once and for all know the table by its
-- number: they are read again, by what they say, when its name is the new one's.
create table app.events_rereads as
select format('create or replace view %s%s as %s', c.oid::regclass,
		' with (' || array_to_string(c.reloptions, ', ') || ')',
		pg_get_viewdef(c.oid)) as statement
from pg_class c
where c.relkind = 'v' and exists (
	select from pg_rewrite w join pg_depend d
		on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
	where w.ev_class = c.oid and d.refclassid = 'pg_class'::regclass
	and d.refobjid = 'app.events'::regclass)
union all
select pg_get_functiondef(p.oid)
from pg_proc p
where p.prosqlbody is not null and exists (
	select from pg_depend d
	where d.classid = 'pg_proc'::regclass and d.objid = p.oid
	and d.refclassid = 'pg_class'::regclass
	and d.refobjid = 'app.events'::regclass);

alter table app.events rename to events_old;

create table app.events (like app.events_old including defaults
		including constraints including comments)
	partition by range (occurred_at);
alter table app.events
	add constraint events_company_fkey
		foreign key (account_id, company_id)
		references app.companies (account_id, id) on delete cascade;

-- Indexes and triggers of the old table are the new one's. The indexes are
-- attached, not built; a trigger that stayed on the old one would be there
-- twice, so it goes now and comes again when the rows are where they belong.
do $$
declare
	had record;
	triggers text[] := '{}';
	maker name := current_user;
begin
	for had in
		select i.relname as name, pg_get_indexdef(i.oid) as definition
		from pg_index x join pg_class i on i.oid = x.indexrelid
		where x.indrelid = 'app.events_old'::regclass
		and not x.indisprimary
	loop
		execute format('alter index app.%I rename to %I', had.name,
			left(had.name, 59) || '_old');
		execute replace(had.definition, ' ON app.events_old ',
			' ON app.events ');
	end loop;
	alter index app.events_pkey rename to events_old_pkey;
	for had in
		select t.tgname as name, pg_get_triggerdef(t.oid) as definition,
			t.tgfoid::regprocedure as function,
			p.proowner::regrole as owner
		from pg_trigger t join pg_proc p on p.oid = t.tgfoid
		where t.tgrelid = 'app.events_old'::regclass
		and not t.tgisinternal
		order by t.tgname
	loop
		execute format('drop trigger %I on app.events_old', had.name);
		-- Who makes a trigger may call its function.
		execute format('set local role %s', had.owner);
		execute format('grant execute on function %s to %I',
			had.function, maker);
		reset role;
		triggers := triggers || replace(had.definition,
			' ON app.events_old ', ' ON app.events ');
	end loop;
	for had in
		select r.statement from app.events_rereads r
	loop
		execute had.statement;
	end loop;
	drop table app.events_rereads;
	perform lockstep.partition_begin('app.events', 'occurred_at', 'month',
		ahead => 3, keep => 24, keys => 'app.event_keys',
		old => 'app.events_old');
	for n in 1 .. cardinality(triggers) loop
		execute triggers[n];
	end loop;
end
$$;

-- A statement's new events enter their keys together, by the order of these, so
-- that two statements with the same ones wait for each other and do not meet
-- crosswise. A key that is taken refuses the statement, under the name of the
-- index, as it always has.
create function app.enter_event_keys() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	insert into app.event_keys (id, account_id, external_id)
	select a.id, a.account_id, a.external_id from added a
	order by a.account_id, a.external_id;
	return null;
end
$$;

-- The careful way, an event at a time, for statements that pass over what is
-- there: ON CONFLICT knows no index over all parts.
create function app.claim_event_key() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	insert into app.event_keys (id, account_id, external_id)
	values (new.id, new.account_id, new.external_id)
	on conflict do nothing;
	if not found then
		return null;
	end if;
	return new;
end
$$;

create function app.change_event_keys() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	update app.event_keys k
	set account_id = c.account_id, external_id = c.external_id
	from changed c
	where k.id = c.id and (k.account_id, k.external_id)
		is distinct from (c.account_id, c.external_id);
	return null;
end
$$;

create function app.forget_event_keys() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	delete from app.event_keys k using removed r where k.id = r.id;
	return null;
end
$$;

-- An event has occurred. Clocks may be off by a day; what is later than that has no
-- part of its own and has to be moved when there is one, so that a caller could
-- keep parts from being made. Our servers may know of later ones.
create function app.refuse_later_event() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	raise exception using errcode = 'check_violation',
		constraint = 'events_occurred_check',
		message = 'the event is yet to come';
end
$$;

create trigger events_early before insert on app.events
	for each row
	when (current_setting('role') = 'authenticated'
		and new.occurred_at > now() + interval '1 day')
	execute function app.refuse_later_event();

-- The argument says to lockstep where to look for what is unique. The trigger
-- that claims runs after events_account, which says whose the event is.
create trigger events_key before insert on app.events
	for each row
	when (current_setting('lockstep.pass_over', true) = 'on')
	execute function app.claim_event_key('app.event_keys');
create trigger events_keys_entered after insert on app.events
	referencing new table as added
	for each statement
	when (current_setting('lockstep.pass_over', true)
		is distinct from 'on')
	execute function app.enter_event_keys();
create trigger events_keys_changed after update on app.events
	referencing new table as changed
	for each statement
	execute function app.change_event_keys();
create trigger events_keys_forgotten after delete on app.events
	referencing old table as removed
	for each statement
	execute function app.forget_event_keys();

-- As before, by the name of the table of which this is a part.
create or replace function app.take_account_of_company() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	whom text := concat_ws(' ', current_user, current_setting('role'),
		current_setting('request.jwt.claims', true)) || e'\n';
	seen text := current_setting('app.companies_seen', true);
	at integer;
begin
	if seen is null or not starts_with(seen, whom) then
		seen := whom;
	end if;
	at := strpos(seen, e'\n' || new.company_id || '=');
	if at > 0 then
		new.account_id := substr(seen, at + 38, 36);
		return new;
	end if;
	select c.account_id into new.account_id from app.companies c
	where c.id = new.company_id;
	if not found then
		raise exception using errcode = 'foreign_key_violation',
			constraint = coalesce((select c.relname from pg_class c
				where c.oid = pg_partition_root(tg_relid)),
				tg_table_name) || '_company_fkey',
			message = 'there is no such company';
	end if;
	if length(seen) > length(whom) + 5000 then
		seen := whom;
	end if;
	perform set_config('app.companies_seen', seen || new.company_id || '='
		|| new.account_id || e'\n', true);
	return new;
end
$$;

-- As before: what is there is passed over, and what is there is found out by
-- trying. Most batches have nothing that is.
create or replace function app.ingest_events(events jsonb)
returns setof app.ingest_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	accepted integer;
begin
	accepted := app.add_events(events);
	return query select accepted,
		jsonb_array_length(ingest_events.events) - accepted;
exception when unique_violation then
	perform set_config('lockstep.pass_over', 'on', true);
	accepted := app.add_events(events);
	perform set_config('lockstep.pass_over', '', true);
	return query select accepted,
		jsonb_array_length(ingest_events.events) - accepted;
end
$$;

create function app.add_events(events jsonb) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	added integer;
begin
	insert into app.events (company_id, external_id, kind, score, message,
		attributes, occurred_at)
	select e.company_id, e.external_id, e.kind, e.score,
		coalesce(e.message, ''), coalesce(e.attributes, '{}'),
		coalesce(e.occurred_at, now())
	from jsonb_to_recordset(add_events.events) as e (company_id uuid,
		external_id text, kind text, score integer, message text,
		attributes jsonb, occurred_at timestamptz);
	get diagnostics added = row_count;
	return added;
end
$$;

-- As before, and the event is read once; one of our own servers' is claimed at
-- once.
create or replace function app.record_feedback(source text, event_id text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	said jsonb := lockstep.event(source, event_id);
begin
	perform set_config('lockstep.pass_over', 'on', true);
	insert into app.events (company_id, external_id, kind, score, message,
		attributes, occurred_at)
	select e.company_id, coalesce(e.external_id,
			case when length(record_feedback.event_id) <= 64
				then record_feedback.event_id end),
		e.kind, e.score, coalesce(e.message, ''),
		coalesce(e.attributes, '{}'),
		coalesce(e.occurred_at, (said ->> 'timestamp')::timestamptz)
	from jsonb_to_record(said -> 'data') as e (company_id uuid,
		external_id text, kind text, score integer, message text,
		attributes jsonb, occurred_at timestamptz);
	perform set_config('lockstep.pass_over', '', true);
end
$$;

grant execute on function app.add_events(jsonb) to authenticated, service_role;

grant create on schema app to lockstep_logic;
alter function app.enter_event_keys() owner to lockstep_logic;
alter function app.claim_event_key() owner to lockstep_logic;
alter function app.change_event_keys() owner to lockstep_logic;
alter function app.forget_event_keys() owner to lockstep_logic;
revoke create on schema app from lockstep_logic;

-- Who owns the table makes its parts, each with that trigger.
do $$
declare
	maker name := current_user;
begin
	set local role lockstep_logic;
	execute format('grant execute on function app.claim_event_key() to %I',
		maker);
	reset role;
end
$$;
