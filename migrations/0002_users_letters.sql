-- SPDX-License-Identifier: MIT
--
-- Users (the profile of a subject) and their letters.
--
-- A letter goes draft -> queued -> sent or failed. Its owner writes drafts;
-- send_letter and recall_letter move it between draft and queued; our servers
-- end it with complete_letter or fail_letter.

create table app.users (
	id                uuid primary key default auth.uid(),
	email             text not null
		constraint users_email_check
		check (char_length(email) between 3 and 254),
	email_verified    boolean not null default false,
	display_name      text not null
		constraint users_display_name_check
		check (char_length(display_name) between 1 and 100),
	locale            text not null default 'en'
		constraint users_locale_check
		check (locale ~ '^[a-z]{2}(-[A-Z]{2})?$'),
	time_zone         text not null default 'UTC'
		constraint users_time_zone_check
		check (char_length(time_zone) between 1 and 64),
	return_address    jsonb
		constraint users_return_address_check
		check (jsonb_typeof(return_address) = 'object'
			and octet_length(return_address::text) <= 8192),
	marketing_consent boolean not null default false,
	credit_cents      integer not null default 0
		constraint users_credit_cents_check check (credit_cents >= 0),
	status            text not null default 'active'
		constraint users_status_check
		check (status in ('active', 'suspended')),
	created_at        timestamptz not null default now(),
	updated_at        timestamptz not null default now()
);

-- The address is not unique: the identity provider vouches for it, and a
-- refusal here would tell anybody who else is registered.
create index users_email_idx on app.users (email, id);
create index users_created_at_idx
	on app.users (created_at desc, id desc);
create index users_status_idx
	on app.users (status, created_at desc, id desc);

create trigger users_touch before update on app.users
	for each row execute function app.touch_updated_at();

create table app.letters (
	id             uuid primary key default gen_random_uuid(),
	owner_id       uuid not null default auth.uid()
		constraint letters_owner_id_fkey references app.users (id),
	reference      text
		constraint letters_reference_check
		check (reference ~ '^[A-Za-z0-9._-]{1,64}$'),
	title          text not null
		constraint letters_title_check
		check (char_length(title) between 1 and 200),
	body           text not null default ''
		constraint letters_body_check
		check (char_length(body) <= 20000),
	tone           text not null default 'neutral'
		constraint letters_tone_check
		check (tone in ('neutral', 'formal', 'friendly', 'apologetic',
			'persuasive')),
	locale         text not null default 'en'
		constraint letters_locale_check
		check (locale ~ '^[a-z]{2}(-[A-Z]{2})?$'),
	recipient      jsonb not null
		constraint letters_recipient_check
		check (jsonb_typeof(recipient) = 'object'
			and octet_length(recipient::text) <= 8192),
	tags           jsonb not null default '[]'
		constraint letters_tags_check
		check (jsonb_typeof(tags) = 'array'
			and jsonb_array_length(tags) <= 20
			and octet_length(tags::text) <= 4096),
	status         text not null default 'draft'
		constraint letters_status_check
		check (status in ('draft', 'queued', 'sent', 'failed')),
	channel        text
		constraint letters_channel_check
		check (channel in ('email', 'post')),
	content        text
		constraint letters_content_check
		check (char_length(content) <= 50000),
	failure_reason text
		constraint letters_failure_reason_check
		check (char_length(failure_reason) <= 500),
	scheduled_for  timestamptz,
	sent_at        timestamptz,
	created_at     timestamptz not null default now(),
	updated_at     timestamptz not null default now(),
	constraint letters_channel_known check (status = 'draft'
		or channel is not null),
	constraint letters_sent_complete check (status <> 'sent'
		or (sent_at is not null and content is not null))
);

-- A client's own reference makes a repeated create harmless; it is unique for
-- its owner only, so nobody learns of another's.
create unique index letters_reference_key
	on app.letters (owner_id, reference) where reference is not null;

create index letters_owner_created_idx
	on app.letters (owner_id, created_at desc, id desc);
create index letters_owner_updated_idx
	on app.letters (owner_id, updated_at desc, id desc);
create index letters_owner_title_idx
	on app.letters (owner_id, title, id);
create index letters_owner_status_idx
	on app.letters (owner_id, status, created_at desc, id desc);
create index letters_created_idx
	on app.letters (created_at desc, id desc);
create index letters_updated_idx
	on app.letters (updated_at desc, id desc);
create index letters_title_idx on app.letters (title, id);
create index letters_status_idx
	on app.letters (status, created_at desc, id desc);

create trigger letters_touch before update on app.letters
	for each row execute function app.touch_updated_at();

-- Only a draft can be written to, and what is on its way cannot be deleted.
-- The name of the constraint is what the contract maps to a code.
create function app.guard_letter() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	if tg_op = 'DELETE' then
		if old.status = 'queued' then
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

create trigger letters_guard_update
	before update of title, body, tone, locale, recipient, tags, reference
	on app.letters
	for each row execute function app.guard_letter();
create trigger letters_guard_delete before delete on app.letters
	for each row execute function app.guard_letter();

-- The caller's own profile, for the functions below and those of later
-- migrations: there has to be one, and it must not be suspended.
create function app.require_profile() returns app.users
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	profile app.users;
begin
	select u.* into profile from app.users u where u.id = auth.uid();
	if not found then
		raise exception using errcode = 'LS010',
			message = 'the caller has no profile';
	end if;
	if profile.status = 'suspended' then
		raise exception using errcode = 'LS011',
			message = 'the caller is suspended';
	end if;
	return profile;
end
$$;

create function app.my_profile() returns setof app.users
language plpgsql stable rows 1
set search_path = pg_catalog, pg_temp
as $$
begin
	return query select u.* from app.users u where u.id = auth.uid();
end
$$;

create function app.set_user_status(id uuid, status text)
returns setof app.users
language sql
set search_path = pg_catalog, pg_temp
as $$
	update app.users u set status = set_user_status.status
	where u.id = set_user_status.id
	returning u.*
$$;

-- One transaction: the state is checked, set, and the job is there. The update
-- takes the row lock, so of two that send at once the second finds no draft.
create function app.send_letter(
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

	insert into lockstep.jobs (kind, args, claims, run_at)
	values ('letter.generate',
		jsonb_build_object('letter_id', letter.id),
		jsonb_build_object('sub', auth.uid(), 'role', auth.role()),
		greatest(now(), send_letter.scheduled_for));

	return query select l.* from app.letters l where l.id = letter.id;
end
$$;

-- The job is taken back only while no worker has it: a row that is locked or
-- running counts as begun, and is not waited for.
create function app.recall_letter(id uuid) returns setof app.letters
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
	where j.kind = 'letter.generate' and j.state = 'queued'
	and j.args ->> 'letter_id' = letter.id::text
	for update skip locked;
	if not found then
		raise exception using errcode = 'LS004',
			message = 'the letter is being written';
	end if;

	update lockstep.jobs j set state = 'cancelled' where j.id = job;
	update app.letters l
	set status = 'draft', channel = null, scheduled_for = null
	where l.id = letter.id;
	return query select l.* from app.letters l where l.id = letter.id;
end
$$;

-- How our servers end a letter. Both run with the caller's own rights.
create function app.complete_letter(id uuid, content text)
returns setof app.letters
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	return query
	update app.letters l
	set status = 'sent', content = complete_letter.content,
		sent_at = now()
	where l.id = complete_letter.id and l.status = 'queued'
	returning l.*;
	if not found and exists (select from app.letters l
			where l.id = complete_letter.id) then
		raise exception using errcode = 'LS003',
			message = 'the letter is not queued';
	end if;
end
$$;

create function app.fail_letter(id uuid, reason text)
returns setof app.letters
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	return query
	update app.letters l
	set status = 'failed', failure_reason = fail_letter.reason
	where l.id = fail_letter.id and l.status = 'queued'
	returning l.*;
	if not found and exists (select from app.letters l
			where l.id = fail_letter.id) then
		raise exception using errcode = 'LS003',
			message = 'the letter is not queued';
	end if;
end
$$;

grant execute on function app.my_profile(),
	app.send_letter(uuid, text, timestamptz), app.recall_letter(uuid)
	to authenticated;
grant execute on function app.set_user_status(uuid, text),
	app.complete_letter(uuid, text), app.fail_letter(uuid, text)
	to service_role;

grant create on schema app to lockstep_logic;
alter function app.require_profile() owner to lockstep_logic;
alter function app.send_letter(uuid, text, timestamptz)
	owner to lockstep_logic;
alter function app.recall_letter(uuid) owner to lockstep_logic;
revoke create on schema app from lockstep_logic;
