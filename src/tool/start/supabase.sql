-- SPDX-License-Identifier: MIT
--
-- The roles of Lockstep in a project of Supabase, which has anon, authenticated
-- and service_role already: these are left as they are. Run once as postgres,
-- again at will:
--
--	psql -d DB -f migrations/roles.sql
--
-- lockstep logs in to serve requests and becomes anon or authenticated; it has
-- no password yet. service_role bypasses every policy, so it does not become
-- that. Who runs this migrates.

\set ON_ERROR_STOP on

begin;

do $$
declare
	spec record;
begin
	for spec in
		select * from (values
			('lockstep',        'login noinherit'),
			('operator',        'nologin noinherit'),
			('lockstep_worker', 'nologin noinherit'),
			('lockstep_logic',  'nologin noinherit')
		) as t (name, attributes)
	loop
		if not exists (select from pg_roles where rolname = spec.name) then
			execute format('create role %I %s', spec.name,
				spec.attributes);
		end if;
	end loop;

	execute format('grant lockstep_logic to %I', current_user);
	execute format('grant connect on database %I to lockstep',
		current_database());
end
$$;

grant anon, authenticated to lockstep;

commit;
