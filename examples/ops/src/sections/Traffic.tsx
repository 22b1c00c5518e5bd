// SPDX-License-Identifier: MIT
import { useMemo, useState } from 'react';
import { looks, pointsOf, routesNow, WINDOW_MS } from '../figures.ts';
import { Chart } from '../parts/Chart.tsx';
import { Panel } from '../parts/Panel.tsx';
import { Empty } from '../parts/States.tsx';
import { useSteady } from '../parts/steady.ts';
import { useStore } from '../store.ts';
import { number, span } from '../words.ts';

const LEAST_MS = 120_000;

const rate = (value: number) => `${number(value)}/s`;
const share = (value: number) => `${number(value * 100)} %`;
const told = (value: number | null, how: (value: number) => string) =>
  value === null || Number.isNaN(value) ? '–' : how(value);

/** Requests, errors and latency of one route, or of all. */
export function TrafficCharts({ only }: { only: string | null }) {
  const all = useStore(looks);
  const points = useMemo(() => pointsOf(all, only), [all, only]);
  const times = points.map(({ at }) => at);
  // It grows with what is known, so that the first minutes are no thin line.
  const known = (times[times.length - 1] ?? 0) - (times[0] ?? 0);
  const shared = { times, span: Math.min(WINDOW_MS, Math.max(LEAST_MS, known)) };

  return (
    <div className="charts">
      <Chart {...shared} title="Requests" format={rate} least={1} lines={[
        { name: 'all', tint: 1, values: points.map((p) => p.requests) }]} />
      <Chart {...shared} title="Errors" format={share} least={.01} lines={[
        { name: '5xx', tint: 3, values: points.map((p) => p.errors) },
        { name: '4xx', tint: 2, values: points.map((p) => p.rejected) }]} />
      <Chart {...shared} title="Latency" format={span} least={.01} lines={[
        { name: 'p50', tint: 1, values: points.map((p) => p.p50) },
        { name: 'p95', tint: 2, values: points.map((p) => p.p95) },
        { name: 'p99', tint: 3, values: points.map((p) => p.p99) }]} />
    </div>
  );
}

export function TrafficSection() {
  const all = useStore(looks);
  const [only, setOnly] = useState<string | null>(null);
  const routes = useMemo(() => routesNow(all), [all]);
  const steady = useSteady(routes, ({ name }) => name, 'routes');

  return (
    <>
      <p className="lead" aria-live="polite">
        {only === null ? 'All routes' : <><code>{only}</code>{' '}
          <button type="button" className="small" onClick={() => setOnly(null)}>
            All routes</button></>}
        <span className="soft"> · the last 15 minutes that this page was open</span>
      </p>
      <TrafficCharts only={only} />
      <Panel title="Routes" note="Over the last minute, the busiest first.">
        {routes.length === 0
          ? <Empty title="No route has been asked for yet" />
          : (
            <div className="scroll" role="region" aria-label="Routes" tabIndex={0}
              {...steady.hold}>
              <table>
                <thead>
                  <tr><th>Route</th><th className="figure">Requests</th>
                    <th className="figure">5xx</th><th className="figure">4xx</th>
                    <th className="figure">p50</th><th className="figure">p99</th>
                    <th className="figure">In all</th></tr>
                </thead>
                <tbody>
                  {steady.rows.map(({ row, key }) => (
                    <tr key={key} className={row.name === only ? 'chosen' : undefined}>
                      <th scope="row">
                        <button type="button" className="link" aria-pressed={row.name === only}
                          onClick={() => setOnly(row.name === only ? null : row.name)}>
                          <code>{row.name}</code></button>
                      </th>
                      <td className="figure">{told(row.requests, rate)}</td>
                      <td className={`figure ${row.errors ? 'bad' : ''}`}>
                        {told(row.errors, share)}</td>
                      <td className="figure">{told(row.rejected, share)}</td>
                      <td className="figure">{told(row.p50, span)}</td>
                      <td className="figure">{told(row.p99, span)}</td>
                      <td className="figure soft">{number(row.total)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
      </Panel>
    </>
  );
}
