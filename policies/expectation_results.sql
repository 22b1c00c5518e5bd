-- SPDX-License-Identifier: MIT
--
-- What was seen of expectations, for 30 days: workers write it and forget it,
-- operators look.

select lockstep.reset_access('lockstep.expectation_results');
alter table lockstep.expectation_results enable row level security;
alter table lockstep.expectation_results force row level security;

grant select, delete on lockstep.expectation_results to lockstep_worker;
grant insert (name, state, value, cause) on lockstep.expectation_results
	to lockstep_worker;
grant select on lockstep.expectation_results to operator;

create policy lockstep_worker_select on lockstep.expectation_results
	for select to lockstep_worker
	using (true);
create policy lockstep_worker_insert on lockstep.expectation_results
	for insert to lockstep_worker
	with check (true);
create policy lockstep_worker_delete on lockstep.expectation_results
	for delete to lockstep_worker
	using (checked_at < now() - interval '30 days');
create policy operator_select on lockstep.expectation_results
	for select to operator
	using (true);
