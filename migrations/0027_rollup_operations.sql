-- SPDX-License-Identifier: MIT
--
-- What the reference application counts: feedback and tickets of companies. The
-- health of a company, and figures by hour and day for dashboards, are read from
-- them. Below, what `lockstep gen rollup --all` makes.

-- SPDX-License-Identifier: MIT
--
-- company_events: made by `lockstep gen rollup company_events`, of rollups/company_events.json.
-- Made again it takes the place of what is there, which is filled anew while
-- everything goes on. Locks app.events for a moment: no row is read here.

drop trigger if exists company_events_insert on app.events;
drop trigger if exists company_events_update on app.events;
drop trigger if exists company_events_delete on app.events;
drop trigger if exists company_events_truncate on app.events;
drop function if exists app.company_events_between(timestamptz, timestamptz);
drop view if exists app.company_events;
drop table if exists app.company_events_base, app.company_events_delta, app.company_events_values;
drop function if exists app.company_events_write();
drop function if exists app.company_events_fold(integer);
drop function if exists app.company_events_recount(timestamptz, timestamptz);
drop function if exists app.company_events_compare(timestamptz, timestamptz);

create table app.company_events_base (
	account_id uuid not null,
	company_id uuid not null,
	bucket timestamptz not null,
	rows bigint not null,
	events bigint not null,
	nps_responses bigint not null,
	promoters bigint not null,
	detractors bigint not null,
	csat_sum bigint not null,
	csat_count bigint not null,
	last_event_at timestamp with time zone,
	recounted boolean not null default false,
	primary key (account_id, company_id, bucket)
);
create index company_events_base_bucket_idx on app.company_events_base (bucket);
create index company_events_base_empty_idx on app.company_events_base (bucket) where rows = 0;

create table app.company_events_delta (
	id bigint generated always as identity primary key,
	account_id uuid not null,
	company_id uuid not null,
	bucket timestamptz not null,
	rows bigint not null,
	events bigint not null,
	nps_responses bigint not null,
	promoters bigint not null,
	detractors bigint not null,
	csat_sum bigint not null,
	csat_count bigint not null,
	last_event_at timestamp with time zone,
	recount boolean not null default false,
	written_at timestamptz not null default clock_timestamp()
) with (autovacuum_vacuum_scale_factor = 0.01,
	autovacuum_vacuum_threshold = 5000);
create index company_events_delta_key_idx on app.company_events_delta (account_id, company_id, bucket);


create view app.company_events with (security_invoker = true) as
select u.account_id, u.company_id, u.bucket, sum(u.rows)::bigint as rows,
	sum(u.events)::bigint as events,
	sum(u.nps_responses)::bigint as nps_responses,
	sum(u.promoters)::bigint as promoters,
	sum(u.detractors)::bigint as detractors,
	sum(u.csat_sum)::bigint as csat_sum,
	sum(u.csat_count)::bigint as csat_count,
	round(sum(u.csat_sum)::numeric / nullif(sum(u.csat_count), 0), 6) as csat,
	case when bool_or(u.recount) then (
		select max(s.occurred_at)
		from app.events s
		where s.account_id = u.account_id and s.company_id = u.company_id
		and s.occurred_at >= u.bucket
		and s.occurred_at < u.bucket + interval '15 minutes')
		else max(u.last_event_at) end as last_event_at
from (
	select b.account_id, b.company_id, b.bucket, b.rows,
			b.events,
			b.nps_responses,
			b.promoters,
			b.detractors,
			b.csat_sum,
			b.csat_count,
			b.last_event_at, false as recount
	from app.company_events_base b
	union all
	select d.account_id, d.company_id, d.bucket, d.rows,
			d.events,
			d.nps_responses,
			d.promoters,
			d.detractors,
			d.csat_sum,
			d.csat_count,
			d.last_event_at, d.recount
	from app.company_events_delta d
) u
group by 1, 2, 3
having sum(u.rows) <> 0;

create function app.company_events_write() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	if tg_op = 'TRUNCATE' then
		raise exception using errcode = 'feature_not_supported',
			message = 'rows of app.events are counted: delete them';
	elsif tg_op = 'INSERT' then
		insert into app.company_events_delta (account_id, company_id, bucket, rows,
			events,
			nps_responses,
			promoters,
			detractors,
			csat_sum,
			csat_count,
			last_event_at)
		select s.account_id, s.company_id, date_bin('15 minutes', s.occurred_at, timestamptz '0001-01-01 00:00:00+00'), count(*),
			count(*),
			count(*) filter (where s.kind = 'nps'),
			count(*) filter (where s.kind = 'nps' and s.score >= 9),
			count(*) filter (where s.kind = 'nps' and s.score <= 6),
			coalesce(sum(s.score) filter (where s.kind = 'csat'), 0),
			count(s.score) filter (where s.kind = 'csat'),
			max(s.occurred_at)
		from new_rows s
		group by 1, 2, 3;
	elsif tg_op = 'DELETE' then
		insert into app.company_events_delta (account_id, company_id, bucket, rows,
			events,
			nps_responses,
			promoters,
			detractors,
			csat_sum,
			csat_count,
			last_event_at, recount)
		select s.account_id, s.company_id, date_bin('15 minutes', s.occurred_at, timestamptz '0001-01-01 00:00:00+00'), -count(*),
			-count(*),
			-count(*) filter (where s.kind = 'nps'),
			-count(*) filter (where s.kind = 'nps' and s.score >= 9),
			-count(*) filter (where s.kind = 'nps' and s.score <= 6),
			-coalesce(sum(s.score) filter (where s.kind = 'csat'), 0),
			-count(s.score) filter (where s.kind = 'csat'),
			null, true
		from old_rows s
		group by 1, 2, 3;
	else
		insert into app.company_events_delta (account_id, company_id, bucket, rows,
			events,
			nps_responses,
			promoters,
			detractors,
			csat_sum,
			csat_count,
			last_event_at, recount)
		select c.account_id, c.company_id, c.bucket, sum(c.rows),
			sum(c.events) as events,
			sum(c.nps_responses) as nps_responses,
			sum(c.promoters) as promoters,
			sum(c.detractors) as detractors,
			sum(c.csat_sum) as csat_sum,
			sum(c.csat_count) as csat_count,
			max(c.last_event_at) as last_event_at, bool_or(c.recount)
		from (
			select s.account_id, s.company_id, date_bin('15 minutes', s.occurred_at, timestamptz '0001-01-01 00:00:00+00') as bucket,
				count(*) as rows,
			count(*) as events,
			count(*) filter (where s.kind = 'nps') as nps_responses,
			count(*) filter (where s.kind = 'nps' and s.score >= 9) as promoters,
			count(*) filter (where s.kind = 'nps' and s.score <= 6) as detractors,
			coalesce(sum(s.score) filter (where s.kind = 'csat'), 0) as csat_sum,
			count(s.score) filter (where s.kind = 'csat') as csat_count,
			max(s.occurred_at) as last_event_at, false as recount
			from (select s.account_id, s.company_id, s.occurred_at, s.kind, s.score from new_rows s except all
				select s.account_id, s.company_id, s.occurred_at, s.kind, s.score from old_rows s) s
			group by 1, 2, 3
			union all
			select s.account_id, s.company_id, date_bin('15 minutes', s.occurred_at, timestamptz '0001-01-01 00:00:00+00'),
				-count(*),
			-count(*),
			-count(*) filter (where s.kind = 'nps'),
			-count(*) filter (where s.kind = 'nps' and s.score >= 9),
			-count(*) filter (where s.kind = 'nps' and s.score <= 6),
			-coalesce(sum(s.score) filter (where s.kind = 'csat'), 0),
			-count(s.score) filter (where s.kind = 'csat'),
			null, true
			from (select s.account_id, s.company_id, s.occurred_at, s.kind, s.score from old_rows s except all
				select s.account_id, s.company_id, s.occurred_at, s.kind, s.score from new_rows s) s
			group by 1, 2, 3
		) c
		group by 1, 2, 3;
	end if;
	return null;
end
$$;

-- Adds at most so many deltas to the base; how many it were.
create function app.company_events_fold(most integer) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	folded bigint;
begin
	-- One statement: what is deleted and what is added are of one snapshot.
	with gone as (
		delete from app.company_events_delta d
		where d.id = any (array(select o.id from app.company_events_delta o
			order by o.id limit most))
		returning d.*
	), sums as (
		select d.account_id, d.company_id, d.bucket, sum(d.rows) as rows,
			sum(d.events) as events,
			sum(d.nps_responses) as nps_responses,
			sum(d.promoters) as promoters,
			sum(d.detractors) as detractors,
			sum(d.csat_sum) as csat_sum,
			sum(d.csat_count) as csat_count,
			max(d.last_event_at) as last_event_at, bool_or(d.recount) as recount
		from gone d
		group by 1, 2, 3
	), added as (
		insert into app.company_events_base as b (account_id, company_id, bucket, rows,
			events,
			nps_responses,
			promoters,
			detractors,
			csat_sum,
			csat_count,
			last_event_at, recounted)
		select d.account_id, d.company_id, d.bucket, d.rows,
			d.events,
			d.nps_responses,
			d.promoters,
			d.detractors,
			d.csat_sum,
			d.csat_count,
			case when d.recount then f.last_event_at else d.last_event_at end, d.recount
		from sums d
		cross join lateral (select max(s.occurred_at) as last_event_at
		from app.events s
		where s.account_id = d.account_id and s.company_id = d.company_id
		and s.occurred_at >= d.bucket
		and s.occurred_at < d.bucket + interval '15 minutes'
		and d.recount) f
		on conflict (account_id, company_id, bucket) do update
		set rows = b.rows + excluded.rows,
			events = b.events + excluded.events,
			nps_responses = b.nps_responses + excluded.nps_responses,
			promoters = b.promoters + excluded.promoters,
			detractors = b.detractors + excluded.detractors,
			csat_sum = b.csat_sum + excluded.csat_sum,
			csat_count = b.csat_count + excluded.csat_count,
			last_event_at = case when excluded.recounted then excluded.last_event_at
			else greatest(b.last_event_at, excluded.last_event_at) end
	)
	select count(*) into folded from gone;
	delete from app.company_events_base b where b.rows = 0;
	return folded;
end
$$;

-- Counts the buckets from the one time to the other anew.
create function app.company_events_recount(since timestamptz, until timestamptz)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	-- One statement: the deltas that go are of rows that are counted.
	with gone as (
		delete from app.company_events_delta d
		where d.bucket >= since and d.bucket < until
	), counted as (
		select s.account_id, s.company_id, date_bin('15 minutes', s.occurred_at, timestamptz '0001-01-01 00:00:00+00') as bucket,
			count(*) as rows,
			count(*) as events,
			count(*) filter (where s.kind = 'nps') as nps_responses,
			count(*) filter (where s.kind = 'nps' and s.score >= 9) as promoters,
			count(*) filter (where s.kind = 'nps' and s.score <= 6) as detractors,
			coalesce(sum(s.score) filter (where s.kind = 'csat'), 0) as csat_sum,
			count(s.score) filter (where s.kind = 'csat') as csat_count,
			max(s.occurred_at) as last_event_at
		from app.events s
		where s.occurred_at >= since and s.occurred_at < until
		group by 1, 2, 3
	), kept as (
		select b.account_id, b.company_id, b.bucket from app.company_events_base b
		where b.bucket >= since and b.bucket < until
	)
	insert into app.company_events_base as b (account_id, company_id, bucket, rows,
			events,
			nps_responses,
			promoters,
			detractors,
			csat_sum,
			csat_count,
			last_event_at)
	select account_id, company_id, bucket, coalesce(c.rows, 0),
			coalesce(c.events, 0),
			coalesce(c.nps_responses, 0),
			coalesce(c.promoters, 0),
			coalesce(c.detractors, 0),
			coalesce(c.csat_sum, 0),
			coalesce(c.csat_count, 0),
			c.last_event_at
	from counted c full join kept k using (account_id, company_id, bucket)
	on conflict (account_id, company_id, bucket) do update
	set rows = excluded.rows,
			events = excluded.events,
			nps_responses = excluded.nps_responses,
			promoters = excluded.promoters,
			detractors = excluded.detractors,
			csat_sum = excluded.csat_sum,
			csat_count = excluded.csat_count,
			last_event_at = excluded.last_event_at
	where (b.rows,
			b.events,
			b.nps_responses,
			b.promoters,
			b.detractors,
			b.csat_sum,
			b.csat_count,
			b.last_event_at) is distinct from
		(excluded.rows,
			excluded.events,
			excluded.nps_responses,
			excluded.promoters,
			excluded.detractors,
			excluded.csat_sum,
			excluded.csat_count,
			excluded.last_event_at);
	delete from app.company_events_base b where b.rows = 0;
end
$$;

-- Their figures as they are kept, and as they are when they are counted.
create function app.company_events_compare(since timestamptz, until timestamptz)
returns table (key jsonb, bucket timestamptz, kept jsonb, counted jsonb)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
	select coalesce(k.key, c.key), coalesce(k.bucket, c.bucket),
		k.figures, c.figures
	from (
		select jsonb_build_object('account_id', v.account_id, 'company_id', v.company_id) as key, v.bucket,
			to_jsonb(v) as figures
		from app.company_events v where v.bucket >= since and v.bucket < until
	) k full join (
		select jsonb_build_object('account_id', v.account_id, 'company_id', v.company_id) as key, v.bucket,
			to_jsonb(v) as figures
		from (
			select s.account_id, s.company_id, date_bin('15 minutes', s.occurred_at, timestamptz '0001-01-01 00:00:00+00') as bucket,
				count(*) as rows,
			count(*) as events,
			count(*) filter (where s.kind = 'nps') as nps_responses,
			count(*) filter (where s.kind = 'nps' and s.score >= 9) as promoters,
			count(*) filter (where s.kind = 'nps' and s.score <= 6) as detractors,
			coalesce(sum(s.score) filter (where s.kind = 'csat'), 0) as csat_sum,
			count(s.score) filter (where s.kind = 'csat') as csat_count,
			max(s.occurred_at) as last_event_at,
			round((sum(s.score) filter (where s.kind = 'csat'))::numeric / nullif(count(s.score) filter (where s.kind = 'csat'), 0), 6) as csat
			from app.events s
			where s.occurred_at >= since and s.occurred_at < until
			group by 1, 2, 3
		) v
	) c on k.key = c.key and k.bucket = c.bucket
$$;

-- The figures of rows from the one time to before the other, with the reader's
-- own rights: whole buckets as they are kept, and the rows at both edges. All
-- are rows while the rollup is filled.
create function app.company_events_between(since timestamptz, until timestamptz)
returns table (account_id uuid, company_id uuid, rows bigint,
	events bigint,
	nps_responses bigint,
	promoters bigint,
	detractors bigint,
	csat_sum bigint, csat_count bigint, csat numeric,
	last_event_at timestamp with time zone)
language sql stable
begin atomic
	select u.account_id, u.company_id, sum(u.rows)::bigint,
	sum(u.events)::bigint as events,
	sum(u.nps_responses)::bigint as nps_responses,
	sum(u.promoters)::bigint as promoters,
	sum(u.detractors)::bigint as detractors,
	sum(u.csat_sum)::bigint as csat_sum,
	sum(u.csat_count)::bigint as csat_count,
	round(sum(u.csat_sum)::numeric / nullif(sum(u.csat_count), 0), 6) as csat,
	max(u.last_event_at) as last_event_at
	from (
		select v.account_id, v.company_id, v.rows,
			v.events,
			v.nps_responses,
			v.promoters,
			v.detractors,
			v.csat_sum,
			v.csat_count,
			v.last_event_at
		from app.company_events v
		where v.bucket >= (select case
			when lockstep.rollup_is_ready('company_events')
			then lockstep.rollup_bucket(since - interval '1 microsecond',
				interval '15 minutes') + interval '15 minutes' else until end)
		and v.bucket < (select lockstep.rollup_bucket(until, interval '15 minutes'))
		union all
		select s.account_id, s.company_id, count(*),
			count(*),
			count(*) filter (where s.kind = 'nps'),
			count(*) filter (where s.kind = 'nps' and s.score >= 9),
			count(*) filter (where s.kind = 'nps' and s.score <= 6),
			coalesce(sum(s.score) filter (where s.kind = 'csat'), 0),
			count(s.score) filter (where s.kind = 'csat'),
			max(s.occurred_at)
		from app.events s
		where s.occurred_at >= since and s.occurred_at < (select case
			when lockstep.rollup_is_ready('company_events')
			then least(until, lockstep.rollup_bucket(since - interval '1 microsecond',
				interval '15 minutes') + interval '15 minutes') else until end)
		group by 1, 2
		union all
		select s.account_id, s.company_id, count(*),
			count(*),
			count(*) filter (where s.kind = 'nps'),
			count(*) filter (where s.kind = 'nps' and s.score >= 9),
			count(*) filter (where s.kind = 'nps' and s.score <= 6),
			coalesce(sum(s.score) filter (where s.kind = 'csat'), 0),
			count(s.score) filter (where s.kind = 'csat'),
			max(s.occurred_at)
		from app.events s
		where s.occurred_at < until and s.occurred_at >= (select case
			when lockstep.rollup_is_ready('company_events')
			then greatest(lockstep.rollup_bucket(until, interval '15 minutes'),
				lockstep.rollup_bucket(since - interval '1 microsecond',
				interval '15 minutes') + interval '15 minutes')
			else until end)
		group by 1, 2
	) u
	group by 1, 2;
end;

create trigger company_events_insert after insert on app.events
	referencing new table as new_rows
	for each statement execute function app.company_events_write();
create trigger company_events_update after update on app.events
	referencing old table as old_rows new table as new_rows
	for each statement execute function app.company_events_write();
create trigger company_events_delete after delete on app.events
	referencing old table as old_rows
	for each statement execute function app.company_events_write();
create trigger company_events_truncate before truncate on app.events
	for each statement execute function app.company_events_write();

revoke execute on function app.company_events_write(), app.company_events_fold(integer),
	app.company_events_recount(timestamptz, timestamptz),
	app.company_events_compare(timestamptz, timestamptz),
	app.company_events_between(timestamptz, timestamptz) from public;
grant usage on schema app to lockstep_rollup;
grant create on schema app to lockstep_rollup;
alter function app.company_events_write() owner to lockstep_rollup;
alter function app.company_events_fold(integer) owner to lockstep_rollup;
alter function app.company_events_recount(timestamptz, timestamptz)
	owner to lockstep_rollup;
alter function app.company_events_compare(timestamptz, timestamptz)
	owner to lockstep_rollup;
revoke create on schema app from lockstep_rollup;
grant execute on function app.company_events_between(timestamptz, timestamptz)
	to authenticated, service_role;

-- As policies/company_events.sql, so that no statement meets a table without them.
select lockstep.reset_access('app.company_events');
grant select on app.company_events to lockstep_rollup, authenticated, service_role;

select lockstep.reset_access('app.company_events_base');
alter table app.company_events_base enable row level security;
alter table app.company_events_base force row level security;
grant select, insert, update, delete on app.company_events_base to lockstep_rollup;
create policy lockstep_rollup_all on app.company_events_base
	for all to lockstep_rollup
	using (true)
	with check (true);
grant select on app.company_events_base to authenticated, service_role;
create policy authenticated_select on app.company_events_base
	for select to authenticated
	using ((account_id = ANY (ARRAY( SELECT app.my_accounts('viewer'::text) AS my_accounts))));
create policy service_role_select on app.company_events_base
	for select to service_role
	using (true);

select lockstep.reset_access('app.company_events_delta');
alter table app.company_events_delta enable row level security;
alter table app.company_events_delta force row level security;
grant select, insert, update, delete on app.company_events_delta to lockstep_rollup;
create policy lockstep_rollup_all on app.company_events_delta
	for all to lockstep_rollup
	using (true)
	with check (true);
grant select on app.company_events_delta to authenticated, service_role;
create policy authenticated_select on app.company_events_delta
	for select to authenticated
	using ((account_id = ANY (ARRAY( SELECT app.my_accounts('viewer'::text) AS my_accounts))));
create policy service_role_select on app.company_events_delta
	for select to service_role
	using (true);

select lockstep.register_rollup('company_events', 'app', 'app.events', 'occurred_at',
	interval '15 minutes', null);

-- SPDX-License-Identifier: MIT
--
-- company_tickets: made by `lockstep gen rollup company_tickets`, of rollups/company_tickets.json.
-- Made again it takes the place of what is there, which is filled anew while
-- everything goes on. Locks app.support_tickets for a moment: no row is read here.

drop trigger if exists company_tickets_insert on app.support_tickets;
drop trigger if exists company_tickets_update on app.support_tickets;
drop trigger if exists company_tickets_delete on app.support_tickets;
drop trigger if exists company_tickets_truncate on app.support_tickets;
drop function if exists app.company_tickets_between(timestamptz, timestamptz);
drop view if exists app.company_tickets;
drop table if exists app.company_tickets_base, app.company_tickets_delta, app.company_tickets_values;
drop function if exists app.company_tickets_write();
drop function if exists app.company_tickets_fold(integer);
drop function if exists app.company_tickets_recount(timestamptz, timestamptz);
drop function if exists app.company_tickets_compare(timestamptz, timestamptz);

create table app.company_tickets_base (
	account_id uuid not null,
	company_id uuid not null,
	bucket timestamptz not null,
	rows bigint not null,
	tickets bigint not null,
	urgent bigint not null,
	primary key (account_id, company_id, bucket)
);
create index company_tickets_base_bucket_idx on app.company_tickets_base (bucket);
create index company_tickets_base_empty_idx on app.company_tickets_base (bucket) where rows = 0;

create table app.company_tickets_delta (
	id bigint generated always as identity primary key,
	account_id uuid not null,
	company_id uuid not null,
	bucket timestamptz not null,
	rows bigint not null,
	tickets bigint not null,
	urgent bigint not null,
	written_at timestamptz not null default clock_timestamp()
) with (autovacuum_vacuum_scale_factor = 0.01,
	autovacuum_vacuum_threshold = 5000);
create index company_tickets_delta_key_idx on app.company_tickets_delta (account_id, company_id, bucket);

-- Values by measure and how many rows have them; those that are not folded
-- are added to the others by and by.
create table app.company_tickets_values (
	id bigint generated always as identity primary key,
	account_id uuid not null,
	company_id uuid not null,
	bucket timestamptz not null,
	measure text not null,
	value text not null,
	n bigint not null,
	folded boolean not null default false
) with (autovacuum_vacuum_scale_factor = 0.01,
	autovacuum_vacuum_threshold = 5000);
create index company_tickets_values_key_idx on app.company_tickets_values
	(account_id, company_id, bucket, measure, value);
create index company_tickets_values_bucket_idx on app.company_tickets_values (bucket);
create index company_tickets_values_waiting_idx on app.company_tickets_values (id) where not folded;


create view app.company_tickets with (security_invoker = true) as
select u.account_id, u.company_id, u.bucket, sum(u.rows)::bigint as rows,
	sum(u.tickets)::bigint as tickets,
	sum(u.urgent)::bigint as urgent,
	(select count(*) from (
		select from app.company_tickets_values v
		where v.account_id = u.account_id and v.company_id = u.company_id
		and v.bucket = u.bucket and v.measure = 'openers'
		group by v.value having sum(v.n) > 0) n) as openers
from (
	select b.account_id, b.company_id, b.bucket, b.rows,
			b.tickets,
			b.urgent
	from app.company_tickets_base b
	union all
	select d.account_id, d.company_id, d.bucket, d.rows,
			d.tickets,
			d.urgent
	from app.company_tickets_delta d
) u
group by 1, 2, 3
having sum(u.rows) <> 0;

create function app.company_tickets_write() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	if tg_op = 'TRUNCATE' then
		raise exception using errcode = 'feature_not_supported',
			message = 'rows of app.support_tickets are counted: delete them';
	elsif tg_op = 'INSERT' then
		insert into app.company_tickets_delta (account_id, company_id, bucket, rows,
			tickets,
			urgent)
		select s.account_id, s.company_id, date_bin('15 minutes', s.created_at, timestamptz '0001-01-01 00:00:00+00'), count(*),
			count(*),
			count(*) filter (where s.priority = 'urgent')
		from new_rows s
		group by 1, 2, 3;
		insert into app.company_tickets_values (account_id, company_id, bucket, measure, value, n)
		select s.account_id, s.company_id, date_bin('15 minutes', s.created_at, timestamptz '0001-01-01 00:00:00+00'), 'openers', s.opened_by::text,
			count(*)
		from new_rows s
		where s.opened_by is not null
		group by 1, 2, 3, s.opened_by;
	elsif tg_op = 'DELETE' then
		insert into app.company_tickets_delta (account_id, company_id, bucket, rows,
			tickets,
			urgent)
		select s.account_id, s.company_id, date_bin('15 minutes', s.created_at, timestamptz '0001-01-01 00:00:00+00'), -count(*),
			-count(*),
			-count(*) filter (where s.priority = 'urgent')
		from old_rows s
		group by 1, 2, 3;
		insert into app.company_tickets_values (account_id, company_id, bucket, measure, value, n)
		select s.account_id, s.company_id, date_bin('15 minutes', s.created_at, timestamptz '0001-01-01 00:00:00+00'), 'openers', s.opened_by::text,
			-count(*)
		from old_rows s
		where s.opened_by is not null
		group by 1, 2, 3, s.opened_by;
	else
		insert into app.company_tickets_delta (account_id, company_id, bucket, rows,
			tickets,
			urgent)
		select c.account_id, c.company_id, c.bucket, sum(c.rows),
			sum(c.tickets) as tickets,
			sum(c.urgent) as urgent
		from (
			select s.account_id, s.company_id, date_bin('15 minutes', s.created_at, timestamptz '0001-01-01 00:00:00+00') as bucket,
				count(*) as rows,
			count(*) as tickets,
			count(*) filter (where s.priority = 'urgent') as urgent
			from (select s.account_id, s.company_id, s.created_at, s.priority, s.opened_by from new_rows s except all
				select s.account_id, s.company_id, s.created_at, s.priority, s.opened_by from old_rows s) s
			group by 1, 2, 3
			union all
			select s.account_id, s.company_id, date_bin('15 minutes', s.created_at, timestamptz '0001-01-01 00:00:00+00'),
				-count(*),
			-count(*),
			-count(*) filter (where s.priority = 'urgent')
			from (select s.account_id, s.company_id, s.created_at, s.priority, s.opened_by from old_rows s except all
				select s.account_id, s.company_id, s.created_at, s.priority, s.opened_by from new_rows s) s
			group by 1, 2, 3
		) c
		group by 1, 2, 3;
		insert into app.company_tickets_values (account_id, company_id, bucket, measure, value, n)
		select s.account_id, s.company_id, date_bin('15 minutes', s.created_at, timestamptz '0001-01-01 00:00:00+00'), 'openers', s.opened_by::text,
			count(*)
		from (select s.account_id, s.company_id, s.created_at, s.priority, s.opened_by from new_rows s except all
			select s.account_id, s.company_id, s.created_at, s.priority, s.opened_by from old_rows s) s
		where s.opened_by is not null
		group by 1, 2, 3, s.opened_by;
		insert into app.company_tickets_values (account_id, company_id, bucket, measure, value, n)
		select s.account_id, s.company_id, date_bin('15 minutes', s.created_at, timestamptz '0001-01-01 00:00:00+00'), 'openers', s.opened_by::text,
			-count(*)
		from (select s.account_id, s.company_id, s.created_at, s.priority, s.opened_by from old_rows s except all
			select s.account_id, s.company_id, s.created_at, s.priority, s.opened_by from new_rows s) s
		where s.opened_by is not null
		group by 1, 2, 3, s.opened_by;
	end if;
	return null;
end
$$;

-- Adds at most so many deltas to the base; how many it were.
create function app.company_tickets_fold(most integer) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	folded bigint;
begin
	-- One statement: what is deleted and what is added are of one snapshot.
	with gone as (
		delete from app.company_tickets_delta d
		where d.id = any (array(select o.id from app.company_tickets_delta o
			order by o.id limit most))
		returning d.*
	), sums as (
		select d.account_id, d.company_id, d.bucket, sum(d.rows) as rows,
			sum(d.tickets) as tickets,
			sum(d.urgent) as urgent
		from gone d
		group by 1, 2, 3
	), added as (
		insert into app.company_tickets_base as b (account_id, company_id, bucket, rows,
			tickets,
			urgent)
		select d.account_id, d.company_id, d.bucket, d.rows,
			d.tickets,
			d.urgent
		from sums d
		on conflict (account_id, company_id, bucket) do update
		set rows = b.rows + excluded.rows,
			tickets = b.tickets + excluded.tickets,
			urgent = b.urgent + excluded.urgent
	)
	select count(*) into folded from gone;
	delete from app.company_tickets_base b where b.rows = 0;
	with gone as (
		delete from app.company_tickets_values v
		where v.id = any (array(select o.id from app.company_tickets_values o
			where not o.folded order by o.id limit most))
		returning v.*
	), sums as (
		select v.account_id, v.company_id, v.bucket, v.measure, v.value, sum(v.n) as n
		from gone v
		group by 1, 2, 3, v.measure, v.value
	), before as (
		delete from app.company_tickets_values v using sums s
		where v.folded and v.account_id = s.account_id and v.company_id = s.company_id and v.bucket = s.bucket
		and v.measure = s.measure and v.value = s.value
		returning v.*
	)
	insert into app.company_tickets_values (account_id, company_id, bucket, measure, value, n, folded)
	select v.account_id, v.company_id, v.bucket, v.measure, v.value, sum(v.n), true
	from (
		select v.account_id, v.company_id, v.bucket, v.measure, v.value, v.n from sums v
		union all
		select v.account_id, v.company_id, v.bucket, v.measure, v.value, v.n from before v
	) v
	group by 1, 2, 3, v.measure, v.value
	having sum(v.n) <> 0;
	return folded;
end
$$;

-- Counts the buckets from the one time to the other anew.
create function app.company_tickets_recount(since timestamptz, until timestamptz)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	-- One statement: the deltas that go are of rows that are counted.
	with gone as (
		delete from app.company_tickets_delta d
		where d.bucket >= since and d.bucket < until
	), counted as (
		select s.account_id, s.company_id, date_bin('15 minutes', s.created_at, timestamptz '0001-01-01 00:00:00+00') as bucket,
			count(*) as rows,
			count(*) as tickets,
			count(*) filter (where s.priority = 'urgent') as urgent
		from app.support_tickets s
		where s.created_at >= since and s.created_at < until
		group by 1, 2, 3
	), kept as (
		select b.account_id, b.company_id, b.bucket from app.company_tickets_base b
		where b.bucket >= since and b.bucket < until
	)
	insert into app.company_tickets_base as b (account_id, company_id, bucket, rows,
			tickets,
			urgent)
	select account_id, company_id, bucket, coalesce(c.rows, 0),
			coalesce(c.tickets, 0),
			coalesce(c.urgent, 0)
	from counted c full join kept k using (account_id, company_id, bucket)
	on conflict (account_id, company_id, bucket) do update
	set rows = excluded.rows,
			tickets = excluded.tickets,
			urgent = excluded.urgent
	where (b.rows,
			b.tickets,
			b.urgent) is distinct from
		(excluded.rows,
			excluded.tickets,
			excluded.urgent);
	delete from app.company_tickets_base b where b.rows = 0;
	with gone as (
		delete from app.company_tickets_values v where v.bucket >= since and v.bucket < until
		and v.measure = 'openers'
	)
	insert into app.company_tickets_values (account_id, company_id, bucket, measure, value, n, folded)
	select s.account_id, s.company_id, date_bin('15 minutes', s.created_at, timestamptz '0001-01-01 00:00:00+00'), 'openers', s.opened_by::text, count(*),
		true
	from app.support_tickets s
	where s.created_at >= since and s.created_at < until
	and s.opened_by is not null
	group by 1, 2, 3, s.opened_by;
end
$$;

-- Their figures as they are kept, and as they are when they are counted.
create function app.company_tickets_compare(since timestamptz, until timestamptz)
returns table (key jsonb, bucket timestamptz, kept jsonb, counted jsonb)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
	select coalesce(k.key, c.key), coalesce(k.bucket, c.bucket),
		k.figures, c.figures
	from (
		select jsonb_build_object('account_id', v.account_id, 'company_id', v.company_id) as key, v.bucket,
			to_jsonb(v) as figures
		from app.company_tickets v where v.bucket >= since and v.bucket < until
	) k full join (
		select jsonb_build_object('account_id', v.account_id, 'company_id', v.company_id) as key, v.bucket,
			to_jsonb(v) as figures
		from (
			select s.account_id, s.company_id, date_bin('15 minutes', s.created_at, timestamptz '0001-01-01 00:00:00+00') as bucket,
				count(*) as rows,
			count(*) as tickets,
			count(*) filter (where s.priority = 'urgent') as urgent,
			count(distinct s.opened_by::text) as openers
			from app.support_tickets s
			where s.created_at >= since and s.created_at < until
			group by 1, 2, 3
		) v
	) c on k.key = c.key and k.bucket = c.bucket
$$;

-- The figures of rows from the one time to before the other, with the reader's
-- own rights: whole buckets as they are kept, and the rows at both edges. All
-- are rows while the rollup is filled.
create function app.company_tickets_between(since timestamptz, until timestamptz)
returns table (account_id uuid, company_id uuid, rows bigint,
	tickets bigint,
	urgent bigint,
	openers bigint)
language sql stable
begin atomic
	select u.account_id, u.company_id, sum(u.rows)::bigint,
	sum(u.tickets)::bigint as tickets,
	sum(u.urgent)::bigint as urgent,
	(select count(*) from (
		select v.value from app.company_tickets_values v
		where v.account_id = u.account_id and v.company_id = u.company_id
		and v.measure = 'openers'
		and lockstep.rollup_is_ready('company_tickets')
		and v.bucket >= lockstep.rollup_bucket(since - interval '1 microsecond',
				interval '15 minutes') + interval '15 minutes'
		and v.bucket < lockstep.rollup_bucket(until, interval '15 minutes')
		group by v.value having sum(v.n) > 0
		union
		select s.opened_by::text from app.support_tickets s
		where s.account_id = u.account_id and s.company_id = u.company_id
		and s.opened_by is not null
		and s.created_at >= since and s.created_at < until
		and (not lockstep.rollup_is_ready('company_tickets')
			or s.created_at < lockstep.rollup_bucket(since - interval '1 microsecond',
				interval '15 minutes') + interval '15 minutes'
			or s.created_at >= lockstep.rollup_bucket(until, interval '15 minutes'))) n) as openers
	from (
		select v.account_id, v.company_id, v.rows,
			v.tickets,
			v.urgent
		from app.company_tickets v
		where v.bucket >= (select case
			when lockstep.rollup_is_ready('company_tickets')
			then lockstep.rollup_bucket(since - interval '1 microsecond',
				interval '15 minutes') + interval '15 minutes' else until end)
		and v.bucket < (select lockstep.rollup_bucket(until, interval '15 minutes'))
		union all
		select s.account_id, s.company_id, count(*),
			count(*),
			count(*) filter (where s.priority = 'urgent')
		from app.support_tickets s
		where s.created_at >= since and s.created_at < (select case
			when lockstep.rollup_is_ready('company_tickets')
			then least(until, lockstep.rollup_bucket(since - interval '1 microsecond',
				interval '15 minutes') + interval '15 minutes') else until end)
		group by 1, 2
		union all
		select s.account_id, s.company_id, count(*),
			count(*),
			count(*) filter (where s.priority = 'urgent')
		from app.support_tickets s
		where s.created_at < until and s.created_at >= (select case
			when lockstep.rollup_is_ready('company_tickets')
			then greatest(lockstep.rollup_bucket(until, interval '15 minutes'),
				lockstep.rollup_bucket(since - interval '1 microsecond',
				interval '15 minutes') + interval '15 minutes')
			else until end)
		group by 1, 2
	) u
	group by 1, 2;
end;

create trigger company_tickets_insert after insert on app.support_tickets
	referencing new table as new_rows
	for each statement execute function app.company_tickets_write();
create trigger company_tickets_update after update on app.support_tickets
	referencing old table as old_rows new table as new_rows
	for each statement execute function app.company_tickets_write();
create trigger company_tickets_delete after delete on app.support_tickets
	referencing old table as old_rows
	for each statement execute function app.company_tickets_write();
create trigger company_tickets_truncate before truncate on app.support_tickets
	for each statement execute function app.company_tickets_write();

revoke execute on function app.company_tickets_write(), app.company_tickets_fold(integer),
	app.company_tickets_recount(timestamptz, timestamptz),
	app.company_tickets_compare(timestamptz, timestamptz),
	app.company_tickets_between(timestamptz, timestamptz) from public;
grant usage on schema app to lockstep_rollup;
grant create on schema app to lockstep_rollup;
alter function app.company_tickets_write() owner to lockstep_rollup;
alter function app.company_tickets_fold(integer) owner to lockstep_rollup;
alter function app.company_tickets_recount(timestamptz, timestamptz)
	owner to lockstep_rollup;
alter function app.company_tickets_compare(timestamptz, timestamptz)
	owner to lockstep_rollup;
revoke create on schema app from lockstep_rollup;
grant execute on function app.company_tickets_between(timestamptz, timestamptz)
	to authenticated, service_role;

-- As policies/company_tickets.sql, so that no statement meets a table without them.
select lockstep.reset_access('app.company_tickets');
grant select on app.company_tickets to lockstep_rollup, authenticated, service_role;

select lockstep.reset_access('app.company_tickets_base');
alter table app.company_tickets_base enable row level security;
alter table app.company_tickets_base force row level security;
grant select, insert, update, delete on app.company_tickets_base to lockstep_rollup;
create policy lockstep_rollup_all on app.company_tickets_base
	for all to lockstep_rollup
	using (true)
	with check (true);
grant select on app.company_tickets_base to authenticated, service_role;
create policy authenticated_select on app.company_tickets_base
	for select to authenticated
	using ((account_id = ANY (ARRAY( SELECT app.my_accounts('viewer'::text) AS my_accounts))));
create policy service_role_select on app.company_tickets_base
	for select to service_role
	using (true);

select lockstep.reset_access('app.company_tickets_delta');
alter table app.company_tickets_delta enable row level security;
alter table app.company_tickets_delta force row level security;
grant select, insert, update, delete on app.company_tickets_delta to lockstep_rollup;
create policy lockstep_rollup_all on app.company_tickets_delta
	for all to lockstep_rollup
	using (true)
	with check (true);
grant select on app.company_tickets_delta to authenticated, service_role;
create policy authenticated_select on app.company_tickets_delta
	for select to authenticated
	using ((account_id = ANY (ARRAY( SELECT app.my_accounts('viewer'::text) AS my_accounts))));
create policy service_role_select on app.company_tickets_delta
	for select to service_role
	using (true);

select lockstep.reset_access('app.company_tickets_values');
alter table app.company_tickets_values enable row level security;
alter table app.company_tickets_values force row level security;
grant select, insert, update, delete on app.company_tickets_values to lockstep_rollup;
create policy lockstep_rollup_all on app.company_tickets_values
	for all to lockstep_rollup
	using (true)
	with check (true);
grant select on app.company_tickets_values to authenticated, service_role;
create policy authenticated_select on app.company_tickets_values
	for select to authenticated
	using ((account_id = ANY (ARRAY( SELECT app.my_accounts('viewer'::text) AS my_accounts))));
create policy service_role_select on app.company_tickets_values
	for select to service_role
	using (true);

select lockstep.register_rollup('company_tickets', 'app', 'app.support_tickets', 'created_at',
	interval '15 minutes', null);

create view app.rollups with (security_invoker = true) as
select r.name, r.source, r.bucket, r.state, r.lag_s, r.unfolded, r.folded_at,
	r.audited_at, r.mismatches, coalesce(r.fault, r.fill_fault) as fault
from lockstep.rollups_now() r;
grant select on app.rollups to service_role, operator;

-- How a company is, at a time. Its feedback is of the last days that are asked
-- for; the score is always of the last 90 days of feedback and the last 30 of
-- tickets. It begins with 100 and loses
--
--	40 points by and by while 90 days pass without feedback,
--	 2 for each ticket, up to 20, and 10 more for each urgent one, up to 30,
--	 1 for each event that is missing to 10.
--
-- Nobody knows how a company is that said nothing for 90 days: it has no score.
-- What says that it will happen later, as clocks differ, has happened.
alter type app.company_health
	add attribute score integer,
	add attribute days_since_event integer,
	add attribute recent_tickets bigint,
	add attribute recent_urgent_tickets bigint;

create function app.company_health_at(id uuid, days integer, at timestamptz)
returns setof app.company_health
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
	c record;
	e record;
	s record;
	t record;
	o record;
	idle numeric;
begin
	select p.id, p.account_id into c from app.companies p
	where p.id = company_health_at.id;
	if not found then
		return;
	end if;
	select coalesce(sum(b.events), 0)::bigint as events,
		coalesce(sum(b.nps_responses), 0)::bigint as nps_responses,
		sum(b.promoters) - sum(b.detractors) as balance,
		sum(b.csat_sum)::numeric / nullif(sum(b.csat_count), 0) as csat,
		max(b.last_event_at) as last_event_at into e
	from app.company_events_between(at - make_interval(days =>
		company_health_at.days), 'infinity') b
	where b.account_id = c.account_id and b.company_id = c.id;
	s := e;
	if company_health_at.days <> 90 then
		select coalesce(sum(b.events), 0)::bigint as events,
			max(b.last_event_at) as last_event_at into s
		from app.company_events_between(
			at - interval '90 days', 'infinity') b
		where b.account_id = c.account_id and b.company_id = c.id;
	end if;
	select coalesce(sum(b.tickets), 0)::bigint as tickets,
		coalesce(sum(b.urgent), 0)::bigint as urgent into t
	from app.company_tickets_between(at - interval '30 days', 'infinity') b
	where b.account_id = c.account_id and b.company_id = c.id;
	select count(*) as open,
		count(*) filter (where priority = 'urgent') as urgent into o
	from app.support_tickets
	where account_id = c.account_id and company_id = c.id
	and status = 'open';
	-- NULL stays, which greatest() would make 0.
	if s.last_event_at is not null then
		idle := greatest(0,
			extract(epoch from at - s.last_event_at) / 86400);
	end if;
	return next (c.id, company_health_at.days, e.events, e.nps_responses,
		round(100.0 * e.balance / nullif(e.nps_responses, 0))::integer,
		round(e.csat, 2), o.open, o.urgent, e.last_event_at,
		case when s.events > 0 then greatest(0, 100
			- round(least(idle, 90) * 40 / 90)
			- least(20, 2 * t.tickets) - least(30, 10 * t.urgent)
			- greatest(0, 10 - s.events))::integer end,
		floor(idle)::integer, t.tickets, t.urgent);
end
$$;

create or replace function app.company_health(id uuid,
	days integer default null) returns setof app.company_health
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select * from app.company_health_at(company_health.id,
		coalesce(company_health.days, 90), now())
$$;

-- Feedback by hours or days of a zone, from the one that has `since` in it to
-- before the first that begins at `until` or later; those without any are
-- there. A day has 23 or 25 hours where the clock is changed, and an hour that
-- comes twice is two. All hours and days begin at a quarter of an hour (all
-- zones of today), as the buckets do that are added up.
create type app.feedback_figures as (
	at            timestamptz,
	seconds       integer,
	events        bigint,
	nps_responses bigint,
	promoters     bigint,
	detractors    bigint,
	nps           integer,
	csat_average  numeric
);

create function app.series_points(since timestamptz, until timestamptz,
	bucket text, zone text, most integer)
returns table (at timestamptz, next timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
	begin
		perform since at time zone zone;
	exception when invalid_parameter_value then
		raise exception using errcode = 'LS601',
			message = 'there is no such time zone';
	end;
	if since >= until or until - since > make_interval(
			secs => most * case bucket when 'day' then 86400
				else 3600 end) then
		raise exception using errcode = 'LS602',
			message = 'the range is empty, or too long';
	end if;
	-- A day is found by its date, an hour by its quarters. Where midnight
	-- comes twice the day begins with the first, which is of the offset
	-- that was before.
	return query
	with m as (
		select d, d at time zone zone as at from generate_series(
			date_trunc('day', since at time zone zone),
			date_trunc('day', until at time zone zone)
				+ interval '2 days', interval '1 day') d
		where bucket = 'day'
	), o as (
		select m.d, m.at, (m.d - ((m.at - interval '3 hours')
			at time zone zone - (m.at - interval '3 hours')
			at time zone 'UTC')) at time zone 'UTC' as other from m
	), p as (
		select case when o.other at time zone zone = o.d
			then least(o.at, o.other) else o.at end as at from o
		union
		select date_trunc('hour', q, zone) from generate_series(
			date_trunc('hour', since, zone),
			until + interval '2 hours', interval '15 minutes') q
		where bucket <> 'day'
	), n as (
		select p.at, lead(p.at) over (order by p.at) as next from p
	)
	select n.at, n.next from n
	where n.next > since and n.at < until
	order by n.at;
end
$$;

-- Of an account, or of one company of it.
create function app.feedback_series(account uuid, company uuid,
	since timestamptz, until timestamptz, bucket text, zone text)
returns setof app.feedback_figures
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
as $$
declare
	points timestamptz[];
	ends timestamptz;
begin
	-- What is counted is in the step from its point to before the next.
	select array_agg(p.at order by p.at), max(p.next) into points, ends
	from app.series_points(since, until, bucket, zone, 1000) p;
	return query
	with kept as (
		select width_bucket(e.bucket, points) as step,
			e.events, e.nps_responses, e.promoters, e.detractors,
			e.csat_sum, e.csat_count
		from app.company_events e
		where (select lockstep.rollup_is_ready('company_events'))
		and e.account_id = account
		and (company is null or e.company_id = company)
		and e.bucket >= points[1] and e.bucket < ends
		union all
		select width_bucket(e.occurred_at, points), 1,
			(e.kind = 'nps')::integer,
			(e.kind = 'nps' and e.score >= 9)::integer,
			(e.kind = 'nps' and e.score <= 6)::integer,
			case e.kind when 'csat' then e.score else 0 end,
			(e.kind = 'csat')::integer
		from app.events e
		where not (select lockstep.rollup_is_ready('company_events'))
		and e.account_id = account
		and (company is null or e.company_id = company)
		and e.occurred_at >= points[1] and e.occurred_at < ends
	), sums as (
		select k.step, sum(k.events) as events,
			sum(k.nps_responses) as nps_responses,
			sum(k.promoters) as promoters,
			sum(k.detractors) as detractors,
			sum(k.csat_sum) as csat_sum,
			sum(k.csat_count) as csat_count
		from kept k group by k.step
	)
	select p.at, extract(epoch from p.next - p.at)::integer,
		coalesce(s.events, 0)::bigint,
		coalesce(s.nps_responses, 0)::bigint,
		coalesce(s.promoters, 0)::bigint,
		coalesce(s.detractors, 0)::bigint,
		round(100.0 * (s.promoters - s.detractors)
			/ nullif(s.nps_responses, 0))::integer,
		round(s.csat_sum::numeric / nullif(s.csat_count, 0), 2)
	from app.series_points(since, until, feedback_series.bucket, zone,
		1000) p
	left join sums s on s.step = width_bucket(p.at, points)
	order by p.at;
end
$$;

-- What nobody says: the last 30 days, by day, of UTC.
create function app.company_series(id uuid, since timestamptz default null,
	until timestamptz default null, bucket text default null,
	zone text default null) returns setof app.feedback_figures
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
	account uuid;
begin
	select c.account_id into account from app.companies c
	where c.id = company_series.id;
	if not found then
		raise exception using errcode = 'no_data_found',
			message = 'there is no such company';
	end if;
	until := coalesce(until, now());
	return query select * from app.feedback_series(account,
		company_series.id,
		coalesce(since, until - interval '30 days'), until,
		coalesce(bucket, 'day'), coalesce(zone, 'UTC'));
end
$$;
create function app.account_series(id uuid, since timestamptz default null,
	until timestamptz default null, bucket text default null,
	zone text default null) returns setof app.feedback_figures
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
	perform from app.accounts a where a.id = account_series.id;
	if not found then
		raise exception using errcode = 'no_data_found',
			message = 'there is no such account';
	end if;
	until := coalesce(until, now());
	return query select * from app.feedback_series(account_series.id, null,
		coalesce(since, until - interval '30 days'), until,
		coalesce(bucket, 'day'), coalesce(zone, 'UTC'));
end
$$;

grant execute on function
	app.company_health_at(uuid, integer, timestamptz),
	app.series_points(timestamptz, timestamptz, text, text, integer),
	app.feedback_series(uuid, uuid, timestamptz, timestamptz, text, text),
	app.company_series(uuid, timestamptz, timestamptz, text, text),
	app.account_series(uuid, timestamptz, timestamptz, text, text)
	to authenticated, service_role;
