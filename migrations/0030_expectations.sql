-- SPDX-License-Identifier: MIT
--
-- What the contract expects of the data, and whether it is so. A worker looks
-- when it is time, as the role that the contract names and within what that may
-- see; what it saw is written down by the worker. Which worker is decided on the
-- expectation's row, as for schedules.
--
-- An expectation has passed, or it has failed; or nothing is known, as the look
-- itself went wrong: that is never told as passed.

create table lockstep.expectations (
	name       text
		constraint expectations_pkey primary key,
	summary    text,
	"check"    text not null
		constraint expectations_check_check
		check ("check" in ('rows', 'nulls', 'fresh', 'refers', 'domain',
			'unique')),
	definition jsonb not null,
	spec       text not null,
	state      text not null default 'unknown'
		constraint expectations_state_check
		check (state in ('passed', 'failed', 'unknown')),
	value      numeric,
	threshold  jsonb not null default '{}',
	cause      text,
	checked_at timestamptz,
	-- Since when it is in its state.
	since      timestamptz not null default now(),
	next_at    timestamptz not null
);

create table lockstep.expectation_results (
	id         bigint generated always as identity
		constraint expectation_results_pkey primary key,
	name       text not null,
	state      text not null,
	value      numeric,
	cause      text,
	checked_at timestamptz not null default now()
);

create index expectation_results_name_idx
	on lockstep.expectation_results (name, checked_at desc);
create index expectation_results_age_idx
	on lockstep.expectation_results (checked_at);

-- What a contract says, when it is news: nothing is known of it, and it is due.
create function lockstep.expectation_keep(name text, definition jsonb,
	spec text, next_at timestamptz) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
	insert into lockstep.expectations as e (name, summary, "check",
		definition, spec, threshold, next_at)
	values (expectation_keep.name, definition ->> 'summary',
		definition ->> 'check', expectation_keep.definition,
		expectation_keep.spec, jsonb_strip_nulls(jsonb_build_object(
			'min', definition -> 'min', 'max', definition -> 'max')),
		expectation_keep.next_at)
	on conflict (name) do update
	set summary = excluded.summary, "check" = excluded."check",
		definition = excluded.definition, spec = excluded.spec,
		threshold = excluded.threshold, next_at = excluded.next_at,
		state = 'unknown', value = null, cause = null, since = now()
	where (e.definition, e.spec) <> (excluded.definition, excluded.spec)
$$;

-- Takes a look on; false when another worker has.
create function lockstep.expectation_take(name text, due timestamptz,
	following timestamptz) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	perform from lockstep.expectations e
	where e.name = expectation_take.name and e.next_at = due
	and due <= clock_timestamp()
	for update skip locked;
	if not found or following <= due then
		return false;
	end if;
	update lockstep.expectations e set next_at = following
	where e.name = expectation_take.name;
	return true;
end
$$;

-- "a"."b" of a.b.
create function lockstep.quoted_name(name text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
	select format('%I.%I', split_part(name, '.', 1), split_part(name, '.', 2))
$$;

-- The condition of the rows that an expectation is about.
create function lockstep.expectation_condition(definition jsonb) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select 'true' || coalesce((select string_agg(format(' and t.%I = %L', k, v),
			'' order by k)
		from jsonb_each_text(definition -> 'where') w (k, v)), '')
	|| case when definition -> 'within' is null then '' else
		format(' and t.%I >= now() - make_interval(hours => %s)',
			definition #>> '{within,column}',
			(definition #>> '{within,hours}')::integer) end
$$;

-- What is measured, as the caller sees it. NULL: there was nothing to measure.
create function lockstep.expectation_value(definition jsonb) returns numeric
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
	source text := lockstep.quoted_name(definition ->> 'table') || ' t where '
		|| lockstep.expectation_condition(definition);
	col text := 't.' || quote_ident(definition ->> 'column');
	measured numeric;
begin
	execute case definition ->> 'check'
	when 'rows' then 'select count(*) from ' || source
	when 'nulls' then format('select coalesce(round(100.0 * count(*) filter '
		'(where %s is null) / nullif(count(*), 0), 2), 0) from %s',
		col, source)
	when 'fresh' then format('select floor(extract(epoch from '
		'clock_timestamp() - max(%s))) from %s', col, source)
	when 'refers' then format('select count(*) from %s and %s is not null '
		'and not exists (select from %s o where o.%I = %s)', source,
		col, lockstep.quoted_name(definition #>> '{refers,table}'),
		definition #>> '{refers,column}', col)
	when 'domain' then format('select count(*) from %s and %s is not null '
		'and %s::text <> all (%L::text[])', source, col, col, array(
		select jsonb_array_elements_text(definition -> 'values')))
	when 'unique' then format('select count(*) from (select from %s and '
		'%s group by %s having count(*) > 1) d', source, (
		select string_agg(format('t.%I is not null', c), ' and ')
			from jsonb_array_elements_text(definition -> 'columns') c),
		(select string_agg(format('t.%I', c), ', ')
			from jsonb_array_elements_text(definition -> 'columns') c))
	end into measured;
	return measured;
end
$$;

-- Writes down what was seen, or that nothing was; `changed` when it is news.
create function lockstep.expectation_tell(name text, value numeric, cause text,
	out state text, out changed boolean)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
	e lockstep.expectations;
begin
	select x.* into e from lockstep.expectations x
	where x.name = expectation_tell.name for update;
	if not found then
		return;
	end if;
	expectation_tell.state := case
		when expectation_tell.cause is not null then 'unknown'
		when expectation_tell.value is null then 'failed'
		when expectation_tell.value < (e.threshold ->> 'min')::numeric
			or expectation_tell.value > (e.threshold ->> 'max')::numeric
			then 'failed'
		else 'passed' end;
	changed := expectation_tell.state <> e.state;
	update lockstep.expectations x
	set state = expectation_tell.state, value = expectation_tell.value,
		cause = expectation_tell.cause, checked_at = now(),
		since = case when changed then now() else x.since end
	where x.name = expectation_tell.name;
	insert into lockstep.expectation_results (name, state, value, cause)
	values (expectation_tell.name, expectation_tell.state,
		expectation_tell.value, expectation_tell.cause);
	delete from lockstep.expectation_results r
	where r.id = any (array(select o.id from lockstep.expectation_results o
		where o.checked_at < now() - interval '30 days'
		order by o.checked_at limit 100));
end
$$;

grant execute on function lockstep.expectation_value(jsonb),
	lockstep.expectation_condition(jsonb), lockstep.quoted_name(text)
	to anon, authenticated, service_role;
grant execute on function lockstep.expectation_keep(text, jsonb, text,
		timestamptz),
	lockstep.expectation_take(text, timestamptz, timestamptz),
	lockstep.expectation_tell(text, numeric, text)
	to lockstep_worker;
