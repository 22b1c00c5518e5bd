-- SPDX-License-Identifier: MIT
--
-- What the reference application tells its users' and accounts' endpoints:
-- contract/messages/ has a file for each.

-- One's own, and those of the accounts that one administers.
create or replace function app.webhook_owners() returns setof uuid
language plpgsql stable rows 10
set search_path = pg_catalog, pg_temp
as $$
begin
	return query
	select auth.uid()
	union all
	select a from app.my_accounts('admin') a;
end
$$;

create function app.publish_letter() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	perform lockstep.publish('letter.' || new.status, jsonb_build_object(
		'id', new.id, 'reference', new.reference, 'title', new.title,
		'status', new.status, 'failure_reason', new.failure_reason,
		'updated_at', new.updated_at), new.owner_id);
	return null;
end
$$;
create trigger letters_publish after update of status on app.letters
	for each row
	when (old.status <> new.status
		and new.status in ('ready', 'sent', 'failed'))
	execute function app.publish_letter();

create function app.publish_redemption() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	perform lockstep.publish('coupon.redeemed', jsonb_build_object(
		'id', new.id, 'code', new.code,
		'credit_cents', new.credit_cents, 'currency', new.currency,
		'created_at', new.created_at), new.owner_id);
	return null;
end
$$;
create trigger coupon_redemptions_publish after insert
	on app.coupon_redemptions
	for each row execute function app.publish_redemption();

-- As whoever moves the payout, who sees each affiliate.
create function app.publish_payout() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	perform lockstep.publish('payout.' || new.status, jsonb_build_object(
		'id', new.id, 'amount_cents', new.amount_cents,
		'currency', new.currency, 'status', new.status,
		'provider_reference', new.provider_reference,
		'failure_reason', new.failure_reason,
		'updated_at', new.updated_at), a.owner_id)
	from app.affiliates a where a.id = new.affiliate_id;
	return null;
end
$$;
create trigger payouts_publish after update of status on app.payouts
	for each row
	when (old.status <> new.status and new.status in ('paid', 'failed'))
	execute function app.publish_payout();

create function app.publish_ticket() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	perform lockstep.publish('ticket.resolved', jsonb_build_object(
		'id', new.id, 'company_id', new.company_id,
		'subject', new.subject, 'status', new.status,
		'resolution', new.resolution, 'updated_at', new.updated_at),
		new.account_id);
	return null;
end
$$;
create trigger support_tickets_publish after update of status
	on app.support_tickets
	for each row
	when (old.status <> new.status and new.status = 'resolved')
	execute function app.publish_ticket();

grant create on schema app to lockstep_logic;
alter function app.publish_letter() owner to lockstep_logic;
alter function app.publish_redemption() owner to lockstep_logic;
alter function app.publish_ticket() owner to lockstep_logic;
revoke create on schema app from lockstep_logic;
