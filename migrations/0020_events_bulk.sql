-- SPDX-License-Identifier: MIT
--
-- The records that were rejected, for whoever sent them: found, a hundred at a
-- time in the order in which they came, and discarded. With the caller's own
-- rights: the policies of the table say whose.

create type app.rejection as (
	id          bigint,
	operation   text,
	request_id  text,
	index       integer,
	line        integer,
	code        text,
	message     text,
	issues      json,
	record      text,
	whole       boolean,
	rejected_at timestamptz
);

create function app.find_rejections(request_id text default null,
	code text default null, after bigint default 0)
returns setof app.rejection
language sql stable
set search_path = pg_catalog, pg_temp
as $$
	select r.id, r.operation, r.request_id, r.index, r.line, r.code,
		r.message, r.issues, r.record, r.whole, r.rejected_at
	from lockstep.ingest_rejected r
	where r.id > coalesce(find_rejections.after, 0)
	and r.request_id = coalesce(find_rejections.request_id, r.request_id)
	and r.code = coalesce(find_rejections.code, r.code)
	order by r.id
	limit 100
$$;

create function app.discard_rejection(id bigint)
returns setof app.rejection
language sql
set search_path = pg_catalog, pg_temp
as $$
	delete from lockstep.ingest_rejected r
	where r.id = discard_rejection.id
	returning r.id, r.operation, r.request_id, r.index, r.line, r.code,
		r.message, r.issues, r.record, r.whole, r.rejected_at
$$;

grant execute on function app.find_rejections(text, text, bigint),
	app.discard_rejection(bigint)
	to authenticated, service_role;

-- As before: account_id comes from the company, if the caller sees it. Of many
-- rows each asked the policies anew, which was most of their cost; now what was
-- seen is remembered until the transaction ends, for that caller and no other.
-- The memory can only save a question: that account and company belong together
-- is the foreign key's to say, and who may add what the policy's of the table.
create or replace function app.take_account_of_company() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	whom text := concat_ws(' ', current_user, current_setting('role'),
		current_setting('request.jwt.claims', true)) || e'\n';
	seen text := current_setting('app.companies_seen', true);
	at integer;
begin
	if seen is null or not starts_with(seen, whom) then
		seen := whom;
	end if;
	at := strpos(seen, e'\n' || new.company_id || '=');
	if at > 0 then
		new.account_id := substr(seen, at + 38, 36);
		return new;
	end if;
	select c.account_id into new.account_id from app.companies c
	where c.id = new.company_id;
	if not found then
		raise exception using errcode = 'foreign_key_violation',
			constraint = tg_table_name || '_company_fkey',
			message = 'there is no such company';
	end if;
	if length(seen) > length(whom) + 5000 then
		seen := whom;
	end if;
	perform set_config('app.companies_seen', seen || new.company_id || '='
		|| new.account_id || e'\n', true);
	return new;
end
$$;
