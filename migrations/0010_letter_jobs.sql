-- SPDX-License-Identifier: MIT
--
-- Letters: sent by a job, recalled while nobody has it.

create index jobs_letter_idx on lockstep.jobs ((args ->> 'letter_id'))
	where kind = 'letter.generate' and finalized_at is null;

grant create on schema app to lockstep_logic;
set local role lockstep_logic;

create or replace function app.send_letter(
	id uuid,
	channel text default 'email',
	scheduled_for timestamptz default null
) returns setof app.letters
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	letter app.letters;
	via text := coalesce(send_letter.channel, 'email');
begin
	select l.* into letter from app.letters l
	where l.id = send_letter.id and l.owner_id = auth.uid()
	for no key update;
	if not found then
		return;
	end if;
	perform app.require_profile();
	if letter.status <> 'draft' then
		raise exception using errcode = 'LS001',
			message = 'the letter was sent already';
	end if;
	if not letter.recipient
			? (case via when 'post' then 'address' else 'email' end)
	then
		raise exception using errcode = 'LS002',
			message = 'the recipient has no address for this channel';
	end if;

	update app.letters l
	set status = 'queued', channel = via,
		scheduled_for = send_letter.scheduled_for
	where l.id = letter.id;

	perform lockstep.enqueue('letter.generate',
		jsonb_build_object('letter_id', letter.id),
		run_at => send_letter.scheduled_for);

	return query select l.* from app.letters l where l.id = letter.id;
end
$$;

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
	if letter.status <> 'queued' then
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

reset role;

-- What the job letter.generate does, as the one who sent the letter: what was
-- said becomes a letter. A letter that is not queued any more is left alone.
create function app.write_letter(letter_id uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	update app.letters l
	set status = 'sent', sent_at = now(),
		content = format(e'Dear %s,\n\n%s', l.recipient ->> 'name', l.body)
	where l.id = write_letter.letter_id and l.owner_id = auth.uid()
	and l.status = 'queued';
end
$$;

-- And when that cannot be done.
create function app.give_up_letter(letter_id uuid, reason text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	update app.letters l
	set status = 'failed',
		failure_reason = 'The letter could not be written: '
			|| give_up_letter.reason || '.'
	where l.id = give_up_letter.letter_id and l.owner_id = auth.uid()
	and l.status = 'queued';
end
$$;

grant execute on function app.write_letter(uuid),
	app.give_up_letter(uuid, text)
	to authenticated;
alter function app.write_letter(uuid) owner to lockstep_logic;
alter function app.give_up_letter(uuid, text) owner to lockstep_logic;
revoke create on schema app from lockstep_logic;
