// SPDX-License-Identifier: MIT
//
// Queues, with what waits in them; and the services that jobs call, with their
// breakers.

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { queues } from '../api/index.ts';
import { keys, listOptions } from '../api/queries/queues.ts';
import { client } from '../api.ts';
import { amount, BREAKER, limitOf } from '../checks.ts';
import { history } from '../figures.ts';
import { useLive } from '../live.ts';
import { useChecks } from '../monitor.ts';
import { Spark } from '../parts/Chart.tsx';
import { tell } from '../parts/notices.tsx';
import { Panel } from '../parts/Panel.tsx';
import { Empty, Instead, State } from '../parts/States.tsx';
import { Ago } from '../parts/Time.tsx';
import { told } from '../actions.ts';
import type { Check } from '../shapes.ts';
import { useStore } from '../store.ts';
import { words } from '../words.ts';

/** Pauses or resumes; what came of it is in the list at once. */
function Toggle({ name, paused }: { name: string; paused: boolean }) {
  const cache = useQueryClient();
  const change = useMutation({
    mutationFn: async () => told(await (paused ? queues.resume : queues.pause)(
      client, { name })),
    onSuccess: () => tell('good', paused ? `The queue ${name} goes on.`
      : `The queue ${name} rests. What runs is finished.`),
    onError: (problem) => tell('bad', `The queue ${name} was left as it is. ` +
      words(problem)),
    onSettled: () => cache.invalidateQueries({ queryKey: keys.all }),
  });

  return (
    <button type="button" className="small" disabled={change.isPending}
      onClick={() => change.mutate()}>
      {paused ? 'Resume' : 'Pause'}<span className="unseen"> {name}</span>
    </button>
  );
}

function Queues() {
  const checks = useChecks();
  const rests = useLive(listOptions(client, { limit: 100 }), 3000);
  const seen = useStore(history);
  const of = (name: string) => new Map((checks.data?.data.checks ?? [])
    .filter((check) => check.name === name).map((check) => [check.subject, check]));
  const depth = of('queue_depth'), age = of('queue_age');
  const paused = new Map((rests.data?.data ?? []).map((queue) => [queue.name, queue]));
  const names = [...new Set([...depth.keys(), ...paused.keys()])].sort();

  if (names.length === 0) {
    return <Instead of={checks.data ? rests : checks}
      empty={<Empty title="The contract has no queue" />} />;
  }
  return (
    <div className="scroll" role="region" aria-label="Queues" tabIndex={0}>
      <table className="cards">
        <thead>
          <tr><th>Queue</th><th>State</th><th className="figure">Waiting</th>
            <th className="wide">Trend</th><th className="figure">Oldest</th>
            <th>Changed</th><th><span className="unseen">Do</span></th></tr>
        </thead>
        <tbody>
          {names.map((name) => {
            const rest = paused.get(name);
            const d = depth.get(name), a = age.get(name);
            const bad = [d, a].some((check) => check?.state === 'unhealthy');

            return (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td data-name="State">{rest?.paused ? <State state="paused" />
                  : <State state={bad ? 'unhealthy' : 'on'}>{bad ? 'behind' : 'working'}</State>}
                </td>
                <td data-name="Waiting" className="figure">{amount(d?.value ?? null, 'jobs')}</td>
                <td className="wide"><Spark values={seen.get(`queue_depth ${name}`) ?? []} /></td>
                <td data-name="Oldest" className="figure" title={a ? `Threshold: ${limitOf(a)}` : undefined}>
                  {amount(a?.value ?? null, 'seconds')}</td>
                <td data-name="Changed"><Ago at={rest?.updated_at ?? null} /></td>
                <td className="do"><Toggle name={name} paused={rest?.paused ?? false} /></td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

const SAID: Readonly<Record<string, string>> = {
  closed: 'It is called.',
  half_open: 'One job tries whether it answers again.',
  open: 'It failed too often: its jobs wait, and it is left alone for a while.',
};

function Service({ state, failures }: { state: Check; failures: Check | undefined }) {
  const word = state.value === null ? 'unknown' : BREAKER[state.value] ?? 'unknown';

  return (
    <li className={`service ${word}`}>
      <header><h3>{state.subject}</h3><State state={word} /></header>
      <p className="soft">{SAID[word] ?? 'Nobody has looked of late.'}</p>
      <dl>
        <div><dt>since</dt><dd><Ago at={state.since} /></dd></div>
        <div><dt>failures in a row</dt><dd>{amount(failures?.value ?? null, 'calls')}</dd></div>
      </dl>
    </li>
  );
}

function Services() {
  const checks = useChecks();
  const all = checks.data?.data.checks ?? [];
  const states = all.filter(({ name }) => name === 'breaker_state');

  if (states.length === 0)
    return <Instead of={checks} empty={<Empty title="No job calls a service" />} />;
  return (
    <ul className="services">
      {states.map((state) => (
        <Service key={state.subject} state={state} failures={all.find((check) =>
          check.name === 'service_failures' && check.subject === state.subject)} />
      ))}
    </ul>
  );
}

export function QueuesSection() {
  return (
    <>
      <Panel title="Queues" note="A paused queue finishes what runs and takes nothing new.">
        <Queues />
      </Panel>
      <Panel title="Breakers" note="One for each service that jobs call.">
        <Services />
      </Panel>
    </>
  );
}
