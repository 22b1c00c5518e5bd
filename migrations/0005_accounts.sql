-- SPDX-License-Identifier: MIT
--
-- Accounts (tenants), who belongs to them, and what they keep: companies, their
-- feedback events and support tickets.
--
-- A ticket is assigned to members of its account only, which a foreign key
-- keeps: when one leaves, his tickets are nobody's.
--
-- account_id in companies, events and tickets is the tenant. For events and
-- tickets it is taken from the company, never from the client, and a foreign
-- key over both columns keeps it so.

create table app.accounts (
	id         uuid primary key default gen_random_uuid(),
	name       text not null
		constraint accounts_name_check
		check (char_length(name) between 1 and 120),
	plan       text not null default 'free'
		constraint accounts_plan_check
		check (plan in ('free', 'team', 'business')),
	created_by uuid not null default auth.uid()
		constraint accounts_created_by_fkey references app.users (id),
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now()
);

create index accounts_created_by_idx on app.accounts (created_by);
create index accounts_created_idx
	on app.accounts (created_at desc, id desc);
create index accounts_name_idx on app.accounts (name, id);

create trigger accounts_touch before update on app.accounts
	for each row execute function app.touch_updated_at();

create table app.account_members (
	id           uuid primary key default gen_random_uuid(),
	account_id   uuid not null
		constraint account_members_account_id_fkey
		references app.accounts (id) on delete cascade,
	user_id      uuid not null
		constraint account_members_user_id_fkey
		references app.users (id),
	display_name text not null
		constraint account_members_display_name_check
		check (char_length(display_name) between 1 and 100),
	role         text not null default 'viewer'
		constraint account_members_role_check
		check (role in ('owner', 'admin', 'agent', 'viewer')),
	created_at   timestamptz not null default now(),
	updated_at   timestamptz not null default now(),
	constraint account_members_once_key unique (user_id, account_id)
);

create index account_members_account_idx
	on app.account_members (account_id, created_at desc, id desc);
create index account_members_created_idx
	on app.account_members (created_at desc, id desc);

create trigger account_members_touch before update on app.account_members
	for each row execute function app.touch_updated_at();

-- An invitation is accepted by its token, which leaves once, in the reply that
-- made it; here is its digest. So no address or user can be probed.
create table app.account_invitations (
	id          uuid primary key default gen_random_uuid(),
	account_id  uuid not null
		constraint account_invitations_account_id_fkey
		references app.accounts (id) on delete cascade,
	email       text not null
		constraint account_invitations_email_check
		check (char_length(email) between 3 and 254),
	role        text not null
		constraint account_invitations_role_check
		check (role in ('admin', 'agent', 'viewer')),
	token_hash  bytea not null
		constraint account_invitations_token_hash_check
		check (octet_length(token_hash) = 32),
	invited_by  uuid not null default auth.uid()
		constraint account_invitations_invited_by_fkey
		references app.users (id),
	accepted_at timestamptz,
	expires_at  timestamptz not null default now() + interval '7 days',
	created_at  timestamptz not null default now()
);

create unique index account_invitations_token_key
	on app.account_invitations (token_hash);
create index account_invitations_account_idx
	on app.account_invitations (account_id, created_at desc, id desc);
create index account_invitations_invited_by_idx
	on app.account_invitations (invited_by);
create index account_invitations_created_idx
	on app.account_invitations (created_at desc, id desc);

create table app.companies (
	id          uuid primary key default gen_random_uuid(),
	account_id  uuid not null
		constraint companies_account_id_fkey
		references app.accounts (id) on delete cascade,
	external_id text
		constraint companies_external_id_check
		check (external_id ~ '^[A-Za-z0-9._-]{1,64}$'),
	name        text not null
		constraint companies_name_check
		check (char_length(name) between 1 and 200),
	domain      text
		constraint companies_domain_check
		check (char_length(domain) between 1 and 253),
	status      text not null default 'prospect'
		constraint companies_status_check
		check (status in ('prospect', 'active', 'churned')),
	mrr_cents   integer not null default 0
		constraint companies_mrr_cents_check
		check (mrr_cents between 0 and 1000000000),
	tags        jsonb not null default '[]'
		constraint companies_tags_check
		check (jsonb_typeof(tags) = 'array'
			and jsonb_array_length(tags) <= 20
			and octet_length(tags::text) <= 4096),
	created_at  timestamptz not null default now(),
	updated_at  timestamptz not null default now(),
	constraint companies_account_key unique (account_id, id)
);

create unique index companies_external_id_key
	on app.companies (account_id, external_id)
	where external_id is not null;
create unique index companies_domain_key
	on app.companies (account_id, lower(domain))
	where domain is not null;
create index companies_account_created_idx
	on app.companies (account_id, created_at desc, id desc);
create index companies_account_name_idx
	on app.companies (account_id, name, id);
create index companies_account_status_idx
	on app.companies (account_id, status, created_at desc, id desc);
create index companies_account_mrr_idx
	on app.companies (account_id, mrr_cents, id);
create index companies_created_idx
	on app.companies (created_at desc, id desc);
create index companies_mrr_idx on app.companies (mrr_cents, id);
create index companies_name_idx on app.companies (name, id);

create trigger companies_touch before update on app.companies
	for each row execute function app.touch_updated_at();

create table app.events (
	id          uuid primary key default gen_random_uuid(),
	account_id  uuid not null,
	company_id  uuid not null,
	external_id text
		constraint events_external_id_check
		check (external_id ~ '^[A-Za-z0-9._-]{1,64}$'),
	kind        text not null
		constraint events_kind_check
		check (kind in ('nps', 'csat', 'comment', 'bug', 'praise')),
	score       integer
		constraint events_score_check check (score between 0 and 10),
	message     text not null default ''
		constraint events_message_check
		check (char_length(message) <= 4000),
	attributes  jsonb not null default '{}'
		constraint events_attributes_check
		check (jsonb_typeof(attributes) = 'object'
			and octet_length(attributes::text) <= 65536),
	occurred_at timestamptz not null default now(),
	created_at  timestamptz not null default now(),
	constraint events_company_fkey foreign key (account_id, company_id)
		references app.companies (account_id, id) on delete cascade,
	constraint events_score_known check (kind not in ('nps', 'csat')
		or score is not null),
	constraint events_csat_range check (kind <> 'csat'
		or score between 1 and 5)
);

create unique index events_external_id_key
	on app.events (account_id, external_id)
	where external_id is not null;
create index events_company_idx
	on app.events (account_id, company_id, occurred_at desc, id desc);
create index events_company_only_idx
	on app.events (company_id, occurred_at desc, id desc);
create index events_account_occurred_idx
	on app.events (account_id, occurred_at desc, id desc);
create index events_account_kind_idx
	on app.events (account_id, kind, occurred_at desc, id desc);
create index events_occurred_idx on app.events (occurred_at desc, id desc);
create index events_created_idx on app.events (created_at desc, id desc);

create table app.support_tickets (
	id          uuid primary key default gen_random_uuid(),
	account_id  uuid not null,
	company_id  uuid not null,
	opened_by   uuid not null default auth.uid()
		constraint support_tickets_opened_by_fkey
		references app.users (id),
	assignee_id uuid,
	subject     text not null
		constraint support_tickets_subject_check
		check (char_length(subject) between 1 and 200),
	body        text not null default ''
		constraint support_tickets_body_check
		check (char_length(body) <= 10000),
	priority    text not null default 'normal'
		constraint support_tickets_priority_check
		check (priority in ('low', 'normal', 'high', 'urgent')),
	tags        jsonb not null default '[]'
		constraint support_tickets_tags_check
		check (jsonb_typeof(tags) = 'array'
			and jsonb_array_length(tags) <= 20
			and octet_length(tags::text) <= 4096),
	status      text not null default 'open'
		constraint support_tickets_status_check
		check (status in ('open', 'resolved', 'closed')),
	resolution  text
		constraint support_tickets_resolution_check
		check (char_length(resolution) <= 4000),
	resolved_at timestamptz,
	closed_at   timestamptz,
	created_at  timestamptz not null default now(),
	updated_at  timestamptz not null default now(),
	constraint support_tickets_company_fkey
		foreign key (account_id, company_id)
		references app.companies (account_id, id),
	constraint support_tickets_assignee_fkey
		foreign key (account_id, assignee_id)
		references app.account_members (account_id, user_id)
		on delete set null (assignee_id)
);

create index support_tickets_company_idx on app.support_tickets
	(account_id, company_id, created_at desc, id desc);
create index support_tickets_company_only_idx
	on app.support_tickets (company_id, created_at desc, id desc);
create index support_tickets_account_created_idx
	on app.support_tickets (account_id, created_at desc, id desc);
create index support_tickets_account_status_idx on app.support_tickets
	(account_id, status, created_at desc, id desc);
create index support_tickets_assignee_idx on app.support_tickets
	(account_id, assignee_id, created_at desc, id desc);
create index support_tickets_opened_by_idx
	on app.support_tickets (opened_by);
create index support_tickets_created_idx
	on app.support_tickets (created_at desc, id desc);
create index support_tickets_updated_idx
	on app.support_tickets (updated_at desc, id desc);

create trigger support_tickets_touch before update on app.support_tickets
	for each row execute function app.touch_updated_at();

-- With the caller's own rights: a company that is hidden from him is absent
-- here, and refused as the foreign key would refuse an absent one.
create function app.take_account_of_company() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	select c.account_id into new.account_id from app.companies c
	where c.id = new.company_id;
	if not found then
		raise exception using errcode = 'foreign_key_violation',
			constraint = tg_table_name || '_company_fkey',
			message = 'there is no such company';
	end if;
	return new;
end
$$;

create trigger events_account before insert on app.events
	for each row execute function app.take_account_of_company();
create trigger support_tickets_account before insert
	on app.support_tickets
	for each row execute function app.take_account_of_company();

-- The accounts in which the caller has at least this role. The policies of all
-- tables here ask it, once a statement: array(select app.my_accounts(...)).
-- It reads the members as lockstep_logic, whose policy asks nothing, so the
-- policy on the members may ask it too. It is in plpgsql, which keeps the plan:
-- a SQL function that cannot be inlined is planned again in each statement.
create function app.my_accounts(at_least text) returns setof uuid
language plpgsql stable security definer rows 10
set search_path = pg_catalog, pg_temp
as $$
begin
	return query
	select m.account_id from app.account_members m
	where m.user_id = auth.uid()
	and case at_least
		when 'viewer' then true
		when 'agent' then m.role in ('agent', 'admin', 'owner')
		when 'admin' then m.role in ('admin', 'owner')
		else false
	end;
end
$$;

create function app.open_account(name text) returns setof app.accounts
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	profile app.users := app.require_profile();
	account uuid := gen_random_uuid();
begin
	insert into app.accounts (id, name, created_by)
	values (account, open_account.name, profile.id);
	insert into app.account_members
		(account_id, user_id, display_name, role)
	values (account, profile.id, profile.display_name, 'owner');
	return query select a.* from app.accounts a where a.id = account;
end
$$;

create function app.set_account_plan(id uuid, plan text)
returns setof app.accounts
language sql
set search_path = pg_catalog, pg_temp
as $$
	update app.accounts a set plan = set_account_plan.plan
	where a.id = set_account_plan.id
	returning a.*
$$;

create type app.issued_invitation as (
	id         uuid,
	account_id uuid,
	email      text,
	role       text,
	token      text,
	expires_at timestamptz,
	created_at timestamptz
);

-- 244 random bits. An account that the caller does not belong to gives no row;
-- one in which he is no admin is refused.
create function app.invite_member(id uuid, email text, role text)
returns setof app.issued_invitation
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	secret text := replace(gen_random_uuid()::text
		|| gen_random_uuid()::text, '-', '');
	invitation uuid;
begin
	perform app.require_profile();
	if invite_member.id not in (select app.my_accounts('viewer')) then
		return;
	end if;
	if invite_member.id not in (select app.my_accounts('admin')) then
		raise exception using errcode = 'insufficient_privilege',
			message = 'only an admin may invite';
	end if;
	insert into app.account_invitations as i
		(account_id, email, role, token_hash)
	values (invite_member.id, lower(invite_member.email),
		invite_member.role, sha256(convert_to(secret, 'UTF8')))
	returning i.id into invitation;
	return query
	select i.id, i.account_id, i.email, i.role, secret, i.expires_at,
		i.created_at
	from app.account_invitations i where i.id = invitation;
end
$$;

-- Unknown, used and expired are one answer.
create function app.accept_invitation(token text)
returns setof app.account_members
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	profile app.users := app.require_profile();
	invitation app.account_invitations;
	member uuid;
begin
	update app.account_invitations i set accepted_at = now()
	where i.token_hash = sha256(convert_to(accept_invitation.token,
		'UTF8'))
	and i.accepted_at is null and i.expires_at > now()
	returning i.* into invitation;
	if not found then
		raise exception using errcode = 'LS501',
			message = 'there is no such invitation';
	end if;
	insert into app.account_members as m
		(account_id, user_id, display_name, role)
	values (invitation.account_id, profile.id, profile.display_name,
		invitation.role)
	on conflict (user_id, account_id) do nothing
	returning m.id into member;
	if member is null then
		raise exception using errcode = 'LS502',
			message = 'the caller belongs to the account already';
	end if;
	return query select m.* from app.account_members m
	where m.id = member;
end
$$;

-- With the caller's own rights, over the last days. The net promoter score is
-- promoters (9, 10) less detractors (0 to 6), in percent of the answers.
create type app.company_health as (
	company_id     uuid,
	days           integer,
	events         bigint,
	nps_responses  bigint,
	nps            integer,
	csat_average   numeric,
	open_tickets   bigint,
	urgent_tickets bigint,
	last_event_at  timestamptz
);

create function app.company_health(id uuid, days integer default null)
returns setof app.company_health
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select c.id, w.days, e.events, e.nps_responses,
		round(100.0 * e.balance / nullif(e.nps_responses, 0))::integer,
		e.csat_average, t.open, t.urgent, e.last_event_at
	from app.companies c
	cross join (select coalesce(company_health.days, 90)) w (days)
	cross join lateral (
		select count(*) as events,
			count(*) filter (where kind = 'nps') as nps_responses,
			sum(case when score >= 9 then 1
				when score <= 6 then -1 else 0 end)
				filter (where kind = 'nps') as balance,
			round(avg(score) filter (where kind = 'csat'), 2)
				as csat_average,
			max(occurred_at) as last_event_at
		from app.events
		where account_id = c.account_id and company_id = c.id
		and occurred_at >= now() - make_interval(days => w.days)
	) e
	cross join lateral (
		select count(*) as open,
			count(*) filter (where priority = 'urgent') as urgent
		from app.support_tickets
		where account_id = c.account_id and company_id = c.id
		and status = 'open'
	) t
	where c.id = company_health.id
$$;

create type app.ingest_result as (accepted integer, duplicates integer);

-- With the caller's own rights: the policy judges each row, and one that it
-- refuses refuses the batch. A row whose external_id the account has already
-- is a duplicate and is passed over.
create function app.ingest_events(events jsonb)
returns setof app.ingest_result
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	accepted integer;
begin
	insert into app.events (company_id, external_id, kind, score, message,
		attributes, occurred_at)
	select e.company_id, e.external_id, e.kind, e.score,
		coalesce(e.message, ''), coalesce(e.attributes, '{}'),
		coalesce(e.occurred_at, now())
	from jsonb_to_recordset(ingest_events.events) as e (company_id uuid,
		external_id text, kind text, score integer, message text,
		attributes jsonb, occurred_at timestamptz)
	on conflict do nothing;
	get diagnostics accepted = row_count;
	return query select accepted,
		jsonb_array_length(ingest_events.events) - accepted;
end
$$;

-- open -> resolved -> closed, and back to open. A ticket that the caller may
-- only view is refused, one that he may not even see gives no row.
create function app.move_ticket(
	ticket uuid,
	from_states text[],
	to_state text,
	refusal text,
	words text default null
) returns setof app.support_tickets
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	account uuid;
begin
	select t.account_id into account from app.support_tickets t
	where t.id = ticket;
	if not found then
		return;
	end if;
	if account not in (select app.my_accounts('agent')) then
		raise exception using errcode = 'insufficient_privilege',
			message = 'a viewer may not change a ticket';
	end if;
	return query
	update app.support_tickets t
	set status = to_state,
		resolution = case to_state when 'open' then null
			else coalesce(words, t.resolution) end,
		resolved_at = case to_state when 'open' then null
			else coalesce(t.resolved_at, now()) end,
		closed_at = case to_state when 'closed' then now() end
	where t.id = ticket and t.status = any (from_states)
	returning t.*;
	if not found then
		raise exception using errcode = refusal,
			message = 'the ticket is not in a state for that';
	end if;
end
$$;

create function app.resolve_ticket(id uuid, resolution text)
returns setof app.support_tickets
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
	select * from app.move_ticket(resolve_ticket.id, '{open}', 'resolved',
		'LS401', resolve_ticket.resolution)
$$;

create function app.close_ticket(id uuid) returns setof app.support_tickets
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
	select * from app.move_ticket(close_ticket.id, '{open,resolved}',
		'closed', 'LS402')
$$;

create function app.reopen_ticket(id uuid) returns setof app.support_tickets
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
	select * from app.move_ticket(reopen_ticket.id, '{resolved,closed}',
		'open', 'LS403')
$$;

grant execute on function app.my_accounts(text), app.open_account(text),
	app.invite_member(uuid, text, text), app.accept_invitation(text),
	app.company_health(uuid, integer), app.ingest_events(jsonb),
	app.resolve_ticket(uuid, text), app.close_ticket(uuid),
	app.reopen_ticket(uuid)
	to authenticated;
grant execute on function app.set_account_plan(uuid, text),
	app.company_health(uuid, integer), app.ingest_events(jsonb)
	to service_role;
grant execute on function
	app.move_ticket(uuid, text[], text, text, text)
	to lockstep_logic;

grant create on schema app to lockstep_logic;
alter function app.my_accounts(text) owner to lockstep_logic;
alter function app.open_account(text) owner to lockstep_logic;
alter function app.invite_member(uuid, text, text)
	owner to lockstep_logic;
alter function app.accept_invitation(text) owner to lockstep_logic;
alter function app.resolve_ticket(uuid, text) owner to lockstep_logic;
alter function app.close_ticket(uuid) owner to lockstep_logic;
alter function app.reopen_ticket(uuid) owner to lockstep_logic;
revoke create on schema app from lockstep_logic;
