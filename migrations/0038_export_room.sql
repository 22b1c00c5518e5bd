-- SPDX-License-Identifier: MIT
--
-- Files of exports have room: who keeps as many bytes as the contract allows
-- (keep_mib) asks for no more until some expire or are given up, which one that is
-- ready can be now, too: its file goes with it.
--
-- LSX05	the caller's exports fill their room

grant create on schema lockstep to lockstep_logic;
set local role lockstep_logic;
drop function lockstep.request_export(text, jsonb, text, integer);

-- Leaves the job that writes it, as the caller: with the same claims and role.
-- Counted one after the other, a caller has twenty unfinished ones (53400) and so
-- many bytes (LSX05), those of files that are being written with them; our servers
-- may have any number.
create function lockstep.request_export(operation text, query jsonb,
	format text, keep_hours integer, keep_mib integer default null)
returns setof lockstep.exports
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
	made uuid := gen_random_uuid();
	job bigint;
	unfinished bigint;
	kept numeric;
begin
	if lockstep.acting_role() is distinct from 'service_role' then
		perform pg_advisory_xact_lock(hashtextextended(
			'lockstep.exports ' || lockstep.subject(), 0));
		select count(*) filter (where x.state <> 'ready'), sum(x.bytes)
		into unfinished, kept
		from lockstep.exports x
		where x.subject = lockstep.subject()
		and x.state in ('queued', 'running', 'ready');
		if unfinished >= 20 then
			raise exception using errcode = '53400',
				message = 'the caller has enough of them';
		end if;
		if kept >= request_export.keep_mib * 1048576::numeric then
			raise exception using errcode = 'LSX05',
				message = 'the exports of the caller fill their room';
		end if;
	end if;
	job := lockstep.enqueue('lockstep.export',
		jsonb_build_object('export', made));
	return query
	insert into lockstep.exports as e (id, operation, query, format, role,
		subject, keep_hours, job)
	values (made, request_export.operation, request_export.query,
		request_export.format, lockstep.acting_role(),
		lockstep.subject(), request_export.keep_hours, job)
	returning e.*;
end
$$;

revoke execute on function
	lockstep.request_export(text, jsonb, text, integer, integer) from public;
grant execute on function
	lockstep.request_export(text, jsonb, text, integer, integer)
	to authenticated, service_role;

-- Nobody waits for it, or for its file, any more; a worker that writes it hears of
-- that.
create or replace function lockstep.cancel_export(id uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
	was text;
begin
	select e.state into was from lockstep.exports e
	where e.id = cancel_export.id
	for update;
	if was in ('queued', 'running', 'ready') then
		update lockstep.exports e
		set state = 'cancelled', rate = null, updated_at = now(),
			finished_at = coalesce(e.finished_at, now()),
			expires_at = null
		where e.id = cancel_export.id;
	elsif was <> 'cancelled' then
		raise exception using errcode = 'LSX02',
			message = 'the export is over';
	end if;
end
$$;

reset role;
revoke create on schema lockstep from lockstep_logic;
