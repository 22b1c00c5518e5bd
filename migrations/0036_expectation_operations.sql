-- SPDX-License-Identifier: MIT
--
-- The expectations of the reference application's data, for our servers and for
-- people at the operations page: what was seen, and nobody's rows.

create view app.expectations with (security_invoker = true) as
select e.name, e.summary, e."check", e.state, e.value::float8 as value,
	e.threshold, e.cause, e.checked_at, e.since, e.next_at
from lockstep.expectations e;
grant select on app.expectations to service_role, operator;
