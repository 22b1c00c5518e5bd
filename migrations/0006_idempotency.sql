-- SPDX-License-Identifier: MIT
--
-- Writes that are done once, however often they are sent. The caller claims a
-- key, does the work, and keeps the reply, in one transaction: so there is
-- never an effect without its reply, nor a claim that outlives a crash.
--
-- The functions take the subject and the role from the transaction's settings,
-- as policies do, and never as an argument. Callers without a subject share
-- the subject '': what one of them did is told again to whoever has the same
-- role and sends the same key with the same request, whose fingerprint covers
-- its body. A contract gives anonymous callers no keys.
--
-- LSI01	the key is being worked on, by another transaction
-- LSI02	it was used for another request
-- LSI03	it was done: lockstep.replay() tells what was replied
-- LSI04	the work made no row where one was promised

create table lockstep.idempotency (
	id          bytea primary key,
	subject     text not null,
	fingerprint text not null,
	request_id  text not null,
	reply       json,
	kept_at     timestamptz not null default now()
);

create index idempotency_kept_idx on lockstep.idempotency (kept_at);

-- Policies call it, too. json is looked through once, where jsonb is built first.
create function lockstep.subject() returns text
language sql stable
return coalesce(nullif(current_setting('request.jwt.claims', true),
	'')::json ->> 'sub', '');

-- What a key is unique in. None but the subject can hold a line feed, so it
-- goes last. The setting role tells who was set, whatever a function that runs
-- with its owner's rights makes of current_user.
create function lockstep.key_scope(method text, route text, key text)
returns text
language sql stable
return current_setting('role') || e'\n' || method || e'\n' || route || e'\n'
	|| key || e'\n' || lockstep.subject();

-- It never waits: who does not get the lock looks whether the work is done, and
-- finds it being done otherwise. A function that is volatile sees what was
-- committed before each of its statements, so that who gets the lock sees what
-- its last holder kept.
create function lockstep.claim(method text, route text, key text,
	fingerprint text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	whole text := lockstep.key_scope(method, route, key);
	mine boolean := pg_try_advisory_xact_lock(hashtextextended(whole, 0));
	earlier text;
begin
	select i.fingerprint into earlier from lockstep.idempotency i
	where i.id = sha256(convert_to(whole, 'UTF8'));
	if not found and not mine then
		raise exception using errcode = 'LSI01',
			message = 'the request is being done';
	elsif earlier <> claim.fingerprint then
		raise exception using errcode = 'LSI02',
			message = 'the key was used for another request';
	elsif found then
		raise exception using errcode = 'LSI03',
			message = 'the request was done before';
	end if;
end
$$;

-- Keeps the reply of the work that was done under a claim, and gives it back.
-- Without a row nothing is kept: `need` says whether one 'must' be there (else
-- all is undone), 'may' be there (else there was no effect), or 'any' number
-- of them is as good.
create function lockstep.keep(method text, route text, key text,
	fingerprint text, need text, count bigint, reply json) returns json
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	if count = 0 and need = 'must' then
		raise exception using errcode = 'LSI04',
			message = 'there is no row';
	elsif count = 0 and need = 'may' then
		return null;
	end if;
	insert into lockstep.idempotency (id, subject, fingerprint,
		request_id, reply)
	values (sha256(convert_to(lockstep.key_scope(method, route, key),
			'UTF8')), lockstep.subject(), keep.fingerprint,
		coalesce(current_setting('lockstep.request_id', true), ''),
		coalesce(keep.reply, '[]'));
	return coalesce(keep.reply, '[]');
end
$$;

-- What was replied under a key, and to which request. No row: it was swept.
create function lockstep.replay(method text, route text, key text,
	fingerprint text) returns table (reply json, request_id text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
	select i.reply, i.request_id from lockstep.idempotency i
	where i.id = sha256(convert_to(lockstep.key_scope($1, $2, $3), 'UTF8'))
	and i.fingerprint = $4
$$;

-- Forgets at most so many keys that were kept for so long, and says how many.
-- Several servers do not fight: whoever comes second does nothing.
create function lockstep.sweep(hours integer, most integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	swept integer;
begin
	if not pg_try_advisory_xact_lock(
			hashtextextended('lockstep.sweep', 0)) then
		return 0;
	end if;
	delete from lockstep.idempotency i
	where i.ctid = any (array(
		select o.ctid from lockstep.idempotency o
		where o.kept_at < now() - make_interval(hours => hours)
		order by o.kept_at
		limit most));
	get diagnostics swept = row_count;
	return swept;
end
$$;

grant usage on schema lockstep
	to anon, authenticated, service_role, lockstep;
grant execute on function lockstep.subject(),
	lockstep.key_scope(text, text, text)
	to lockstep_logic;
grant execute on function lockstep.claim(text, text, text, text),
	lockstep.keep(text, text, text, text, text, bigint, json),
	lockstep.replay(text, text, text, text)
	to anon, authenticated, service_role;
grant execute on function lockstep.sweep(integer, integer) to lockstep;

grant create on schema lockstep to lockstep_logic;
alter function lockstep.claim(text, text, text, text) owner to lockstep_logic;
alter function lockstep.keep(text, text, text, text, text, bigint, json)
	owner to lockstep_logic;
alter function lockstep.replay(text, text, text, text)
	owner to lockstep_logic;
alter function lockstep.sweep(integer, integer) owner to lockstep_logic;
revoke create on schema lockstep from lockstep_logic;
