-- SPDX-License-Identifier: MIT
--
-- The roles of Lockstep, and what a database grants them before the first
-- migration. Run once for each database by a superuser, again at will:
--
--	psql -d DB -f migrations/roles.sql
--
-- Passwords are the operator's business: none is set here.
--
-- lockstep		logs in to serve requests and becomes one of the three roles
--			that a token may name. It has no right of its own.
-- anon, authenticated	the callers.
-- service_role		our own servers. It has no BYPASSRLS: what it may see and
--			change is written in policies/, as for everybody else.
-- operator		people at the operations page: bookkeeping, no domain data.
-- lockstep_worker	logs in to run the jobs, and becomes whoever asked for one. Of
--			its own it has the bookkeeping of jobs.
-- lockstep_owner	logs in to migrate; owns the schemas and the tables. It
--			does not inherit, so the policies of lockstep_logic do not
--			open the tables to it.
-- lockstep_logic	owns the SECURITY DEFINER functions, and is bound by the
--			policies for it: a function cannot do more than they say.
-- lockstep_rollup	owns the functions that count rows (lockstep gen rollup);
--			it may read what is counted, of all tenants, and no more.
-- lockstep_stats	owns the functions that read what Postgres knows of its
--			sessions and replicas, for the monitor, and for files, which
--			give way to requests; it has no table.

\set ON_ERROR_STOP on

begin;

do $$
declare
	spec record;
begin
	for spec in
		select * from (values
			('lockstep',        'login noinherit'),
			('anon',            'nologin noinherit'),
			('authenticated',   'nologin noinherit'),
			('service_role',    'nologin noinherit'),
			('operator',        'nologin noinherit'),
			('lockstep_worker', 'login noinherit'),
			('lockstep_owner',  'login noinherit'),
			('lockstep_logic',  'nologin noinherit'),
			('lockstep_rollup', 'nologin noinherit'),
			('lockstep_stats',  'nologin inherit')
		) as t (name, attributes)
	loop
		if not exists (select from pg_roles where rolname = spec.name) then
			execute format('create role %I', spec.name);
		end if;
		execute format('alter role %I %s nosuperuser nocreatedb '
			'nocreaterole noreplication nobypassrls',
			spec.name, spec.attributes);
	end loop;
end
$$;

-- lockstep, and lockstep_worker for the jobs of its callers, may become exactly
-- these; and operator, where the contract lists it and somebody has said
-- "grant operator to lockstep, lockstep_worker". Another membership that somebody
-- added by hand is taken back, as it would widen what any request can reach.
do $$
declare
	extra record;
begin
	for extra in
		select g.rolname as role, p.rolname as login
		from pg_auth_members m
		join pg_roles g on g.oid = m.roleid
		join pg_roles p on p.oid = m.member
		where p.rolname in ('lockstep', 'lockstep_worker')
		and g.rolname not in ('anon', 'authenticated', 'service_role',
			'operator')
	loop
		execute format('revoke %I from %I', extra.role, extra.login);
	end loop;
end
$$;

grant anon, authenticated, service_role to lockstep, lockstep_worker;

-- The owner makes a function and then hands it over. It may become what requests
-- become, for lockstep check --prove; as it does not inherit, that gives it no
-- right of theirs until it does.
grant lockstep_logic, lockstep_rollup, lockstep_stats, lockstep
	to lockstep_owner;
grant pg_read_all_stats to lockstep_stats;

do $$
begin
	execute format('grant create on database %I to lockstep_owner',
		current_database());
	execute format('grant connect on database %I '
		'to lockstep, lockstep_worker, lockstep_owner',
		current_database());
	execute format('revoke temporary on database %I from public',
		current_database());
end
$$;

revoke create on schema public from public;

-- A database that has auth.uid() already (Supabase's) lets ours use it.
do $$
begin
	if exists (select from pg_namespace where nspname = 'auth'
			and nspowner <> 'lockstep_owner'::regrole) then
		grant usage on schema auth to anon, authenticated, service_role,
			operator, lockstep_owner, lockstep_logic, lockstep_worker;
	end if;
end
$$;

-- Large objects know no row level security and no owner column.
revoke execute on function
	lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea)
from public;

commit;
