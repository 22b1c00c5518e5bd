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
			('lockstep_logic',  'nologin noinherit'),
			('lockstep_rollup', 'nologin noinherit'),
			('lockstep_stats',  'nologin inherit')
		) as t (name, attributes)
	loop
		if not exists (select from pg_roles where rolname = spec.name) then
			execute format('create role %I %s', spec.name,
				spec.attributes);
		end if;
	end loop;

	execute format('grant lockstep_logic, lockstep_rollup, lockstep_stats '
		'to %I', current_user);
	-- Without it the monitor does not know of old transactions.
	begin
		grant pg_read_all_stats to lockstep_stats;
	exception when insufficient_privilege then
		raise notice 'pg_read_all_stats may not be granted';
	end;
	execute format('grant connect on database %I to lockstep',
		current_database());
end
$$;

grant anon, authenticated to lockstep;

commit;
