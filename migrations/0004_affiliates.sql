-- SPDX-License-Identifier: MIT
--
-- The affiliate programme: affiliates, the users they referred, what they
-- earned by them, and what was paid out.
--
-- Two ledgers, no running total: available = approved commissions - payouts
-- that are requested, processing or paid. Whatever lowers it (a request, a
-- reversal) first takes the lock on the affiliate's row, so two of them never
-- judge the same sum. What raises it needs no lock. This relies on READ
-- COMMITTED: the sum is taken by a statement that starts under the lock.

create table app.affiliates (
	id                  uuid primary key default gen_random_uuid(),
	owner_id            uuid not null default auth.uid()
		constraint affiliates_owner_id_fkey references app.users (id),
	code                text not null
		default upper(substr(replace(gen_random_uuid()::text, '-', ''),
			1, 12))
		constraint affiliates_code_check
		check (code ~ '^[0-9A-F]{12}$'),
	status              text not null default 'active'
		constraint affiliates_status_check
		check (status in ('active', 'suspended')),
	currency            text not null default 'EUR'
		constraint affiliates_currency_check
		check (currency ~ '^[A-Z]{3}$'),
	commission_rate_bps integer not null default 1000
		constraint affiliates_commission_rate_bps_check
		check (commission_rate_bps between 0 and 5000),
	payout_method       jsonb not null
		constraint affiliates_payout_method_check
		check (jsonb_typeof(payout_method) = 'object'
			and octet_length(payout_method::text) <= 2048),
	created_at          timestamptz not null default now(),
	updated_at          timestamptz not null default now(),
	constraint affiliates_owner_key unique (owner_id)
);

-- Unique for all, but random and made here: nobody can ask for one.
create unique index affiliates_code_key on app.affiliates (code);
create index affiliates_created_idx
	on app.affiliates (created_at desc, id desc);
create index affiliates_status_idx
	on app.affiliates (status, created_at desc, id desc);

create trigger affiliates_touch before update on app.affiliates
	for each row execute function app.touch_updated_at();

-- owner_id is the affiliate's user, in each table below, for the policies.
-- Whom he referred he does not learn: referred_id stays with our servers.
create table app.referrals (
	id           uuid primary key default gen_random_uuid(),
	affiliate_id uuid not null
		constraint referrals_affiliate_id_fkey
		references app.affiliates (id),
	owner_id     uuid not null
		constraint referrals_owner_id_fkey references app.users (id),
	referred_id  uuid not null
		constraint referrals_referred_id_fkey
		references app.users (id),
	status       text not null default 'signed_up'
		constraint referrals_status_check
		check (status in ('signed_up', 'converted')),
	created_at   timestamptz not null default now(),
	updated_at   timestamptz not null default now(),
	constraint referrals_referred_key unique (referred_id),
	constraint referrals_not_oneself check (owner_id <> referred_id)
);

create index referrals_affiliate_idx
	on app.referrals (affiliate_id, created_at desc, id desc);
create index referrals_owner_created_idx
	on app.referrals (owner_id, created_at desc, id desc);
create index referrals_created_idx
	on app.referrals (created_at desc, id desc);

create trigger referrals_touch before update on app.referrals
	for each row execute function app.touch_updated_at();

create table app.commissions (
	id             uuid primary key default gen_random_uuid(),
	affiliate_id   uuid not null
		constraint commissions_affiliate_id_fkey
		references app.affiliates (id),
	owner_id       uuid not null
		constraint commissions_owner_id_fkey references app.users (id),
	referral_id    uuid not null
		constraint commissions_referral_id_fkey
		references app.referrals (id),
	reference      text not null
		constraint commissions_reference_check
		check (reference ~ '^[A-Za-z0-9._-]{1,64}$'),
	purchase_cents integer not null
		constraint commissions_purchase_cents_check
		check (purchase_cents between 1 and 100000000),
	amount_cents   integer not null
		constraint commissions_amount_cents_check
		check (amount_cents >= 0),
	currency       text not null
		constraint commissions_currency_check
		check (currency ~ '^[A-Z]{3}$'),
	status         text not null default 'pending'
		constraint commissions_status_check
		check (status in ('pending', 'approved', 'reversed')),
	created_at     timestamptz not null default now(),
	updated_at     timestamptz not null default now(),
	constraint commissions_reference_key unique (affiliate_id, reference)
);

create index commissions_referral_idx on app.commissions (referral_id);
create index commissions_sum_idx
	on app.commissions (affiliate_id, status) include (amount_cents);
create index commissions_owner_created_idx
	on app.commissions (owner_id, created_at desc, id desc);
create index commissions_owner_status_idx
	on app.commissions (owner_id, status, created_at desc, id desc);
create index commissions_created_idx
	on app.commissions (created_at desc, id desc);

create trigger commissions_touch before update on app.commissions
	for each row execute function app.touch_updated_at();

-- The payout method is copied: changing it later moves no money on its way.
create table app.payouts (
	id                 uuid primary key default gen_random_uuid(),
	affiliate_id       uuid not null
		constraint payouts_affiliate_id_fkey
		references app.affiliates (id),
	owner_id           uuid not null
		constraint payouts_owner_id_fkey references app.users (id),
	amount_cents       integer not null
		constraint payouts_amount_cents_check
		check (amount_cents between 1000 and 100000000),
	currency           text not null
		constraint payouts_currency_check
		check (currency ~ '^[A-Z]{3}$'),
	method             jsonb not null
		constraint payouts_method_check
		check (jsonb_typeof(method) = 'object'),
	status             text not null default 'requested'
		constraint payouts_status_check
		check (status in ('requested', 'processing', 'paid', 'failed',
			'cancelled')),
	provider_reference text
		constraint payouts_provider_reference_check
		check (char_length(provider_reference) between 1 and 128),
	failure_reason     text
		constraint payouts_failure_reason_check
		check (char_length(failure_reason) <= 500),
	paid_at            timestamptz,
	created_at         timestamptz not null default now(),
	updated_at         timestamptz not null default now(),
	constraint payouts_paid_complete check (status <> 'paid'
		or (paid_at is not null and provider_reference is not null))
);

create index payouts_sum_idx
	on app.payouts (affiliate_id, status) include (amount_cents);
create index payouts_owner_created_idx
	on app.payouts (owner_id, created_at desc, id desc);
create index payouts_owner_status_idx
	on app.payouts (owner_id, status, created_at desc, id desc);
create index payouts_owner_amount_idx
	on app.payouts (owner_id, amount_cents, id);
create index payouts_amount_idx on app.payouts (amount_cents, id);
create index payouts_created_idx on app.payouts (created_at desc, id desc);
create index payouts_status_idx
	on app.payouts (status, created_at desc, id desc);

create trigger payouts_touch before update on app.payouts
	for each row execute function app.touch_updated_at();

-- The first call of a new subject. The address counts as verified when the
-- token carries the same one.
create function app.register_user(
	email text,
	display_name text,
	locale text default null,
	time_zone text default null,
	marketing_consent boolean default null,
	referral_code text default null
) returns setof app.users
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	subject uuid := auth.uid();
	affiliate app.affiliates;
begin
	if subject is null then
		raise exception using errcode = 'insufficient_privilege',
			message = 'the token names no subject';
	end if;

	insert into app.users (id, email, email_verified, display_name,
		locale, time_zone, marketing_consent)
	values (subject, lower(register_user.email),
		coalesce(lower(auth.jwt() ->> 'email')
			= lower(register_user.email), false),
		register_user.display_name,
		coalesce(register_user.locale, 'en'),
		coalesce(register_user.time_zone, 'UTC'),
		coalesce(register_user.marketing_consent, false))
	on conflict do nothing;
	if not found then
		raise exception using errcode = 'LS012',
			message = 'the caller has a profile already';
	end if;

	if register_user.referral_code is not null then
		select a.* into affiliate from app.affiliates a
		where a.code = register_user.referral_code
		and a.status = 'active';
		if not found then
			raise exception using errcode = 'LS013',
				message = 'there is no such referral code';
		end if;
		insert into app.referrals (affiliate_id, owner_id, referred_id)
		values (affiliate.id, affiliate.owner_id, subject);
	end if;

	return query select u.* from app.users u where u.id = subject;
end
$$;

create function app.become_affiliate(
	payout_method jsonb,
	currency text default null
) returns setof app.affiliates
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	profile app.users := app.require_profile();
begin
	insert into app.affiliates (owner_id, payout_method, currency)
	values (profile.id, become_affiliate.payout_method,
		coalesce(become_affiliate.currency, 'EUR'))
	on conflict (owner_id) do nothing;
	if not found then
		raise exception using errcode = 'LS201',
			message = 'the caller is an affiliate already';
	end if;
	return query select a.* from app.affiliates a
	where a.owner_id = profile.id;
end
$$;

create function app.set_affiliate_status(id uuid, status text)
returns setof app.affiliates
language sql
set search_path = pg_catalog, pg_temp
as $$
	update app.affiliates a set status = set_affiliate_status.status
	where a.id = set_affiliate_status.id
	returning a.*
$$;

-- With the caller's own rights: what the policies hide is not counted, and an
-- affiliate that they hide gives no row.
create function app.affiliate_balance(id uuid)
returns table (affiliate_id uuid, currency text, pending_cents bigint,
	earned_cents bigint, requested_cents bigint, paid_cents bigint,
	available_cents bigint)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select a.id, a.currency, c.pending, c.earned, p.requested, p.paid,
		c.earned - p.requested - p.paid
	from app.affiliates a
	cross join lateral (
		select coalesce(sum(amount_cents)
				filter (where status = 'pending'), 0) as pending,
			coalesce(sum(amount_cents)
				filter (where status = 'approved'), 0) as earned
		from app.commissions where affiliate_id = a.id
	) c
	cross join lateral (
		select coalesce(sum(amount_cents) filter (where status
				in ('requested', 'processing')), 0) as requested,
			coalesce(sum(amount_cents)
				filter (where status = 'paid'), 0) as paid
		from app.payouts where affiliate_id = a.id
	) p
	where a.id = affiliate_balance.id
$$;

-- By month, in UTC, newest first; at most ten years.
create function app.affiliate_earnings(
	id uuid,
	since date default null,
	until date default null
) returns table (month date, currency text, commissions bigint,
	pending_cents bigint, earned_cents bigint)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select date_trunc('month', c.created_at at time zone 'UTC')::date,
		c.currency, count(*),
		coalesce(sum(c.amount_cents)
			filter (where c.status = 'pending'), 0),
		coalesce(sum(c.amount_cents)
			filter (where c.status = 'approved'), 0)
	from app.commissions c
	where c.affiliate_id = affiliate_earnings.id
	and c.created_at >= coalesce(affiliate_earnings.since, '2000-01-01')
		::timestamp at time zone 'UTC'
	and c.created_at < (coalesce(affiliate_earnings.until, '2999-12-31')
		+ 1)::timestamp at time zone 'UTC'
	group by 1, 2
	order by 1 desc, 2
	limit 120
$$;

-- Called by our servers for each purchase of a referred user. The reference is
-- the purchase's own: a second call for the same one records nothing.
create function app.record_commission(
	user_id uuid,
	reference text,
	purchase_cents integer,
	currency text
) returns setof app.commissions
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	referral app.referrals;
	affiliate app.affiliates;
	commission uuid;
begin
	select r.* into referral from app.referrals r
	where r.referred_id = record_commission.user_id;
	if not found then
		raise exception using errcode = 'LS301',
			message = 'nobody referred this user';
	end if;
	select a.* into affiliate from app.affiliates a
	where a.id = referral.affiliate_id;
	if affiliate.status <> 'active' then
		raise exception using errcode = 'LS203',
			message = 'the affiliate is suspended';
	end if;
	if affiliate.currency <> record_commission.currency then
		raise exception using errcode = 'LS303',
			message = 'the affiliate is paid in another currency';
	end if;

	insert into app.commissions (affiliate_id, owner_id, referral_id,
		reference, purchase_cents, amount_cents, currency)
	values (affiliate.id, affiliate.owner_id, referral.id,
		record_commission.reference, record_commission.purchase_cents,
		record_commission.purchase_cents::bigint
			* affiliate.commission_rate_bps / 10000,
		affiliate.currency)
	on conflict do nothing
	returning id into commission;
	if commission is null then
		raise exception using errcode = 'LS302',
			message = 'this purchase was recorded already';
	end if;

	update app.referrals r set status = 'converted'
	where r.id = referral.id and r.status = 'signed_up';
	return query select c.* from app.commissions c
	where c.id = commission;
end
$$;

create function app.approve_commission(id uuid)
returns setof app.commissions
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	return query
	update app.commissions c set status = 'approved'
	where c.id = approve_commission.id and c.status = 'pending'
	returning c.*;
	if not found and exists (select from app.commissions c
			where c.id = approve_commission.id) then
		raise exception using errcode = 'LS304',
			message = 'the commission is not pending';
	end if;
end
$$;

-- Also of an approved one, when a purchase is refunded late: the balance may
-- then be below zero, and nothing can be requested until it is earned again.
create function app.reverse_commission(id uuid)
returns setof app.commissions
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	perform from app.affiliates a
	where a.id = (select c.affiliate_id from app.commissions c
		where c.id = reverse_commission.id)
	for no key update;
	if not found then
		return;
	end if;
	return query
	update app.commissions c set status = 'reversed'
	where c.id = reverse_commission.id and c.status <> 'reversed'
	returning c.*;
	if not found then
		raise exception using errcode = 'LS305',
			message = 'the commission was reversed already';
	end if;
end
$$;

create function app.request_payout(amount_cents integer)
returns setof app.payouts
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	profile app.users := app.require_profile();
	affiliate app.affiliates;
	available bigint;
	payout uuid;
begin
	select a.* into affiliate from app.affiliates a
	where a.owner_id = profile.id
	for no key update;
	if not found then
		raise exception using errcode = 'LS202',
			message = 'the caller is no affiliate';
	end if;
	if affiliate.status <> 'active' then
		raise exception using errcode = 'LS203',
			message = 'the affiliate is suspended';
	end if;

	select b.available_cents into available
	from app.affiliate_balance(affiliate.id) b;
	if available < request_payout.amount_cents then
		raise exception using errcode = 'LS204',
			message = 'the balance does not cover this';
	end if;

	insert into app.payouts (affiliate_id, owner_id, amount_cents,
		currency, method)
	values (affiliate.id, affiliate.owner_id,
		request_payout.amount_cents, affiliate.currency,
		affiliate.payout_method)
	returning id into payout;
	return query select p.* from app.payouts p where p.id = payout;
end
$$;

-- A payout moves by one statement that names the states it may come from, so
-- that of two at once one finds none.
create function app.move_payout(
	payout uuid,
	from_states text[],
	to_state text,
	provider text default null,
	reason text default null
) returns setof app.payouts
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	return query
	update app.payouts p
	set status = to_state,
		provider_reference = coalesce(provider, p.provider_reference),
		failure_reason = reason,
		paid_at = case to_state when 'paid' then now() end
	where p.id = payout and p.status = any (from_states)
	returning p.*;
	if not found and exists (select from app.payouts p
			where p.id = payout) then
		raise exception using errcode = 'LS205',
			message = 'the payout is past that';
	end if;
end
$$;

create function app.cancel_payout(id uuid) returns setof app.payouts
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
	select * from app.move_payout(cancel_payout.id, '{requested}',
		'cancelled')
$$;

create function app.start_payout(id uuid) returns setof app.payouts
language sql
set search_path = pg_catalog, pg_temp
as $$
	select * from app.move_payout(start_payout.id, '{requested}',
		'processing')
$$;

create function app.pay_payout(id uuid, provider_reference text)
returns setof app.payouts
language sql
set search_path = pg_catalog, pg_temp
as $$
	select * from app.move_payout(pay_payout.id, '{processing}', 'paid',
		pay_payout.provider_reference)
$$;

create function app.fail_payout(id uuid, reason text)
returns setof app.payouts
language sql
set search_path = pg_catalog, pg_temp
as $$
	select * from app.move_payout(fail_payout.id,
		'{requested,processing}', 'failed', null, fail_payout.reason)
$$;

grant execute on function
	app.register_user(text, text, text, text, boolean, text),
	app.become_affiliate(jsonb, text), app.request_payout(integer),
	app.cancel_payout(uuid), app.affiliate_balance(uuid),
	app.affiliate_earnings(uuid, date, date)
	to authenticated;
grant execute on function app.affiliate_balance(uuid),
	app.affiliate_earnings(uuid, date, date),
	app.set_affiliate_status(uuid, text),
	app.record_commission(uuid, text, integer, text),
	app.approve_commission(uuid), app.reverse_commission(uuid),
	app.move_payout(uuid, text[], text, text, text),
	app.start_payout(uuid), app.pay_payout(uuid, text),
	app.fail_payout(uuid, text)
	to service_role;
grant execute on function app.affiliate_balance(uuid),
	app.move_payout(uuid, text[], text, text, text)
	to lockstep_logic;

grant create on schema app to lockstep_logic;
alter function app.register_user(text, text, text, text, boolean, text)
	owner to lockstep_logic;
alter function app.become_affiliate(jsonb, text) owner to lockstep_logic;
alter function app.request_payout(integer) owner to lockstep_logic;
alter function app.cancel_payout(uuid) owner to lockstep_logic;
revoke create on schema app from lockstep_logic;
