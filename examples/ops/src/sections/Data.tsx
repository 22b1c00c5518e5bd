// SPDX-License-Identifier: MIT
//
// Aggregates and how far they are behind; and what is expected of the data, by what
// the monitor says of it.

import { listOptions } from '../api/queries/rollups.ts';
import { client } from '../api.ts';
import { limitOf, valueOf } from '../checks.ts';
import { checkKey, history } from '../figures.ts';
import { useLive } from '../live.ts';
import { useChecks } from '../monitor.ts';
import { Spark } from '../parts/Chart.tsx';
import { Panel } from '../parts/Panel.tsx';
import { Empty, Instead, State } from '../parts/States.tsx';
import { Ago } from '../parts/Time.tsx';
import { useStore } from '../store.ts';
import { number, span } from '../words.ts';

const SAID: Readonly<Record<string, string>> = {
  healthy: 'met', unhealthy: 'not met', unknown: 'unknown',
};

function Rollups() {
  const list = useLive(listOptions(client, { limit: 100 }), 3000);
  const seen = useStore(history);
  const rows = list.data?.data ?? [];

  if (rows.length === 0)
    return <Instead of={list} empty={<Empty title="The contract has no aggregate" />} />;
  return (
    <div className="scroll" role="region" aria-label="Aggregates" tabIndex={0}>
      <table>
        <thead><tr><th>Aggregate</th><th>Of</th><th>State</th><th className="figure">Lag</th>
          <th className="wide">Trend</th><th className="figure">To be folded</th>
          <th>Folded</th><th>Audited</th><th className="figure">Mismatches</th></tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.name}>
              <th scope="row">{row.name}<small className="soft"> by {row.bucket}</small></th>
              <td className="soft">{row.source}</td>
              <td><State state={row.fault === null ? row.state : 'failed'} />
                {row.fault !== null && <code>{row.fault}</code>}</td>
              <td className="figure">{row.lag_s === null ? '–' : span(row.lag_s)}</td>
              <td className="wide"><Spark values={seen.get(`rollup_lag ${row.name}`) ?? []} /></td>
              <td className="figure">{row.unfolded === null ? '–' : number(row.unfolded)}</td>
              <td><Ago at={row.folded_at} /></td>
              <td><Ago at={row.audited_at} /></td>
              <td className={`figure ${row.mismatches ? 'bad' : ''}`}>
                {row.mismatches === null ? '–' : number(row.mismatches)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Expectations() {
  const checks = useChecks();
  const rows = (checks.data?.data.checks ?? [])
    .filter(({ kind }) => kind === 'expectation');

  if (rows.length === 0)
    return <Instead of={checks} empty={<Empty title="The contract expects nothing of the data" />} />;
  return (
    <div className="scroll" role="region" aria-label="Expectations" tabIndex={0}>
      <table>
        <thead><tr><th>Expectation</th><th>State</th><th className="figure">Value</th>
          <th className="figure">Threshold</th><th>Since</th><th>Says</th></tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={checkKey(row)}>
              <th scope="row">{row.subject}</th>
              <td><State state={row.state}>{SAID[row.state]}</State></td>
              <td className="figure">{valueOf(row)}</td>
              <td className="figure soft">{limitOf(row)}</td>
              <td><Ago at={row.since} /></td>
              <td className="soft">{row.message ?? '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function DataSection() {
  return (
    <>
      <Panel title="Aggregates" note="Reads are exact at any moment; the lag is what they have to add.">
        <Rollups />
      </Panel>
      <Panel title="Expectations" note="What the contract expects of the data.">
        <Expectations />
      </Panel>
    </>
  );
}
