-- SPDX-License-Identifier: MIT
--
-- A worker that has taken all there was does not look again after each job, but
-- when it is called. So the end of a job tells whose turn that makes it, and a
-- claim that may have been in the way of another:
--
-- LSJ05	somebody is to look again; a message for the connection
-- LSJ06	what was to be claimed is another's, or over; told to nobody

-- As before, and it tells.
create or replace function lockstep.job_next(key text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	with c as materialized (
		select n.id from lockstep.jobs n
		where n.serial_key = key and n.finalized_at is null
		order by n.id
		limit 1
		for update of n skip locked)
	update lockstep.jobs j
	set blocked = false, run_at = case when j.state = 'available'
		then clock_timestamp() else j.run_at end
	from c
	where j.id = c.id and (j.state = 'available' or j.blocked);
	if found then
		raise debug using errcode = 'LSJ05', message = 'a job';
	end if;
end
$$;

-- As before, and the lock is given back if there is nothing to be had. A claim
-- whose snapshot is of before the end of a job may get the lock of its key right
-- after that; who comes for the next of the key meanwhile goes away, and would
-- not come again.
create or replace function lockstep.job_turn(key text, job bigint)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
	if not pg_try_advisory_xact_lock(1819501425, hashtext(key)) then
		return false;
	end if;
	if not exists (select from lockstep.jobs j
			where j.id = job and j.state = 'available')
	or exists (select from lockstep.jobs j where j.serial_key = key
			and j.finalized_at is null and j.id < job)
	or exists (select from lockstep.jobs j where j.serial_key = key
			and j.state = 'running') then
		raise exception using errcode = 'LSJ06';
	end if;
	return true;
exception when sqlstate 'LSJ06' then
	raise debug using errcode = 'LSJ05', message = 'a job';
	return false;
end
$$;
