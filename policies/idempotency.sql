-- SPDX-License-Identifier: MIT
--
-- Nobody who serves or works reads this table: the functions of migration 0006
-- do, and see the keys of the caller. What is a day old may be swept, by
-- whomever; what is younger nobody can take away. One row at most is looked at,
-- most often none, so the subject is not asked for ahead of the rows.

select lockstep.reset_access('lockstep.idempotency');
alter table lockstep.idempotency enable row level security;
alter table lockstep.idempotency force row level security;

grant select, delete on lockstep.idempotency to lockstep_logic;
grant insert (id, subject, fingerprint, request_id, reply)
	on lockstep.idempotency to lockstep_logic;

create policy lockstep_logic_select on lockstep.idempotency
	for select to lockstep_logic
	using (subject = lockstep.subject()
		or kept_at < now() - interval '24 hours');
create policy lockstep_logic_insert on lockstep.idempotency
	for insert to lockstep_logic
	with check (subject = lockstep.subject());
create policy lockstep_logic_delete on lockstep.idempotency
	for delete to lockstep_logic
	using (kept_at < now() - interval '24 hours');
