// SPDX-License-Identifier: MIT
//
// Exports and how far they are: asked for each second while one runs, else less
// often.

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { exports_ as exports } from '../api/index.ts';
import { keys, listOptions } from '../api/queries/exports.ts';
import { told } from '../actions.ts';
import { client } from '../api.ts';
import { useLive } from '../live.ts';
import { Dialog } from '../parts/Dialog.tsx';
import { tell } from '../parts/notices.tsx';
import { Panel, Waiting } from '../parts/Panel.tsx';
import { Empty, Instead, State } from '../parts/States.tsx';
import { useSteady } from '../parts/steady.ts';
import { Ago } from '../parts/Time.tsx';
import type { Export } from '../shapes.ts';
import { bytes, many, number, span, words } from '../words.ts';

const isOn = ({ state }: Export) => state === 'queued' || state === 'running';

function Cancel({ of }: { of: Export }) {
  const cache = useQueryClient();
  const [asks, setAsks] = useState(false);
  const change = useMutation({
    mutationFn: async () => told(await exports.cancel(client, { id: of.id })),
    onSuccess: () => {
      setAsks(false);
      tell('good', `The export of ${of.operation} is cancelled.`);
    },
    onSettled: () => cache.invalidateQueries({ queryKey: keys.all }),
  });

  return (
    <>
      <button type="button" className="small" onClick={() => setAsks(true)}>
        Cancel<span className="unseen"> the export of {of.operation}</span></button>
      {asks && (
        <Dialog title="Cancel this export?" act="Cancel the export" danger
          busy={change.isPending} refused={change.error && words(change.error)}
          onAct={() => change.mutate()} onClose={() => setAsks(false)}>
          <p>{of.operation} as {of.format}, {many(of.rows, 'row')} so far. What was written
            is thrown away.</p>
        </Dialog>
      )}
    </>
  );
}

/** A bar with its number; one without an end while nobody knows how many come. */
function Progress({ of }: { of: Export }) {
  const percent = of.state === 'ready' ? 100 : of.percent;

  return (
    <div className="progress">
      <progress aria-label={`Progress of ${of.operation}`} max={100}
        {...(percent !== null && { value: percent })} />
      <span>{percent === null ? '–' : `${number(Math.floor(percent))} %`}</span>
    </div>
  );
}

/** How long it may still take, from what is left and how fast it goes. */
function left({ estimate, rows, rate }: Export): string | null {
  return estimate === null || !rate || estimate <= rows ? null
    : `about ${span((estimate - rows) / rate)} left`;
}

function Row({ of, gone }: { of: Export; gone: boolean }) {
  return (
    <tr className={gone ? 'gone' : undefined}>
      <th scope="row">{of.operation}<small className="soft"> {of.format}</small></th>
      <td data-name="State"><State state={of.state} />{of.reason && <small className="soft"> {of.reason}</small>}</td>
      <td data-name="Progress">{of.state === 'cancelled' || of.state === 'failed' || of.state === 'expired'
        ? <span className="soft">–</span> : <Progress of={of} />}</td>
      <td data-name="Rows" className="figure">{number(of.rows)}{of.state === 'running' && of.estimate !== null &&
        <small className="soft"> of ~{number(of.estimate)}</small>}</td>
      <td data-name="Speed" className="figure">{of.state === 'running' && of.rate
        ? <>{number(of.rate)}/s<small className="soft"> {left(of)}</small></>
        : <span className="soft">–</span>}</td>
      <td data-name="Size" className="figure">{bytes(of.bytes)}</td>
      <td data-name="Came"><Ago at={of.created_at} /></td>
      <td className="do">{isOn(of) && !gone && <Cancel of={of} />}</td>
    </tr>
  );
}

function List() {
  const [runs, setRuns] = useState(true);
  const list = useLive(listOptions(client, { limit: 50 }), runs ? 1000 : 4000);
  const rows = list.data?.data ?? [];
  const steady = useSteady(rows, ({ id }) => id, 'exports');

  if (runs !== rows.some(isOn)) setRuns(!runs);
  if (steady.rows.length === 0) {
    return <Instead of={list} empty={<Empty title="No export">
      Whoever asks for one is seen here while it is written.</Empty>} />;
  }
  return (
    <div {...steady.hold}>
      <Waiting count={steady.waiting} onLetIn={steady.letIn} />
      <div className="scroll" role="region" aria-label="Exports" tabIndex={0}>
        <table className="cards">
          <thead><tr><th>Export</th><th>State</th><th>Progress</th><th className="figure">Rows</th>
            <th className="figure">Speed</th><th className="figure">Size</th><th>Came</th>
            <th><span className="unseen">Do</span></th></tr></thead>
          <tbody>
            {steady.rows.map(({ row, key, gone }) => <Row key={key} of={row} gone={gone} />)}
          </tbody>
        </table>
      </div>
    </div>
  );
}

export function ExportsSection() {
  return (
    <Panel title="Exports" note="The latest first. The files are their owners’ alone.">
      <List />
    </Panel>
  );
}
