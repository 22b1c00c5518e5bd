// SPDX-License-Identifier: MIT
import { checkKey, history } from '../figures.ts';
import { useChecks } from '../monitor.ts';
import { byKind, KINDS, labelOf, limitOf, valueOf } from '../checks.ts';
import { Panel } from '../parts/Panel.tsx';
import { Spark } from '../parts/Chart.tsx';
import { Instead, State } from '../parts/States.tsx';
import { Ago } from '../parts/Time.tsx';
import type { Check, Checks } from '../shapes.ts';
import { useStore } from '../store.ts';
import { many } from '../words.ts';
import { TrafficCharts } from './Traffic.tsx';

function Fault({ check }: { check: Check }) {
  return (
    <li className={`fault ${check.state === 'unhealthy' ? 'bad' : 'warn'}`}>
      <State state={check.state} />
      <div>
        <strong>{check.subject}</strong> {labelOf(check)}
        <span className="soft"> · {KINDS[check.kind] ?? check.kind}</span>
        {check.message && <p className="soft">{check.message}</p>}
      </div>
      <dl>
        <div><dt>value</dt><dd>{valueOf(check)}</dd></div>
        <div><dt>threshold</dt><dd>{limitOf(check)}</dd></div>
        <div><dt>since</dt><dd><Ago at={check.since} /></dd></div>
      </dl>
    </li>
  );
}

function Faults({ checks }: { checks: Checks }) {
  const wrong = checks.checks.filter(({ state }) => state === 'unhealthy');

  if (wrong.length === 0) {
    return (
      <div className={`verdict ${checks.state}`}>
        <State state={checks.state}>
          {checks.state === 'healthy' ? 'All is well' : 'Not all is known'}
        </State>
        <p className="soft">{many(checks.checks.length, 'check')} of{' '}
          {many(byKind(checks.checks).length, 'kind')}, none unhealthy.</p>
      </div>
    );
  }
  return (
    <ul className="faults" aria-label="Unhealthy checks">
      {wrong.map((check) => <Fault key={checkKey(check)} check={check} />)}
    </ul>
  );
}

/** One kind's checks; open when one of them is not well. */
function Kind({ kind, checks }: { kind: string; checks: readonly Check[] }) {
  const seen = useStore(history);
  const bad = checks.filter(({ state }) => state !== 'healthy').length;

  return (
    <details className="kind" open={bad > 0 || undefined}>
      <summary>
        <span>{KINDS[kind] ?? kind}</span>
        <span className="soft">{many(checks.length, 'check')}</span>
        <State state={checks.some((c) => c.state === 'unhealthy') ? 'unhealthy'
          : bad > 0 ? 'unknown' : 'healthy'}>
          {bad > 0 ? `${bad} not well` : 'well'}
        </State>
      </summary>
      <div className="scroll" role="region" tabIndex={0}
        aria-label={`Checks: ${KINDS[kind] ?? kind}`}>
        <table>
          <thead>
            <tr><th>Subject</th><th>Check</th><th>State</th><th className="figure">Value</th>
              <th className="figure">Threshold</th><th className="wide">Trend</th>
              <th>Since</th></tr>
          </thead>
          <tbody>
            {checks.map((check) => (
              <tr key={checkKey(check)}>
                <th scope="row">{check.subject}</th>
                <td>{labelOf(check)}{check.message &&
                  <small className="soft"> {check.message}</small>}</td>
                <td><State state={check.state} /></td>
                <td className="figure">{valueOf(check)}</td>
                <td className="figure soft">{limitOf(check)}</td>
                <td className="wide"><Spark values={seen.get(checkKey(check)) ?? []} /></td>
                <td><Ago at={check.since} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

export function Overview() {
  const checks = useChecks();
  const told = checks.data?.data;

  return (
    <>
      {told ? <Faults checks={told} /> : <Instead of={checks} empty={null} />}
      <TrafficCharts only={null} />
      {told && (
        <Panel title="Checks" note={told.checked_at === null ? 'Nobody has looked yet.'
          : <>Looked at <Ago at={told.checked_at} /></>}>
          {byKind(told.checks).map(([kind, of]) =>
            <Kind key={kind} kind={kind} checks={of} />)}
        </Panel>
      )}
    </>
  );
}
