-- SPDX-License-Identifier: MIT
--
-- What the jobs of the reference application's webhooks do, as service_role.
-- Each is done once, by the queue; and would do no harm if it were done again.

-- An event of the survey service becomes one of ours. An account takes an
-- external id once, so what our servers sent by themselves before is passed
-- over.
create function app.record_feedback(source text, event_id text) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
	insert into app.events (company_id, external_id, kind, score, message,
		attributes, occurred_at)
	select e.company_id, coalesce(e.external_id,
			case when length(record_feedback.event_id) <= 64
				then record_feedback.event_id end),
		e.kind, e.score, coalesce(e.message, ''),
		coalesce(e.attributes, '{}'),
		coalesce(e.occurred_at, (h.body ->> 'timestamp')::timestamptz)
	from (select lockstep.event(record_feedback.source,
			record_feedback.event_id) as body) h
	cross join lateral jsonb_to_record(h.body -> 'data') as e (
		company_id uuid, external_id text, kind text, score integer,
		message text, attributes jsonb, occurred_at timestamptz)
	on conflict do nothing
$$;

-- A payout is paid, or has failed, as the bank says; one that is so already
-- stays, and one that is past it refuses (LS205).
create function app.settle_payout(source text, event_id text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	said jsonb := lockstep.event(source, event_id);
	object jsonb := said -> 'data' -> 'object';
	payout uuid := object ->> 'payout_id';
	wanted text := case said ->> 'type' when 'payout.paid' then 'paid'
		else 'failed' end;
begin
	if exists (select from app.payouts p
			where p.id = payout and p.status = wanted) then
		return;
	end if;
	if wanted = 'paid' then
		perform app.pay_payout(payout, object ->> 'reference');
	else
		perform app.fail_payout(payout, coalesce(
			object ->> 'failure_message', 'The bank refused.'));
	end if;
end
$$;

grant execute on function app.record_feedback(text, text),
	app.settle_payout(text, text)
	to service_role;
