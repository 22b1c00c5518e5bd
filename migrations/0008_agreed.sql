-- SPDX-License-Identifier: MIT
--
-- What `lockstep check` found: a redemption keeps what its coupon said, so it
-- is held to the same; and the filters and sorts of lists that our servers read
-- whole have an index.

alter table app.coupon_redemptions
	add constraint coupon_redemptions_code_check
	check (code ~ '^[A-Z0-9-]{4,32}$'),
	add constraint coupon_redemptions_credit_cents_check
	check (credit_cents between 1 and 100000),
	add constraint coupon_redemptions_currency_check
	check (currency ~ '^[A-Z]{3}$');

create index coupon_redemptions_code_idx
	on app.coupon_redemptions (code, created_at desc, id desc);
create index coupons_credit_idx on app.coupons (credit_cents, code);
create index commissions_reference_idx on app.commissions (reference);
create index companies_domain_idx on app.companies (domain);
create index letters_sent_idx on app.letters (sent_at);
create index letters_recipient_email_idx
	on app.letters ((recipient ->> 'email'));
create index payouts_paid_idx on app.payouts (paid_at);
