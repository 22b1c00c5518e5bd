-- SPDX-License-Identifier: MIT
--
-- Coupons, and who redeemed them.
--
-- The counter in the coupon is the truth on how many are left: a redemption
-- raises it under the row's lock, in the transaction that inserts the row, so
-- it can never pass the maximum, however many come at once.

create table app.coupons (
	id              uuid primary key default gen_random_uuid(),
	code            text not null
		constraint coupons_code_check
		check (code ~ '^[A-Z0-9-]{4,32}$'),
	title           text not null
		constraint coupons_title_check
		check (char_length(title) between 1 and 120),
	terms           text not null default ''
		constraint coupons_terms_check
		check (char_length(terms) <= 2000),
	credit_cents    integer not null
		constraint coupons_credit_cents_check
		check (credit_cents between 1 and 100000),
	currency        text not null default 'EUR'
		constraint coupons_currency_check
		check (currency ~ '^[A-Z]{3}$'),
	max_redemptions integer not null
		constraint coupons_max_redemptions_check
		check (max_redemptions between 1 and 10000000),
	redeemed_count  integer not null default 0
		constraint coupons_redeemed_count_check
		check (redeemed_count >= 0),
	is_public       boolean not null default false,
	status          text not null default 'active'
		constraint coupons_status_check
		check (status in ('active', 'paused')),
	starts_at       timestamptz not null default now(),
	expires_at      timestamptz not null,
	created_at      timestamptz not null default now(),
	updated_at      timestamptz not null default now(),
	constraint coupons_redeemed_within_max
		check (redeemed_count <= max_redemptions),
	constraint coupons_period_check check (expires_at > starts_at)
);

-- Unique for all: only our own servers write coupons.
create unique index coupons_code_key on app.coupons (code);
create index coupons_created_idx
	on app.coupons (created_at desc, id desc);
create index coupons_status_idx
	on app.coupons (status, created_at desc, id desc);
create index coupons_expires_idx on app.coupons (expires_at, id);
create index coupons_public_idx on app.coupons (expires_at, code)
	where is_public and status = 'active';

create trigger coupons_touch before update on app.coupons
	for each row execute function app.touch_updated_at();

-- Code and credit are copied: they are what the user was promised.
create table app.coupon_redemptions (
	id           uuid primary key default gen_random_uuid(),
	coupon_id    uuid not null
		constraint coupon_redemptions_coupon_id_fkey
		references app.coupons (id),
	owner_id     uuid not null default auth.uid()
		constraint coupon_redemptions_owner_id_fkey
		references app.users (id),
	code         text not null,
	credit_cents integer not null,
	currency     text not null,
	created_at   timestamptz not null default now(),
	constraint coupon_redemptions_once_key unique (owner_id, coupon_id)
);

create index coupon_redemptions_coupon_idx
	on app.coupon_redemptions (coupon_id, created_at desc, id desc);
create index coupon_redemptions_owner_created_idx
	on app.coupon_redemptions (owner_id, created_at desc, id desc);
create index coupon_redemptions_created_idx
	on app.coupon_redemptions (created_at desc, id desc);

-- The rules are looked at twice: first without a lock, so that the many who
-- come too late do not queue for the row; then again under it.
create function app.redeem_coupon(code text)
returns setof app.coupon_redemptions
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	coupon app.coupons;
	profile app.users := app.require_profile();
	redemption uuid;
begin
	select c.* into coupon from app.coupons c
	where c.code = redeem_coupon.code and c.status = 'active';
	if not found then
		raise exception using errcode = 'LS101',
			message = 'there is no such coupon';
	end if;
	if exists (select from app.coupon_redemptions r
			where r.owner_id = profile.id
			and r.coupon_id = coupon.id) then
		raise exception using errcode = 'LS104',
			message = 'the coupon was redeemed already';
	end if;
	if coupon.starts_at > now() then
		raise exception using errcode = 'LS105',
			message = 'the coupon is not valid yet';
	end if;
	if coupon.expires_at <= now() then
		raise exception using errcode = 'LS102',
			message = 'the coupon has expired';
	end if;
	if coupon.redeemed_count >= coupon.max_redemptions then
		raise exception using errcode = 'LS103',
			message = 'the coupon is used up';
	end if;

	update app.coupons c
	set redeemed_count = c.redeemed_count + 1
	where c.id = coupon.id and c.redeemed_count < c.max_redemptions
	and c.status = 'active' and c.expires_at > now()
	returning c.* into coupon;
	if not found then
		raise exception using errcode = 'LS103',
			message = 'the coupon is used up';
	end if;

	insert into app.coupon_redemptions
		(coupon_id, owner_id, code, credit_cents, currency)
	values (coupon.id, profile.id, coupon.code, coupon.credit_cents,
		coupon.currency)
	on conflict (owner_id, coupon_id) do nothing
	returning id into redemption;
	if redemption is null then
		raise exception using errcode = 'LS104',
			message = 'the coupon was redeemed already';
	end if;

	update app.users u
	set credit_cents = u.credit_cents + coupon.credit_cents
	where u.id = profile.id;

	return query select r.* from app.coupon_redemptions r
	where r.id = redemption;
end
$$;

-- What a coupon would give the caller, and whether it can be redeemed now. The
-- holder of a code may ask, also when the coupon is not a public one.
create type app.coupon_offer as (
	code         text,
	title        text,
	terms        text,
	credit_cents integer,
	currency     text,
	expires_at   timestamptz,
	redeemable   boolean
);

create function app.coupon_terms(code text) returns setof app.coupon_offer
language plpgsql stable security definer rows 1
set search_path = pg_catalog, pg_temp
as $$
begin
	return query
	select c.code, c.title, c.terms, c.credit_cents, c.currency,
		c.expires_at,
		c.starts_at <= now() and c.expires_at > now()
		and c.redeemed_count < c.max_redemptions
		and not exists (select from app.coupon_redemptions r
			where r.owner_id = auth.uid() and r.coupon_id = c.id)
	from app.coupons c
	where c.code = coupon_terms.code and c.status = 'active';
end
$$;

grant execute on function app.redeem_coupon(text), app.coupon_terms(text)
	to authenticated;

grant create on schema app to lockstep_logic;
alter function app.redeem_coupon(text) owner to lockstep_logic;
alter function app.coupon_terms(text) owner to lockstep_logic;
revoke create on schema app from lockstep_logic;
