-- SPDX-License-Identifier: MIT
--
-- A letter that nobody could write is written after all when its job runs again,
-- replayed by somebody or since the service is back:
--
--	failed -> generating -> ready | failed

grant create on schema app to lockstep_logic;
set local role lockstep_logic;

-- What the service is asked for. A letter that is not to be written any more is
-- left alone; so is one that failed, but for a job of its own that died of it and
-- runs again.
create or replace function app.letter_request(letter_id uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
	letter app.letters;
begin
	update app.letters l set status = 'generating', failure_reason = null
	where l.id = letter_request.letter_id and l.owner_id = auth.uid()
	and (l.status in ('queued', 'generating')
		or l.status = 'failed' and exists (select from lockstep.jobs j
			where j.kind = 'letter.generate' and j.state = 'running'
			and j.finalized_at is null and j.replayed > 0
			and j.args ->> 'letter_id' = l.id::text))
	returning l.* into letter;
	if not found then
		return jsonb_build_object('skip', true);
	end if;
	return jsonb_build_object('path', '/letters', 'body',
		jsonb_build_object('title', letter.title, 'body', letter.body,
			'tone', letter.tone, 'locale', letter.locale,
			'name', letter.recipient ->> 'name'));
end
$$;

reset role;
revoke create on schema app from lockstep_logic;
