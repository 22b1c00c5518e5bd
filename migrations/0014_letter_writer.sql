-- SPDX-License-Identifier: MIT
--
-- Letters are written by a service:
--
--	draft -> queued -> generating -> ready | failed
--
-- A job does that, as the one who sent the letter. It is generating from the
-- first time that the service is called until it is told what came of it. What
-- our own servers hand in (complete) is sent.

alter table app.letters
	drop constraint letters_status_check,
	add constraint letters_status_check
		check (status in ('draft', 'queued', 'generating', 'ready',
			'sent', 'failed')),
	add constraint letters_ready_complete
		check (status <> 'ready' or content is not null);

-- Only a draft can be written to, and what is on its way cannot be deleted.
create or replace function app.guard_letter() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	if tg_op = 'DELETE' then
		if old.status in ('queued', 'generating') then
			raise exception using errcode = 'check_violation',
				constraint = 'letters_queued_stays';
		end if;
		return old;
	end if;
	if old.status <> 'draft' then
		raise exception using errcode = 'check_violation',
			constraint = 'letters_draft_only';
	end if;
	return new;
end
$$;

-- How our servers end a letter: one that nobody writes, or that was written.
create or replace function app.complete_letter(id uuid, content text)
returns setof app.letters
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	return query
	update app.letters l
	set status = 'sent', content = complete_letter.content,
		sent_at = now()
	where l.id = complete_letter.id and l.status in ('queued', 'ready')
	returning l.*;
	if not found and exists (select from app.letters l
			where l.id = complete_letter.id) then
		raise exception using errcode = 'LS003',
			message = 'the letter is not queued';
	end if;
end
$$;

grant create on schema app to lockstep_logic;
set local role lockstep_logic;

-- Also between two attempts: then nobody has the job.
create or replace function app.recall_letter(id uuid) returns setof app.letters
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	letter app.letters;
	job bigint;
begin
	select l.* into letter from app.letters l
	where l.id = recall_letter.id and l.owner_id = auth.uid()
	for no key update;
	if not found then
		return;
	end if;
	if letter.status not in ('queued', 'generating') then
		raise exception using errcode = 'LS003',
			message = 'the letter is not queued';
	end if;

	select j.id into job from lockstep.jobs j
	where j.kind = 'letter.generate'
	and j.state in ('available', 'scheduled')
	and j.finalized_at is null
	and j.args ->> 'letter_id' = letter.id::text
	for update skip locked;
	if not found then
		raise exception using errcode = 'LS004',
			message = 'the letter is being written';
	end if;

	update lockstep.jobs j
	set state = 'cancelled', reason = 'cancelled', finalized_at = now(),
		updated_at = now()
	where j.id = job;
	update app.letters l
	set status = 'draft', channel = null, scheduled_for = null
	where l.id = letter.id;
	return query select l.* from app.letters l where l.id = letter.id;
end
$$;

-- What the service is asked for. A letter that is not to be written any more is
-- left alone.
create function app.letter_request(letter_id uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	letter app.letters;
begin
	update app.letters l set status = 'generating'
	where l.id = letter_request.letter_id and l.owner_id = auth.uid()
	and l.status in ('queued', 'generating')
	returning l.* into letter;
	if not found then
		return jsonb_build_object('skip', true);
	end if;
	return jsonb_build_object('path', '/letters', 'body',
		jsonb_build_object('title', letter.title, 'body', letter.body,
			'tone', letter.tone, 'locale', letter.locale,
			'name', letter.recipient ->> 'name'));
end
$$;

-- What the service wrote.
create function app.finish_letter(letter_id uuid, job_id bigint, result jsonb)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	update app.letters l
	set status = 'ready', content = finish_letter.result ->> 'content'
	where l.id = finish_letter.letter_id and l.owner_id = auth.uid()
	and l.status = 'generating';
end
$$;

-- And when that cannot be done.
create or replace function app.give_up_letter(letter_id uuid, reason text)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	update app.letters l
	set status = 'failed',
		failure_reason = 'The letter could not be written: '
			|| give_up_letter.reason || '.'
	where l.id = give_up_letter.letter_id and l.owner_id = auth.uid()
	and l.status in ('queued', 'generating');
end
$$;

revoke execute on function app.letter_request(uuid),
	app.finish_letter(uuid, bigint, jsonb)
	from public;
grant execute on function app.letter_request(uuid),
	app.finish_letter(uuid, bigint, jsonb)
	to authenticated;
reset role;
revoke create on schema app from lockstep_logic;

drop function app.write_letter(uuid);
