-- SPDX-License-Identifier: MIT
--
-- Schemas, the helpers that policies call, and the bookkeeping that domain
-- functions write to.
--
-- Every table forces row level security, so the owner sees no row either. A
-- later migration that has to rewrite rows turns that off for its own
-- transaction: `alter table T no force row level security`, and on again.
--
-- A SECURITY DEFINER function is made by the owner and handed to
-- lockstep_logic. Postgres asks for CREATE on the schema to do so, which is
-- granted for those lines only. To replace such a function later:
-- `set local role lockstep_logic` first, and `reset role` after it.

create schema if not exists app;
create schema if not exists lockstep;

-- Nobody may run a function because it exists.
alter default privileges revoke execute on functions from public;

grant usage on schema app
	to anon, authenticated, service_role, lockstep_logic;
grant usage on schema lockstep
	to lockstep_logic, lockstep_worker, operator;

-- auth.uid(), auth.role() and auth.jwt() are as Supabase has them. Where they
-- exist already they are left alone. After a transaction a local setting reads
-- '' and not NULL, hence the nullif. A subject that is no uuid owns nothing:
-- it gives NULL and not an error. The bodies are parsed here and now, so no
-- search_path can bend them, and the planner inlines them as long as they hold
-- no subquery: hence the same expression twice in auth.uid().
do $do$
begin
	if not exists (select from pg_namespace where nspname = 'auth') then
		create schema auth;
		grant usage on schema auth to anon, authenticated,
			service_role, lockstep_logic, lockstep_worker;
	end if;

	if not exists (select from pg_proc p
			join pg_namespace n on n.oid = p.pronamespace
			where n.nspname = 'auth' and p.proname = 'jwt') then
		create function auth.jwt() returns jsonb
		language sql stable
		return nullif(current_setting('request.jwt.claims', true),
			'')::jsonb;
		grant execute on function auth.jwt() to anon, authenticated,
			service_role, lockstep_logic, lockstep_worker;
	end if;

	if not exists (select from pg_proc p
			join pg_namespace n on n.oid = p.pronamespace
			where n.nspname = 'auth' and p.proname = 'uid') then
		create function auth.uid() returns uuid
		language sql stable
		return case when nullif(current_setting('request.jwt.claims',
				true), '')::jsonb ->> 'sub' ~*
			'^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
		then (nullif(current_setting('request.jwt.claims', true),
			'')::jsonb ->> 'sub')::uuid end;
		grant execute on function auth.uid() to anon, authenticated,
			service_role, lockstep_logic, lockstep_worker;
	end if;

	if not exists (select from pg_proc p
			join pg_namespace n on n.oid = p.pronamespace
			where n.nspname = 'auth' and p.proname = 'role') then
		create function auth.role() returns text
		language sql stable
		return nullif(current_setting('request.jwt.claims', true),
			'')::jsonb ->> 'role';
		grant execute on function auth.role() to anon, authenticated,
			service_role, lockstep_logic, lockstep_worker;
	end if;
end
$do$;

-- A policy file starts with this call, which makes it the whole truth: what an
-- earlier version of the file granted or allowed under another name is gone.
create function lockstep.reset_access(target regclass) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
	policy name;
	grantee text;
begin
	for policy in
		select p.polname from pg_policy p
		where p.polrelid = target
	loop
		execute format('drop policy %I on %s', policy, target);
	end loop;

	for grantee in
		select case a.grantee when 0 then 'public'
			else a.grantee::regrole::text end
		from pg_class c
		cross join lateral (
			select x.grantee from aclexplode(c.relacl) x
			union
			select x.grantee from pg_attribute t
			cross join lateral aclexplode(t.attacl) x
			where t.attrelid = c.oid and t.attacl is not null
		) a
		where c.oid = target and a.grantee <> c.relowner
	loop
		execute format('revoke all on %s from %s', target, grantee);
	end loop;
end
$$;

create function app.touch_updated_at() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	new.updated_at := now();
	return new;
end
$$;

-- Work that a domain function leaves for the worker, in its own transaction.
-- claims says for whom: the subject and the role of the caller, nothing more.
create table lockstep.jobs (
	id         bigint generated always as identity primary key,
	kind       text not null
		constraint jobs_kind_check
		check (kind ~ '^[a-z][a-z0-9_]{0,62}([.][a-z][a-z0-9_]{0,62})?$'),
	args       jsonb not null default '{}'
		constraint jobs_args_check
		check (jsonb_typeof(args) = 'object'),
	claims     jsonb not null default '{}'
		constraint jobs_claims_check
		check (jsonb_typeof(claims) = 'object'),
	state      text not null default 'queued'
		constraint jobs_state_check
		check (state in ('queued', 'running', 'done', 'failed',
			'cancelled')),
	attempts   integer not null default 0
		constraint jobs_attempts_check check (attempts >= 0),
	run_at     timestamptz not null default now(),
	created_at timestamptz not null default now(),
	updated_at timestamptz not null default now()
);

create index jobs_due_idx on lockstep.jobs (run_at, id)
	where state = 'queued';
create index jobs_letter_idx on lockstep.jobs ((args ->> 'letter_id'))
	where kind = 'letter.generate' and state = 'queued';

create trigger jobs_touch before update on lockstep.jobs
	for each row execute function app.touch_updated_at();
