-- SPDX-License-Identifier: MIT
--
-- What a job costs Postgres beside its own work, made about half. A statement
-- reads the tree of each constraint of its table anew, which took longer than
-- the rest of an update that ends a job; a function is read once a connection.
-- A pattern with bounds is slow: each match builds its states anew. And a plan
-- for a list of ids was made anew for each list.

-- What a row of lockstep.jobs may be.
create function lockstep.job_is_legal(state text, finalized_at timestamptz,
	lease_token bigint, lease_until timestamptz, reason text,
	attempt integer, max_attempts integer, kind text, args jsonb,
	claims jsonb, errors jsonb, unique_key text, serial_key text)
returns boolean
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
	return state in ('available', 'scheduled', 'running', 'done',
			'cancelled', 'dead')
		and (finalized_at is null)
			= (state in ('available', 'scheduled', 'running'))
		and (lease_token is null) = (state <> 'running')
		and (lease_until is null) = (lease_token is null)
		and (reason is null) = (state not in ('dead', 'cancelled'))
		and (reason is null or reason in ('exhausted', 'permanent',
			'crashed', 'invalid', 'cancelled', 'discarded'))
		and attempt >= 0 and (max_attempts > 0) is not false
		and kind ~ '^[a-z][a-z0-9_]*([.][a-z][a-z0-9_]*)?$'
		and length(split_part(kind, '.', 1)) < 64
		and length(split_part(kind, '.', 2)) < 64
		and jsonb_typeof(args) = 'object'
		and jsonb_typeof(claims) = 'object'
		and jsonb_typeof(errors) = 'array'
		and (char_length(unique_key) between 1 and 500) is not false
		and (char_length(serial_key) between 1 and 500) is not false;
end
$$;
grant execute on function lockstep.job_is_legal(text, timestamptz, bigint,
		timestamptz, text, integer, integer, text, jsonb, jsonb, jsonb,
		text, text)
	to lockstep_worker, lockstep_logic;

alter table lockstep.jobs
	drop constraint jobs_state_check,
	drop constraint jobs_finalized_check,
	drop constraint jobs_lease_check,
	drop constraint jobs_reason_check,
	drop constraint jobs_reason_state_check,
	drop constraint jobs_attempt_check,
	drop constraint jobs_max_attempts_check,
	drop constraint jobs_kind_check,
	drop constraint jobs_args_check,
	drop constraint jobs_claims_check,
	drop constraint jobs_errors_check,
	drop constraint jobs_unique_key_check,
	drop constraint jobs_serial_key_check,
	add constraint jobs_legal_check
		check (lockstep.job_is_legal(state, finalized_at, lease_token,
			lease_until, reason, attempt, max_attempts, kind, args,
			claims, errors, unique_key, serial_key));

-- What is planned is always the primary key.
alter function lockstep.job_done(bigint[], boolean)
	set plan_cache_mode = force_generic_plan
	set enable_seqscan = off
	set enable_bitmapscan = off;

-- As before, but a function of SQL is planned at each call.
create or replace function lockstep.job_next(key text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	update lockstep.jobs j set run_at = clock_timestamp()
	where j.state = 'available' and j.id = (
		select min(n.id) from lockstep.jobs n
		where n.serial_key = key and n.finalized_at is null);
end
$$;

-- As before, but who has a predecessor is told in the same plan, without a
-- call: there may be thousands of them before one whose turn it is.
create or replace function lockstep.job_take(
	kinds text[], most integer[], leased boolean[],
	floor_at timestamptz[], floor_id bigint[],
	worker bigint, lease_ms integer
) returns setof lockstep.jobs
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
	wanted text;
	at_least timestamptz;
	from_id bigint;
	count integer;
begin
	for i in 1 .. cardinality(kinds) loop
		wanted := kinds[i];
		at_least := coalesce(floor_at[i], '-infinity');
		from_id := coalesce(floor_id[i], 0);
		count := most[i];
		if leased[i] then
			return query
			with c as materialized (
				select j.id from lockstep.jobs j
				where j.kind = wanted and j.state = 'available'
				and (j.run_at, j.id) >= (at_least, from_id)
				and j.run_at <= now()
				and (j.serial_key is null
					or not exists (
						select from lockstep.jobs p
						where p.serial_key = j.serial_key
						and p.finalized_at is null
						and p.id < j.id)
					and lockstep.job_turn(j.serial_key, j.id))
				order by j.run_at, j.id
				limit count
				for update of j skip locked)
			update lockstep.jobs j
			set state = 'running', attempt = j.attempt + 1,
				lease_token = nextval('lockstep.lease_seq'),
				lease_until = now()
					+ lease_ms * interval '1 millisecond',
				owner = worker, updated_at = now()
			from c
			where j.id = c.id
			returning j.*;
		else
			return query
			select j.* from lockstep.jobs j
			where j.kind = wanted and j.state = 'available'
			and (j.run_at, j.id) >= (at_least, from_id)
			and j.run_at <= now()
			and (j.serial_key is null
				or not exists (
					select from lockstep.jobs p
					where p.serial_key = j.serial_key
					and p.finalized_at is null
					and p.id < j.id)
				and lockstep.job_turn(j.serial_key, j.id))
			order by j.run_at, j.id
			limit count
			for update of j skip locked;
		end if;
		if found then
			return;
		end if;
	end loop;
end
$$;
