-- SPDX-License-Identifier: MIT
--
-- A worker that has taken all there was does not look again after each job, but
-- when it is called. So the end of a job tells whose turn that makes it:
--
-- LSJ05	one waited for the job; a message for the connection that ended it

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
