-- SPDX-License-Identifier: MIT
--
-- Demo data for the reference application, loaded by a superuser (row level
-- security does not bind one):
--
--	psql -d DB -f examples/demo.sql
--
-- The same rows each time: ids and texts are made from counters, times are
-- counted back from the anchor (today, or -v anchor=2026-01-01). Loading it
-- again puts back what was deleted and leaves alone what was changed.
--
-- alice 11111111-1111-4111-8111-111111111111	400 letters, account 1
-- bob   22222222-2222-4222-8222-222222222222	250 letters, account 2
--
-- They meet in account 3 only, where alice is admin and bob may look.

\set ON_ERROR_STOP on
\if :{?anchor}
\else
select date_trunc('day', now()) as anchor \gset
\endif

begin;
set local client_min_messages = warning;

-- A version 4 uuid, as the real ones are, from a name.
create function pg_temp.id(name text) returns uuid language sql immutable as $$
	select overlay(overlay(md5(name) placing '4' from 13)
		placing '8' from 17)::uuid
$$;

create function pg_temp.user_id(n integer) returns uuid
language sql immutable as $$
	select case n
		when 1 then '11111111-1111-4111-8111-111111111111'
		when 2 then '22222222-2222-4222-8222-222222222222'
		else pg_temp.id('user ' || n)
	end::uuid
$$;

-- An even number in [0, 1) that only depends on the name.
create function pg_temp.chance(name text) returns double precision
language sql immutable as $$
	select ('x' || substr(md5(name), 1, 7))::bit(28)::integer
		/ 268435456.0
$$;

create function pg_temp.pick(name text, variadic words text[]) returns text
language sql immutable as $$
	select words[1 + floor(pg_temp.chance(name)
		* array_length(words, 1))::integer]
$$;

insert into app.users (id, email, email_verified, display_name, locale,
	time_zone, return_address, marketing_consent, created_at, updated_at)
select pg_temp.user_id(n), lower(name) || '@letters.example', n % 4 <> 0, name,
	pg_temp.pick('locale ' || n, 'en', 'de', 'fr', 'pt-BR'),
	pg_temp.pick('zone ' || n, 'UTC', 'Europe/Berlin', 'Europe/Paris',
		'America/Sao_Paulo'),
	case when n % 3 = 1 then jsonb_build_object(
		'lines', jsonb_build_array(name, n || ' Harbour Street'),
		'postal_code', (10000 + n * 7)::text,
		'city', 'Rotterdam', 'country', 'NL') end,
	n % 2 = 0,
	:'anchor'::timestamptz - interval '400 days' + n * interval '1 day',
	:'anchor'::timestamptz - interval '400 days' + n * interval '1 day'
from unnest(array['Alice', 'Bob', 'Carol', 'Dan', 'Erin', 'Frank', 'Grace',
	'Heidi', 'Ivan', 'Judy', 'Karl', 'Laura', 'Mallory', 'Niaj', 'Olivia',
	'Peggy', 'Quentin', 'Rupert', 'Sybil', 'Trent', 'Ursula', 'Victor',
	'Walter', 'Xenia', 'Yves', 'Zoe', 'Anton', 'Berta', 'Cesar', 'Dora'])
	with ordinality as u (name, ordinal)
cross join lateral (select ordinal::integer) as o (n)
on conflict do nothing;

-- 3,200 letters: 400 for alice, 250 for bob, the rest falls off steeply from
-- carol to cesar; dora has none. Four in a row share a created_at.
insert into app.letters (id, owner_id, reference, title, body, tone, locale,
	recipient, tags, status, channel, content, failure_reason,
	scheduled_for, sent_at, created_at, updated_at)
select pg_temp.id('letter ' || g), pg_temp.user_id(w.owner),
	case when g % 10 = 0 then 'order-' || g end,
	pg_temp.pick('title ' || g, 'Thank you', 'Complaint',
		'Notice of cancellation', 'Invitation', 'Cover letter',
		'Reminder', 'Greetings from the coast') || ' no. ' || g,
	'Please write to ' || w.name || ' about the matter of '
		|| pg_temp.pick('matter ' || g, 'the garden', 'the invoice',
		'our meeting', 'the lease', 'the concert') || '.',
	pg_temp.pick('tone ' || g, 'neutral', 'formal', 'friendly',
		'apologetic', 'persuasive'),
	pg_temp.pick('letter locale ' || g, 'en', 'en', 'de', 'fr'),
	jsonb_build_object('name', w.name,
		'email', lower(replace(w.name, ' ', '.')) || '@post.example')
	|| case when g % 2 = 0 then jsonb_build_object('address',
		jsonb_build_object(
			'lines', jsonb_build_array(g % 90 + 1 || ' Mill Lane'),
			'postal_code', (20000 + g)::text,
			'city', 'Ghent', 'country', 'BE'))
		else '{}' end,
	case g % 4 when 0 then '["private"]' when 1 then '["work", "urgent"]'
		when 2 then '["work"]' else '[]' end::jsonb,
	w.status,
	case when w.status <> 'draft' then
		case when g % 2 = 0 then 'post' else 'email' end end,
	case when w.status in ('ready', 'sent') then 'Dear ' || w.name || E',\n\n'
		|| pg_temp.pick('opening ' || g,
		'Thank you for your patience.',
		'I hope that this letter finds you well.',
		'It was good to hear from you again.') || ' '
		|| pg_temp.pick('middle ' || g,
		'You will remember what we agreed on when we last met, and I should like to keep to it.',
		'Nothing has changed since we spoke, but I would rather have it in writing.',
		'I have thought about it for a while, and my answer is yes.')
		|| E'\n\n' || pg_temp.pick('close ' || g,
		'Please let me know by the end of the month what would suit you.',
		'If there is anything that I have overlooked, do tell me.',
		'I look forward to your answer.')
		|| E'\n\nYours sincerely' end,
	case when w.status = 'failed' then 'The address was refused.' end,
	case when w.status = 'queued' then w.at + interval '1 day' end,
	case when w.status = 'sent' then w.at + interval '3 minutes' end,
	w.at, w.at
from generate_series(1, 3200) g
cross join lateral (select
	case when g <= 400 then 1 when g <= 650 then 2
		else 3 + floor(27 * power(pg_temp.chance('owner ' || g), 2))
			::integer
	end,
	pg_temp.pick('to ' || g, 'Ada Byron', 'Emil Post', 'Max Planck',
		'Jane Doe', 'Rosa Parks', 'Li Wei'),
	case when g * 7 % 20 < 8 then 'draft' when g * 7 % 20 = 8 then 'queued'
		when g * 7 % 20 = 9 then 'failed'
		when g * 7 % 20 = 10 then 'ready' else 'sent' end,
	:'anchor'::timestamptz - (g / 4) * interval '137 minutes'
) as w (owner, name, status, at)
on conflict do nothing;

insert into lockstep.jobs (kind, args, claims, role, run_at, created_at)
select 'letter.generate', jsonb_build_object('letter_id', l.id),
	jsonb_build_object('sub', l.owner_id, 'role', 'authenticated'),
	'authenticated', l.scheduled_for, l.created_at
from app.letters l
where l.status = 'queued' and l.id in (
	select pg_temp.id('letter ' || g) from generate_series(1, 3200) g)
and not exists (select from lockstep.jobs j
	where j.args ->> 'letter_id' = l.id::text);

insert into app.coupons (id, code, title, terms, credit_cents, currency,
	max_redemptions, is_public, status, starts_at, expires_at, created_at,
	updated_at)
select pg_temp.id('coupon ' || code), code, title,
	'One redemption for each user. Credit is not paid out.', credit, 'EUR',
	max, public, status, :'anchor'::timestamptz + starts::interval,
	:'anchor'::timestamptz + ends::interval,
	:'anchor'::timestamptz - interval '60 days',
	:'anchor'::timestamptz - interval '60 days'
from (values
	('WELCOME-10', 'Ten euros to start with', 1000, 100000, true, 'active',
		'-60 days', '10 years'),
	('SPRING-25', 'A quarter for spring', 2500, 500, true, 'active',
		'-10 days', '5 years'),
	('POSTCARD-5', 'Five for a postcard', 500, 1000, true, 'active',
		'-30 days', '2 years'),
	('SECRET-50', 'For those who were told', 5000, 50, false, 'active',
		'-30 days', '5 years'),
	('LIMITED-3', 'The first three', 1500, 3, true, 'active',
		'-30 days', '5 years'),
	('BYGONE-20', 'Last year''s', 2000, 1000, true, 'active',
		'-59 days', '-1 day'),
	('TOMORROW-15', 'Not yet', 1500, 1000, true, 'active',
		'9 years', '10 years'),
	('PAUSED-30', 'On hold', 3000, 100, true, 'paused',
		'-30 days', '5 years')
) as c (code, title, credit, max, public, status, starts, ends)
on conflict do nothing;

insert into app.coupons (id, code, title, credit_cents, max_redemptions,
	is_public, starts_at, expires_at, created_at, updated_at)
select pg_temp.id('coupon partner ' || n), 'PARTNER-' || lpad(n::text, 3, '0'),
	'Partner campaign ' || n, 100 * (1 + n % 20), 10 * n, n % 3 = 0,
	:'anchor'::timestamptz - interval '20 days',
	:'anchor'::timestamptz + interval '3 years' + (n / 2) * interval '1 day',
	:'anchor'::timestamptz - (n / 3) * interval '1 day',
	:'anchor'::timestamptz - (n / 3) * interval '1 day'
from generate_series(1, 60) n
on conflict do nothing;

-- Alice and bob have redeemed the postcard, so that they can still redeem the
-- others; carol, dan and erin have used up the limited one.
insert into app.coupon_redemptions (id, coupon_id, owner_id, code,
	credit_cents, currency, created_at)
select pg_temp.id('redemption ' || c.code || ' ' || n), c.id,
	pg_temp.user_id(n), c.code, c.credit_cents, c.currency,
	:'anchor'::timestamptz - (n / 2) * interval '1 day'
from generate_series(1, 29) n
join app.coupons c on case c.code
	when 'POSTCARD-5' then true
	when 'WELCOME-10' then n > 2
	when 'SPRING-25' then n > 2 and n % 3 = 0
	when 'LIMITED-3' then n between 3 and 5
	when 'BYGONE-20' then n % 2 = 0
	else false
end
on conflict do nothing;

-- Both sums are what the functions keep them at, whatever was done since.
update app.coupons c set redeemed_count = r.count
from (select coupon_id, count(*) from app.coupon_redemptions group by 1) r
where r.coupon_id = c.id and c.redeemed_count <> r.count;
update app.users u set credit_cents = r.sum
from (select owner_id, sum(credit_cents) from app.coupon_redemptions
	group by 1) r
where r.owner_id = u.id and u.credit_cents <> r.sum;

insert into app.affiliates (id, owner_id, code, status, payout_method,
	commission_rate_bps, created_at, updated_at)
select pg_temp.id('affiliate ' || n), pg_temp.user_id(n),
	upper(substr(md5('affiliate code ' || n), 1, 12)),
	case n when 10 then 'suspended' else 'active' end,
	case n % 2 when 1 then jsonb_build_object('type', 'bank_transfer',
		'account_holder', u.display_name,
		'iban', 'DE89370400440532013000')
	else jsonb_build_object('type', 'paypal', 'email', u.email) end,
	1000 + 100 * (n % 5),
	:'anchor'::timestamptz - interval '300 days',
	:'anchor'::timestamptz - interval '300 days'
from generate_series(1, 10) n
join app.users u on u.id = pg_temp.user_id(n)
on conflict do nothing;

-- Users 11 to 29 came by an affiliate: eight by alice, five by bob.
insert into app.referrals (id, affiliate_id, owner_id, referred_id, status,
	created_at, updated_at)
select pg_temp.id('referral ' || n), pg_temp.id('affiliate ' || a),
	pg_temp.user_id(a), pg_temp.user_id(n),
	case when n % 5 = 0 then 'signed_up' else 'converted' end,
	:'anchor'::timestamptz - interval '290 days' + n * interval '1 day',
	:'anchor'::timestamptz - interval '290 days' + n * interval '1 day'
from generate_series(11, 29) n
cross join lateral (select case when n <= 18 then 1 when n <= 23 then 2
	else n - 21 end) as o (a)
on conflict do nothing;

insert into app.commissions (id, affiliate_id, owner_id, referral_id,
	reference, purchase_cents, amount_cents, currency, status, created_at,
	updated_at)
select pg_temp.id('commission ' || g), r.affiliate_id, r.owner_id, r.id,
	'purchase-' || g, p.cents,
	p.cents::bigint * a.commission_rate_bps / 10000, a.currency,
	case when g % 10 < 7 then 'approved' when g % 10 < 9 then 'pending'
		else 'reversed' end,
	:'anchor'::timestamptz - (g / 3) * interval '9 hours',
	:'anchor'::timestamptz - (g / 3) * interval '9 hours'
from generate_series(1, 900) g
cross join lateral (select 500 + 100 * (g * 37 % 400)) as p (cents)
join app.referrals r on r.id = pg_temp.id('referral ' || 11 + g % 19)
	and r.status = 'converted'
join app.affiliates a on a.id = r.affiliate_id
on conflict do nothing;

-- About three fifths of what each has earned, in up to 25 payouts.
insert into app.payouts (id, affiliate_id, owner_id, amount_cents, currency,
	method, status, provider_reference, failure_reason, paid_at,
	created_at, updated_at)
select pg_temp.id('payout ' || n || ' ' || g), a.id, a.owner_id, e.share,
	a.currency, a.payout_method, s.status,
	case s.status when 'paid' then 'transfer-' || n || '-' || g end,
	case s.status when 'failed' then 'The bank sent it back.' end,
	case s.status when 'paid' then s.at + interval '2 days' end, s.at, s.at
from generate_series(1, 10) n
join app.affiliates a on a.id = pg_temp.id('affiliate ' || n)
cross join lateral (
	select (sum(amount_cents) * 3 / 5 / 25)::integer as share
	from app.commissions
	where affiliate_id = a.id and status = 'approved'
	and id in (select pg_temp.id('commission ' || i)
		from generate_series(1, 900) i)
) e
cross join generate_series(1, 25) g
cross join lateral (select
	case when g <= 2 then 'requested' when g = 3 then 'processing'
		when g % 8 = 4 then 'failed' when g % 8 = 5 then 'cancelled'
		else 'paid' end,
	:'anchor'::timestamptz - (g / 2) * interval '6 days'
) as s (status, at)
where e.share >= 1000
on conflict do nothing;

insert into app.accounts (id, name, plan, created_by, created_at, updated_at)
select pg_temp.id('account ' || n), name, plan, pg_temp.user_id(owner),
	:'anchor'::timestamptz - n * interval '30 days',
	:'anchor'::timestamptz - n * interval '30 days'
from (values (1, 'Alice''s Correspondence', 'team', 1),
	(2, 'Bob & Sons', 'free', 2), (3, 'Meeting Point', 'business', 3),
	(4, 'Northern Post', 'team', 7), (5, 'Paper & Ink', 'free', 9)
) as a (n, name, plan, owner)
on conflict do nothing;

insert into app.account_members (id, account_id, user_id, display_name, role,
	created_at, updated_at)
select pg_temp.id('member ' || n || ' ' || u), pg_temp.id('account ' || n),
	pg_temp.user_id(u), p.display_name, role,
	:'anchor'::timestamptz - n * interval '30 days',
	:'anchor'::timestamptz - n * interval '30 days'
from (values (1, 1, 'owner'), (1, 4, 'agent'), (1, 5, 'viewer'),
	(2, 2, 'owner'), (2, 5, 'admin'), (2, 6, 'viewer'),
	(3, 3, 'owner'), (3, 1, 'admin'), (3, 2, 'viewer'), (3, 8, 'agent'),
	(4, 7, 'owner'), (4, 8, 'agent'), (5, 9, 'owner')
) as m (n, u, role)
join app.users p on p.id = pg_temp.user_id(u)
on conflict do nothing;

insert into app.account_invitations (id, account_id, email, role, token_hash,
	invited_by, accepted_at, expires_at, created_at)
select pg_temp.id('invitation ' || n), pg_temp.id('account ' || n),
	'guest' || n || '@letters.example', 'viewer',
	sha256(convert_to('no token leads here ' || n, 'UTF8')),
	a.created_by, null, :'anchor'::timestamptz + interval '7 days',
	:'anchor'::timestamptz
from generate_series(1, 3) n
join app.accounts a on a.id = pg_temp.id('account ' || n)
on conflict do nothing;

-- 50 companies: 20, 12, 10, 5 and 3.
insert into app.companies (id, account_id, external_id, name, domain, status,
	mrr_cents, tags, created_at, updated_at)
select pg_temp.id('company ' || n), pg_temp.id('account ' || a), 'crm-' || n,
	pg_temp.pick('company name ' || n, 'Acorn', 'Birch', 'Cedar', 'Elm',
		'Linden', 'Maple', 'Rowan') || ' '
	|| pg_temp.pick('company kind ' || n, 'Works', 'Trading', 'Labs',
		'Logistics', 'Foods') || ' ' || n,
	'company' || n || '.example',
	pg_temp.pick('company status ' || n, 'prospect', 'active', 'active',
		'churned'),
	5000 * (n * 13 % 40), case when n % 3 = 0 then '["key-account"]'
		else '[]' end::jsonb,
	:'anchor'::timestamptz - (n / 2) * interval '5 days',
	:'anchor'::timestamptz - (n / 2) * interval '5 days'
from generate_series(1, 50) n
cross join lateral (select case when n <= 20 then 1 when n <= 32 then 2
	when n <= 42 then 3 when n <= 47 then 4 else 5 end) as o (a)
on conflict do nothing;

insert into app.events (id, company_id, external_id, kind, score, message,
	attributes, occurred_at, created_at)
select pg_temp.id('event ' || g), pg_temp.id('company ' || c), 'ev-' || g,
	k.kind,
	case k.kind when 'nps' then floor(11
			* sqrt(pg_temp.chance('nps ' || g)))::integer
		when 'csat' then 1 + floor(5
			* pg_temp.chance('csat ' || g))::integer end,
	case k.kind when 'comment' then 'The delivery came on time.'
		when 'bug' then 'The preview stays empty.'
		when 'praise' then 'Lovely paper.' else '' end,
	jsonb_build_object('page', '/letters/' || g % 40, 'visit', g % 7,
		'mobile', g % 2 = 0),
	:'anchor'::timestamptz - (g / 4) * interval '2 hours',
	:'anchor'::timestamptz - (g / 4) * interval '2 hours'
from generate_series(1, 5000) g
cross join lateral (select 1 + floor(50
	* power(pg_temp.chance('event company ' || g), 2))::integer,
	pg_temp.pick('event kind ' || g, 'nps', 'nps', 'csat', 'comment',
		'bug', 'praise')) as k (c, kind)
on conflict do nothing;

-- Every tenth company has none, and can be deleted.
insert into app.support_tickets (id, company_id, opened_by, assignee_id,
	subject, body, priority, tags, status, resolution, resolved_at,
	closed_at, created_at, updated_at)
select pg_temp.id('ticket ' || g), c.id, a.created_by,
	case when g % 3 = 0 then a.created_by end,
	pg_temp.pick('subject ' || g, 'Printer out of ink', 'Wrong address',
		'Letter came late', 'Invoice unclear', 'Cannot log in')
		|| ' (' || g || ')',
	'It happened again this morning.',
	pg_temp.pick('priority ' || g, 'low', 'normal', 'normal', 'high',
		'urgent'),
	case when g % 4 = 0 then '["billing"]' else '[]' end::jsonb, t.status,
	case when t.status <> 'open' then 'Explained and repaired.' end,
	case when t.status <> 'open' then t.at + interval '1 day' end,
	case when t.status = 'closed' then t.at + interval '4 days' end,
	t.at, t.at
from generate_series(1, 500) g
cross join lateral (select 1 + floor(50
	* power(pg_temp.chance('ticket company ' || g), 2))::integer) as o (n)
cross join lateral (select
	pg_temp.id('company ' || case when n % 10 = 0 then n - 1
		else n end),
	case when g % 5 < 2 then 'open' when g % 5 < 4 then 'closed'
		else 'resolved' end,
	:'anchor'::timestamptz - (g / 3) * interval '11 hours'
) as t (company, status, at)
join app.companies c on c.id = t.company
join app.accounts a on a.id = c.account_id
on conflict do nothing;

-- Endpoints that are turned off: nobody listens there.
insert into app.webhook_endpoints (id, owner_id, url, description, types,
	enabled, disabled_reason, created_at, updated_at)
select pg_temp.id('endpoint ' || n), owner,
	'https://hooks.shop-' || n || '.example/letters', 'Shop ' || n,
	case when n % 2 = 0 then '["letter.sent"]' else '[]' end::jsonb,
	false, 'owner', :'anchor'::timestamptz - interval '20 days',
	:'anchor'::timestamptz - interval '5 days'
from (values (1, pg_temp.user_id(1)), (2, pg_temp.user_id(2)),
	(3, pg_temp.id('account 1')), (4, pg_temp.id('account 2')),
	(5, pg_temp.id('account 3'))) as o (n, owner)
on conflict do nothing;
insert into app.webhook_messages (id, owner_id, type, data, created_at)
select pg_temp.id('message ' || n || ' ' || m), e.owner_id, 'letter.sent',
	jsonb_build_object('id', pg_temp.id('letter ' || m), 'reference', null,
		'title', 'Letter ' || m, 'status', 'sent', 'failure_reason',
		null, 'updated_at', :'anchor'::timestamptz - m * interval '1 day'),
	:'anchor'::timestamptz - m * interval '1 day'
from generate_series(1, 5) n
cross join generate_series(6, 10) m
join app.webhook_endpoints e on e.id = pg_temp.id('endpoint ' || n)
on conflict do nothing;
insert into app.webhook_deliveries (id, owner_id, message_id, endpoint_id, type,
	state, attempts, status, error, delivered_at, created_at, updated_at)
select pg_temp.id('delivery ' || n || ' ' || m), e.owner_id,
	pg_temp.id('message ' || n || ' ' || m), e.id, 'letter.sent',
	case when m = 6 then 'failed' else 'delivered' end,
	case when m = 6 then 2 else 1 end, case when m = 6 then 503 else 200 end,
	case when m = 6 then '503' end,
	case when m <> 6 then t.at + interval '1 s' end, t.at, t.at
from generate_series(1, 5) n
cross join generate_series(6, 10) m
cross join lateral (select :'anchor'::timestamptz - m * interval '1 day'
	) as t (at)
join app.webhook_endpoints e on e.id = pg_temp.id('endpoint ' || n)
on conflict do nothing;
insert into app.webhook_attempts (id, owner_id, delivery_id, endpoint_id, number,
	status, error, reply, took_ms, created_at)
select pg_temp.id('attempt ' || d.id || ' ' || k), d.owner_id, d.id,
	d.endpoint_id, k, d.status, d.error,
	case when d.status = 503 then 'busy' else 'ok' end, 20 + k,
	d.created_at + (k - 1) * interval '5 s'
from app.webhook_deliveries d
cross join lateral generate_series(1, d.attempts) k
on conflict do nothing;

commit;
analyze;
