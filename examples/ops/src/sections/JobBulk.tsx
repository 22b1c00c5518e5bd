// SPDX-License-Identifier: MIT
//
// Many dead jobs at once: first the server counts what the filter takes and does
// nothing, then one is asked, and told what came of it.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { jobs } from '../api/index.ts';
import { keys } from '../api/queries/jobs.ts';
import { told } from '../actions.ts';
import { client } from '../api.ts';
import { Dialog } from '../parts/Dialog.tsx';
import { tell } from '../parts/notices.tsx';
import { many, words } from '../words.ts';
import type { JobFilter } from './Jobs.tsx';

const MOST = 1000;

interface More {
  code: string;
  hours: string;
  rate: string;
}

/** The members of the body that were said. */
function bodyOf({ kind, reason }: JobFilter, { code, hours }: More, now: number) {
  return {
    ...(kind && { kind }),
    ...(reason && { reason }),
    ...(code.trim() && { code: code.trim() }),
    ...(Number(hours) > 0 &&
      { since: new Date(now - Number(hours) * 3_600_000).toISOString() }),
  };
}

export function BulkDialog({ action, filter, onClose }: {
  action: 'replay' | 'discard';
  filter: JobFilter;
  onClose(): void;
}) {
  const cache = useQueryClient();
  const [now] = useState(Date.now);
  const [more, setMore] = useState<More>({ code: '', hours: '', rate: '' });
  const [counted, setCounted] = useState(more);
  const body = bodyOf(filter, more, now);
  const call = action === 'replay' ? jobs.replayAll : jobs.discardAll;
  const count = useQuery({
    queryKey: ['jobs', 'count', action, bodyOf(filter, counted, now)],
    queryFn: async () => told(await call(client, {
      body: { ...bodyOf(filter, counted, now), dry_run: true } })),
    gcTime: 0,
  });
  const act = useMutation({
    mutationFn: async () => told(action === 'replay'
      ? await jobs.replayAll(client, { body: { ...body, most: MOST,
        ...(Number(more.rate) > 0 && { rate: Number(more.rate) }) } })
      : await jobs.discardAll(client, { body: { ...body, most: MOST } })),
    onSuccess: ({ data }) => {
      tell('good', `${many(data.changed, 'job')} ${action === 'replay' ? 'replayed'
        : 'discarded'}${data.skipped > 0
        ? `, ${data.skipped} left: an unfinished job has their key` : ''}` +
        `${data.more ? '. There are more: do it again.' : '.'}`);
      onClose();
    },
    onSettled: () => cache.invalidateQueries({ queryKey: keys.all }),
  });
  const matched = count.data?.data.matched ?? null;
  const field = (name: keyof More, label: string, hint: string, numeric: boolean) => (
    <label>{label}
      <input type="text" inputMode={numeric ? 'numeric' : 'text'} value={more[name]}
        placeholder={hint} autoComplete="off" spellCheck={false}
        onChange={(event) => setMore({ ...more, [name]: event.target.value })}
        onBlur={() => setCounted(more)} />
    </label>
  );

  return (
    <Dialog title={action === 'replay' ? 'Replay dead jobs' : 'Discard dead jobs'}
      act={matched === 0 ? null
        : matched === null ? action === 'replay' ? 'Replay' : 'Discard'
        : `${action === 'replay' ? 'Replay' : 'Discard'} ${many(Math.min(matched, MOST), 'job')}`}
      danger={action === 'discard'} busy={act.isPending || matched === null ||
        JSON.stringify(counted) !== JSON.stringify(more)}
      refused={(act.error && words(act.error)) ?? (count.error && words(count.error))}
      onAct={() => act.mutate()} onClose={onClose}>
      <p>Kind: <b>{filter.kind || 'any'}</b>. Reason: <b>{filter.reason ?? 'any'}</b>.</p>
      <div className="filter">
        {field('code', 'Code of the last error', 'any', false)}
        {field('hours', 'Dead for at most, in hours', 'ever', true)}
        {action === 'replay' && field('rate', 'Runs a second', 'all at once', true)}
      </div>
      <p className="tally" aria-live="polite">{matched === null ? 'Counting…'
        : <><b>{many(matched, 'dead job')}</b> {matched === 1 ? 'matches' : 'match'}.
          {matched > MOST && ` The oldest ${MOST} are taken at once.`}</>}</p>
    </Dialog>
  );
}
