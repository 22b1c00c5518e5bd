// SPDX-License-Identifier: MIT
//
// Jobs, dead letters first: what went wrong with each, and what can be done about
// one of them, or about all that a filter takes.

import { useState, type FormEvent } from 'react';
import { listOptions } from '../api/queries/jobs.ts';
import { client } from '../api.ts';
import { useLive } from '../live.ts';
import { useChecks } from '../monitor.ts';
import { goInstead, place } from '../place.ts';
import { Panel, Waiting } from '../parts/Panel.tsx';
import { Empty, Instead } from '../parts/States.tsx';
import { useSteady } from '../parts/steady.ts';
import { useStore } from '../store.ts';
import { number } from '../words.ts';
import { BulkDialog } from './JobBulk.tsx';
import { JobRow } from './JobRow.tsx';

export const STATES = [
  'dead', 'running', 'available', 'scheduled', 'done', 'cancelled',
] as const;
export const REASONS = ['exhausted', 'permanent', 'crashed', 'invalid'] as const;

const PAGE = 50;

export interface JobFilter {
  state: (typeof STATES)[number] | null;
  kind: string;
  reason: (typeof REASONS)[number] | null;
}

function filterOf(words: Readonly<Record<string, string>>): JobFilter {
  return {
    state: words['state'] === 'all' ? null
      : STATES.find((state) => state === words['state']) ?? 'dead',
    kind: words['kind'] ?? '',
    reason: REASONS.find((reason) => reason === words['reason']) ?? null,
  };
}

function remember({ state, kind, reason }: JobFilter): void {
  goInstead('jobs', { state: state ?? 'all', kind, reason: reason ?? '' });
}

/** What is typed stays here; it filters when it is sent, or left. */
function Filter({ filter }: { filter: JobFilter }) {
  const [kind, setKind] = useState(filter.kind);
  const known = [...new Set((useChecks().data?.data.checks ?? [])
    .filter((check) => check.name === 'job_dead').map(({ subject }) => subject))];
  const send = (event?: FormEvent) => {
    event?.preventDefault();
    if (kind.trim() !== filter.kind) remember({ ...filter, kind: kind.trim() });
  };

  return (
    <form className="filter" onSubmit={send}>
      <label>State
        <select value={filter.state ?? 'all'} onChange={(event) => remember({
          ...filter, state: STATES.find((s) => s === event.target.value) ?? null })}>
          {STATES.map((state) => <option key={state}>{state}</option>)}
          <option value="all">all</option>
        </select>
      </label>
      <label>Kind
        <input type="text" list="kinds" value={kind} placeholder="any" maxLength={127}
          spellCheck={false} autoComplete="off" onBlur={() => send()}
          onChange={(event) => setKind(event.target.value)} />
        <datalist id="kinds">{known.map((name) => <option key={name} value={name} />)}
        </datalist>
      </label>
      <label>Reason
        <select value={filter.reason ?? ''} onChange={(event) => remember({
          ...filter, reason: REASONS.find((r) => r === event.target.value) ?? null })}>
          <option value="">any</option>
          {REASONS.map((reason) => <option key={reason}>{reason}</option>)}
        </select>
      </label>
    </form>
  );
}

function List({ filter }: { filter: JobFilter }) {
  const [after, setAfter] = useState<string | null>(null);
  const jobs = useLive(listOptions(client, {
    limit: PAGE, ...(after !== null && { after }),
    where: {
      ...(filter.state && { state: { eq: filter.state } }),
      ...(filter.kind && { kind: { eq: filter.kind } }),
      ...(filter.reason && { reason: { eq: filter.reason } }),
    },
  }), 3000);
  const page = jobs.data;
  const steady = useSteady(page?.data ?? [], ({ id }) => id, after ?? '');

  if (steady.rows.length === 0) {
    return <Instead of={jobs} empty={filter.state === 'dead'
      ? <Empty title="No dead letters">Whatever failed has been seen to, or nothing has.</Empty>
      : <Empty title="No such job" />} />;
  }
  return (
    <div {...steady.hold}>
      <Waiting count={steady.waiting} onLetIn={steady.letIn} />
      <div className="scroll" role="region" aria-label="Jobs" tabIndex={0}>
        <table className="cards">
          <thead>
            <tr><th>Job</th><th>Kind</th><th>State</th><th className="figure">Attempts</th>
              <th>Last error</th><th>Changed</th><th><span className="unseen">Do</span></th></tr>
          </thead>
          {steady.rows.map(({ row, key, gone }) =>
            <JobRow key={key} job={row} gone={gone} />)}
        </table>
      </div>
      <div className="pages">
        {after !== null && <button type="button" onClick={() => setAfter(null)}>The latest</button>}
        {page?.meta.page.next && <button type="button"
          onClick={() => setAfter(page.meta.page.next)}>Older</button>}
      </div>
    </div>
  );
}

export function JobsSection() {
  const { words } = useStore(place);
  const filter = filterOf(words);
  const [bulk, setBulk] = useState<'replay' | 'discard' | null>(null);
  const dead = (useChecks().data?.data.checks ?? [])
    .filter(({ name, value }) => name === 'job_dead' && value)
    .reduce((sum, { value }) => sum + (value ?? 0), 0);

  return (
    <Panel title={filter.state === 'dead' ? 'Dead letters' : 'Jobs'}
      note={dead > 0 ? `${number(dead)} died of late.` : 'None died of late.'}
      tools={filter.state === 'dead' && (
        <>
          <button type="button" onClick={() => setBulk('replay')}>Replay many…</button>
          <button type="button" onClick={() => setBulk('discard')}>Discard many…</button>
        </>
      )}>
      <Filter key={filter.kind} filter={filter} />
      <List key={JSON.stringify(filter)} filter={filter} />
      {bulk && <BulkDialog action={bulk} filter={filter} onClose={() => setBulk(null)} />}
    </Panel>
  );
}
