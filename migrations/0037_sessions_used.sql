-- SPDX-License-Identifier: MIT
--
-- Whether requests are served: how many sessions of servers were used within so
-- many seconds. What is done beside them, like writing a file, gives way by it.
-- NULL is not known; it is asked a few times a second, so it is one look at the
-- sessions and nothing else.

create function lockstep.sessions_used(within_s double precision)
returns bigint
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
	if not pg_has_role(current_user, 'pg_read_all_stats', 'usage') then
		return null;
	end if;
	return (select count(*) from pg_stat_activity a
		where a.usename = 'lockstep' and (a.state = 'active'
		or a.state_change > clock_timestamp()
			- sessions_used.within_s * interval '1 second'));
end
$$;

revoke execute on function lockstep.sessions_used(double precision)
	from public;
grant execute on function lockstep.sessions_used(double precision)
	to lockstep_worker;
do $$
begin
	if exists (select from pg_roles where rolname = 'lockstep_stats'
			and pg_has_role(current_user, oid, 'member')) then
		grant create, usage on schema lockstep to lockstep_stats;
		alter function lockstep.sessions_used(double precision)
			owner to lockstep_stats;
		revoke create on schema lockstep from lockstep_stats;
	end if;
end
$$;
