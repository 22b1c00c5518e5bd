-- SPDX-License-Identifier: MIT
--
-- What the reference application has of the monitor: how all is, and what was
-- counted of each route, for our servers.

create function app.monitor(out state text, out checked_at timestamptz,
	out checks jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$ select * from lockstep.monitor() $$;

create function app.monitor_routes(out at timestamptz, out bounds jsonb,
	out routes jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$ select * from lockstep.monitor_routes() $$;

grant execute on function app.monitor(), app.monitor_routes() to service_role;

-- Those that were given up of late are found without the others.
create index webhook_deliveries_failed_idx
	on app.webhook_deliveries (type, updated_at)
	where state = 'failed';
