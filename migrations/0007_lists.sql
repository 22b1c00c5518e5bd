-- SPDX-License-Identifier: MIT
--
-- What lists need beyond their own order: text search, filters into json, and
-- the rows that are told within others.

-- Exactly the expressions that the lists compare. Neither @@ nor ->> is
-- leakproof, so where a policy looks at the row, the policy's index goes first
-- and they are judged on what it leaves, the caller's own rows; these indexes
-- serve the roles whose policies let everything through.
create index letters_search_idx on app.letters using gin
	(to_tsvector('simple', coalesce(title, '') || ' ' || coalesce(body, '')));
create index support_tickets_search_idx on app.support_tickets using gin
	(to_tsvector('simple',
		coalesce(subject, '') || ' ' || coalesce(body, '')));

create index letters_recipient_idx
	on app.letters ((recipient ->> 'name'), created_at desc, id desc);

create index commissions_affiliate_idx
	on app.commissions (affiliate_id, created_at desc, id desc);
create index payouts_affiliate_idx
	on app.payouts (affiliate_id, created_at desc, id desc);
