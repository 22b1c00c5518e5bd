-- SPDX-License-Identifier: MIT
--
-- What the reference application has of exports: their rows by /api, as whoever
-- asked for them, and what may be done with one.

create view app.exports with (security_invoker = true) as
select e.id, e.operation, e.format, e.state, e.rows, e.estimate, e.percent,
	e.rate, e.bytes, e.sha256, e.reason, e.created_at, e.started_at,
	e.updated_at, e.finished_at, e.expires_at
from lockstep.exports e;
grant select on app.exports to authenticated, service_role;

create function app.cancel_export(id uuid) returns setof app.exports
language sql
set search_path = pg_catalog, pg_temp
as $$
	select lockstep.cancel_export(id);
	select * from app.exports e where e.id = cancel_export.id;
$$;
create function app.export_file(id uuid)
returns table (file text, name text, format text, sha256 text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$ select * from lockstep.export_file(id) $$;
create function app.follow_export(id uuid) returns setof app.exports
language sql stable
set search_path = pg_catalog, pg_temp
as $$ select * from app.exports e where e.id = follow_export.id $$;

grant execute on function app.cancel_export(uuid), app.export_file(uuid),
	app.follow_export(uuid)
	to authenticated, service_role;
