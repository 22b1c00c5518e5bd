-- SPDX-License-Identifier: MIT
--
-- What servers counted, by route: a function writes it for them, workers read it.

select lockstep.reset_access('lockstep.route_figures');
alter table lockstep.route_figures enable row level security;
alter table lockstep.route_figures force row level security;

grant select, delete on lockstep.route_figures to lockstep_worker;
grant select on lockstep.route_figures to operator, lockstep_logic;
grant insert (
	host, method, route, requests, rejected, errors, seconds, buckets,
	recent_requests, recent_errors, recent_buckets
) on lockstep.route_figures to lockstep_logic;
grant update (
	requests, rejected, errors, seconds, buckets, recent_requests,
	recent_errors, recent_buckets, noted_at
) on lockstep.route_figures to lockstep_logic;

create policy lockstep_worker_select on lockstep.route_figures
	for select to lockstep_worker
	using (true);
create policy lockstep_worker_delete on lockstep.route_figures
	for delete to lockstep_worker
	using (true);
create policy operator_select on lockstep.route_figures
	for select to operator
	using (true);
create policy lockstep_logic_select on lockstep.route_figures
	for select to lockstep_logic
	using (true);
create policy lockstep_logic_insert on lockstep.route_figures
	for insert to lockstep_logic
	with check (true);
create policy lockstep_logic_update on lockstep.route_figures
	for update to lockstep_logic
	using (true)
	with check (true);
