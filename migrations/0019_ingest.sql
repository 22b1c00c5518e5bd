-- SPDX-License-Identifier: MIT
--
-- Many records at once, each for itself: what the table takes is taken, what it
-- has is passed over, and what it refuses is kept with the reason, all in one
-- transaction as the caller. Records come judged by their schema; here the
-- database says its own: types, constraints, policies.
--
-- The functions are the caller's own and do no more than it may, but for the
-- one that keeps what was refused.

create table lockstep.ingest_rejected (
	id          bigint generated always as identity
		constraint ingest_rejected_pkey primary key,
	operation   text not null
		constraint ingest_rejected_operation_check
		check (length(operation) <= 127),
	role        text not null,
	subject     text not null,
	request_id  text not null default ''
		constraint ingest_rejected_request_id_check
		check (length(request_id) <= 64),
	-- Where it stood in its request, from 0; in a text of lines, from 1.
	index       integer not null
		constraint ingest_rejected_index_check
		check (index between 0 and 9999),
	line        integer
		constraint ingest_rejected_line_check
		check (line between 1 and 67108864),
	code        text not null
		constraint ingest_rejected_code_check
		check (length(code) <= 63),
	message     text not null
		constraint ingest_rejected_message_check
		check (length(message) <= 1000),
	issues      json not null default '[]'
		constraint ingest_rejected_issues_check
		check (json_typeof(issues) = 'array'),
	-- The text as it came; without `whole` only as much as can be kept.
	record      text not null
		constraint ingest_rejected_record_check
		check (length(record) <= 65536),
	whole       boolean not null,
	rejected_at timestamptz not null default now()
);

create index ingest_rejected_owner_idx
	on lockstep.ingest_rejected (subject, role, id);
create index ingest_rejected_age_idx
	on lockstep.ingest_rejected (rejected_at, id);

-- Keeps records that were refused, and of each subject the newest 20,000.
create function lockstep.keep_rejected(operation text, indexes integer[],
	lines integer[], reasons text[], records text[], whole boolean[])
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	owner text := lockstep.subject();
begin
	insert into lockstep.ingest_rejected (operation, role, subject,
		request_id, index, line, code, message, issues, record, whole)
	select keep_rejected.operation, current_setting('role'), owner,
		coalesce(current_setting('lockstep.request_id', true), ''),
		r.index, r.line, r.reason ->> 'code', r.reason ->> 'message',
		coalesce(r.reason -> 'issues', '[]'), r.record, r.whole
	from (
		select unnest(indexes) as index, unnest(lines) as line,
			unnest(reasons)::json as reason,
			unnest(records) as record,
			unnest(keep_rejected.whole) as whole
	) r
	order by r.index;
	delete from lockstep.ingest_rejected r
	where r.role = current_setting('role') and r.subject = owner
	and r.id <= (
		select o.id from lockstep.ingest_rejected o
		where o.role = current_setting('role') and o.subject = owner
		order by o.id desc
		offset 20000 limit 1);
end
$$;

-- The statement that inserts records, an array of JSON texts, into these columns
-- of a table; rows whose key is there are passed over. Columns of the key that
-- may be null leave such rows out of it, as unique indexes do.
create function lockstep.ingest_statement(relation text, key text[],
	columns text[]) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select format('insert into %1$s%2$s select %3$s from unnest($1) d (j)'
		' cross join lateral json_populate_record(null::%1$s, d.j::json) r'
		' on conflict%4$s do nothing', relation::regclass,
		(select ' (' || string_agg(quote_ident(c), ', ' order by n)
			|| ')' from unnest(columns) with ordinality u (c, n)),
		(select string_agg('r.' || quote_ident(c), ', ' order by n)
			from unnest(columns) with ordinality u (c, n)),
		(select format(' (%s)%s',
			string_agg(quote_ident(c), ', ' order by n),
			' where ' || string_agg(quote_ident(c)
				|| ' is not null', ' and ' order by n)
				filter (where not a.attnotnull))
			from unnest(key) with ordinality u (c, n)
			join pg_attribute a on a.attrelid = relation::regclass
				and a.attname = c))
$$;

-- Runs the statement for some records. When the database refuses them they are
-- tried again in four parts, down to the one that is at fault: so a record that
-- is refused costs a few small statements, and all of them together no more
-- than four thirds of one for each record. What is no fault of a record, such
-- as a deadlock, ends everything.
--
-- `reasons` has, by constraint and by SQLSTATE (or its class), what to say.
create function lockstep.ingest_part(statement text, records text[],
	indexes integer[], lines integer[], reasons json,
	out accepted integer, out refused integer[], out refused_lines integer[],
	out said text[], out texts text[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	count integer := cardinality(records);
	size integer := (count + 3) / 4;
	state text;
	name text;
	reason text;
	part record;
begin
	begin
		execute statement using records;
		get diagnostics accepted = row_count;
		return;
	exception when others then
		get stacked diagnostics state = returned_sqlstate,
			name = constraint_name;
		reason := coalesce(reasons -> 'constraints' ->> name,
			reasons -> 'states' ->> state,
			reasons -> 'states' ->> left(state, 2));
		if reason is null then
			raise;
		end if;
	end;
	accepted := 0;
	if count = 1 then
		refused := indexes;
		refused_lines := lines;
		said := array[reason];
		texts := records;
		return;
	end if;
	for at in 1 .. count by size loop
		part := lockstep.ingest_part(statement,
			records[at:at + size - 1], indexes[at:at + size - 1],
			lines[at:at + size - 1], reasons);
		accepted := accepted + part.accepted;
		refused := refused || part.refused;
		refused_lines := refused_lines || part.refused_lines;
		said := said || part.said;
		texts := texts || part.texts;
	end loop;
end
$$;

-- Takes records. They come a line each, those of the same columns together:
-- `counts` says how many have columns[1], columns[2], ... Those that broke
-- their schema come beside them, with the reason and the text, as JSON strings.
-- `recovers` are kept ones that this request stands for: they are kept no
-- longer, and if one is not there nothing is done. The first `most` of what is
-- refused are told.
create function lockstep.ingest(operation text, relation text, key text[],
	columns text[], counts integer[], records text, indexes integer[],
	lines integer[], refused integer[], refused_lines integer[],
	said text, texts text, whole boolean[], reasons json, most integer,
	recovers bigint[]) returns json
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	all_records text[] := string_to_array(records, e'\n');
	all_said text[] := string_to_array(said, e'\n');
	all_texts text[] := array(
		select ('[' || t || ']')::json ->> 0
		from unnest(string_to_array(texts, e'\n'))
			with ordinality u (t, n) order by n);
	broken integer := cardinality(refused);
	accepted integer := 0;
	taken integer := 0;
	recovered integer;
	part record;
	told text;
begin
	if recovers is not null then
		delete from lockstep.ingest_rejected r
		where r.id = any (recovers)
		and r.operation = ingest.operation;
		get diagnostics recovered = row_count;
		if recovered < cardinality(recovers) then
			raise exception using errcode = 'no_data_found',
				message = 'there is no such rejected record';
		end if;
	end if;
	-- What is deferred to the end would refuse all of them.
	set constraints all immediate;
	for s in 1 .. cardinality(counts) loop
		part := lockstep.ingest_part(lockstep.ingest_statement(relation,
			key, string_to_array(columns[s], ',')),
			all_records[taken + 1:taken + counts[s]],
			indexes[taken + 1:taken + counts[s]],
			lines[taken + 1:taken + counts[s]], reasons);
		taken := taken + counts[s];
		accepted := accepted + part.accepted;
		refused := refused || part.refused;
		refused_lines := refused_lines || part.refused_lines;
		all_said := all_said || part.said;
		all_texts := all_texts || part.texts;
		whole := whole || array_fill(true,
			array[coalesce(cardinality(part.refused), 0)]);
	end loop;
	if cardinality(refused) > 0 then
		perform lockstep.keep_rejected(operation, refused,
			refused_lines, all_said, all_texts, whole);
	end if;
	select string_agg(t, ',' order by at) into told
	from (
		select r.at, '{"index":' || r.at
			|| coalesce(',"line":' || r.line, '') || ','
			|| substr(r.said, 2) as t
		from (
			select unnest(refused) as at,
				unnest(refused_lines) as line,
				unnest(all_said) as said
		) r
		order by r.at limit most
	) r;
	return ('{"accepted":' || accepted || ',"duplicates":'
		|| taken + broken - accepted - cardinality(refused)
		|| ',"rejected":' || cardinality(refused)
		|| ',"rejections":[' || coalesce(told, '') || ']}')::json;
end
$$;

-- Forgets at most so many that are so old. Several servers do not fight: see
-- lockstep.sweep().
create function lockstep.sweep_rejected(days integer, most integer)
returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	swept integer;
begin
	if not pg_try_advisory_xact_lock(
			hashtextextended('lockstep.sweep_rejected', 0)) then
		return 0;
	end if;
	delete from lockstep.ingest_rejected r
	where r.id = any (array(
		select o.id from lockstep.ingest_rejected o
		where o.rejected_at < now()
			- make_interval(days => sweep_rejected.days)
		order by o.rejected_at, o.id
		limit sweep_rejected.most));
	get diagnostics swept = row_count;
	return swept;
end
$$;

-- How far the workers are behind in each queue: the age of the oldest job that
-- could run, of a queue that is not paused, and how many there are, of any,
-- counted no further than `most`. A paused queue gets no older by being paused,
-- but it must not grow without end. Of all callers' jobs, as an operator sees
-- them. A bitmap would be made of all of them first.
create function lockstep.pressure(queues text[], kinds text[], most integer)
returns table (queue text, age_ms bigint, depth bigint)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
begin
	perform set_config('lockstep.operating', 'on', true);
	return query
	select k.queue, (select (extract(epoch from clock_timestamp()
			- min(o.run_at)) * 1000)::bigint
		from unnest(k.kinds) u (kind)
		cross join lateral (select j.run_at from lockstep.jobs j
			where j.kind = u.kind and j.state = 'available'
			order by j.run_at, j.id limit 1) o
		where not exists (select from lockstep.queues q
			where q.name = k.queue and q.paused)),
		(select count(*) from (select from unnest(k.kinds) u (kind)
			join lockstep.jobs j on j.kind = u.kind
				and j.state = 'available'
			limit pressure.most) c)
	from (
		select p.queue, array_agg(p.kind) as kinds
		from (select unnest(queues) as queue, unnest(pressure.kinds)
			as kind) p
		group by p.queue
	) k;
	perform set_config('lockstep.operating', '', true);
end
$$;

grant execute on function lockstep.ingest_statement(text, text[], text[]),
	lockstep.ingest_part(text, text[], integer[], integer[], json),
	lockstep.ingest(text, text, text[], text[], integer[], text,
		integer[], integer[], integer[], integer[], text, text,
		boolean[], json, integer, bigint[]),
	lockstep.keep_rejected(text, integer[], integer[], text[], text[],
		boolean[])
	to anon, authenticated, service_role;
grant execute on function lockstep.subject() to authenticated;
grant execute on function lockstep.sweep_rejected(integer, integer),
	lockstep.pressure(text[], text[], integer)
	to lockstep;

grant create on schema lockstep to lockstep_logic;
alter function lockstep.keep_rejected(text, integer[], integer[], text[],
	text[], boolean[]) owner to lockstep_logic;
alter function lockstep.sweep_rejected(integer, integer)
	owner to lockstep_logic;
alter function lockstep.pressure(text[], text[], integer)
	owner to lockstep_logic;
revoke create on schema lockstep from lockstep_logic;
