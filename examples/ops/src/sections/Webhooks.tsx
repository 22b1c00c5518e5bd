// SPDX-License-Identifier: MIT
//
// What is sent to customers' endpoints: how each endpoint does, and each delivery
// with its attempts. Of an endpoint the host is known here, and of a message its
// type: what it says is the customer's.

import { useState } from 'react';
import { listOptions as attemptsOptions } from '../api/queries/delivery_attempts.ts';
import { listOptions as endpointsOptions } from '../api/queries/delivery_endpoints.ts';
import { listOptions as deliveriesOptions } from '../api/queries/webhook_deliveries.ts';
import type { WebhookDelivery } from '../api/index.ts';
import { client } from '../api.ts';
import { useLive } from '../live.ts';
import { goInstead, place } from '../place.ts';
import { Panel, Waiting } from '../parts/Panel.tsx';
import { Empty, Instead, State } from '../parts/States.tsx';
import { useSteady } from '../parts/steady.ts';
import { Ago } from '../parts/Time.tsx';
import { useStore } from '../store.ts';
import { span } from '../words.ts';

const STATES = ['failed', 'retrying', 'pending', 'delivered', 'cancelled'] as const;

function useEndpoints(enabled = true) {
  return useLive(endpointsOptions(client, { limit: 100 }), 5000, enabled);
}

function Endpoints({ of, chosen }: { of: ReturnType<typeof useEndpoints>; chosen: string }) {
  const { words } = useStore(place);
  const rows = of.data?.data ?? [];
  const steady = useSteady(rows, ({ id }) => id, 'endpoints');

  if (steady.rows.length === 0)
    return <Instead of={of} empty={<Empty title="No endpoint">Nobody wants to be told anything yet.</Empty>} />;
  return (
    <div {...steady.hold}>
      <Waiting count={steady.waiting} onLetIn={steady.letIn} />
      <div className="scroll" role="region" aria-label="Endpoints" tabIndex={0}>
        <table>
          <thead><tr><th>Endpoint</th><th>State</th><th>Wants</th><th>Failing</th>
            <th>Owner</th><th>Changed</th></tr></thead>
          <tbody>
            {steady.rows.map(({ row, key, gone }) => (
              <tr key={key} className={gone ? 'gone' : row.id === chosen ? 'chosen' : undefined}>
                <th scope="row">
                  <button type="button" className="link" aria-pressed={row.id === chosen}
                    onClick={() => goInstead('webhooks', { ...words,
                      endpoint: row.id === chosen ? '' : row.id })}>{row.host}</button>
                </th>
                <td>{row.enabled
                  ? <State state={row.failing_since ? 'failing' : 'enabled'} />
                  : <State state={row.disabled_reason === 'owner' ? 'off' : 'disabled'}>
                      {row.disabled_reason === 'owner' ? 'off, by its owner'
                        : `off: ${row.disabled_reason}`}</State>}</td>
                <td className="soft">{row.types.length === 0 ? 'all' : row.types.join(', ')}</td>
                <td><Ago at={row.failing_since} /></td>
                <td><code>{row.owner_id.slice(0, 8)}</code></td>
                <td><Ago at={row.updated_at} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function Attempts({ delivery }: { delivery: string }) {
  const attempts = useLive(attemptsOptions(client, {
    where: { delivery_id: { eq: delivery } }, limit: 50 }), 3000);
  const rows = attempts.data?.data ?? [];

  if (rows.length === 0)
    return <Instead of={attempts} empty={<p className="soft">It has not been tried yet.</p>} />;
  return (
    <ol className="attempts">
      {rows.map((attempt) => (
        <li key={attempt.id} className={attempt.error === null ? 'good' : 'bad'}>
          <span>#{attempt.number}</span>
          <State state={attempt.error === null ? 'delivered' : 'failed'}>
            {attempt.status ?? 'no reply'}</State>
          {attempt.error !== null && <code>{attempt.error}</code>}
          <span className="soft">{attempt.took_ms !== null &&
            `${span(attempt.took_ms / 1000)}, `}<Ago at={attempt.created_at} /></span>
        </li>
      ))}
    </ol>
  );
}

function DeliveryRow({ delivery, host, gone }: {
  delivery: WebhookDelivery; host: string; gone: boolean;
}) {
  const [open, setOpen] = useState(false);

  return (
    <tbody className={gone ? 'gone' : undefined}>
      <tr>
        <th scope="row">
          <button type="button" className="link" aria-expanded={open}
            onClick={() => setOpen(!open)}>
            <svg className="turn" viewBox="0 0 16 16" aria-hidden="true"><path d="M6 4l4 4-4 4" /></svg>
            {delivery.type}
          </button>
        </th>
        <td data-name="Endpoint">{host}</td>
        <td data-name="State">{gone ? <span className="soft">no longer here</span> : <State state={delivery.state} />}</td>
        <td data-name="Attempts" className="figure">{delivery.attempts}</td>
        <td data-name="Last reply" className="error">{delivery.error
          ? <code>{delivery.error}</code> : <span className="soft">{delivery.status ?? '–'}</span>}</td>
        <td data-name="Came"><Ago at={delivery.created_at} /></td>
      </tr>
      {open && (
        <tr className="more"><td colSpan={6}>
          <dl className="facts">
            <div><dt>Message</dt><dd><code>{delivery.message_id}</code></dd></div>
            <div><dt>Delivery</dt><dd><code>{delivery.id}</code></dd></div>
            <div><dt>Owner</dt><dd><code>{delivery.owner_id}</code></dd></div>
          </dl>
          <Attempts delivery={delivery.id} />
        </td></tr>
      )}
    </tbody>
  );
}

function Deliveries({ state, endpoint, hosts }: {
  state: string; endpoint: string; hosts: ReadonlyMap<string, string>;
}) {
  const [after, setAfter] = useState<string | null>(null);
  const wanted = STATES.find((s) => s === state);
  const deliveries = useLive(deliveriesOptions(client, {
    limit: 50, ...(after !== null && { after }),
    where: { ...(wanted && { state: { eq: wanted } }),
      ...(endpoint && { endpoint_id: { eq: endpoint } }) },
  }), 3000);
  const steady = useSteady(deliveries.data?.data ?? [], ({ id }) => id, after ?? '');

  if (steady.rows.length === 0)
    return <Instead of={deliveries} empty={<Empty title="No such delivery" />} />;
  return (
    <div {...steady.hold}>
      <Waiting count={steady.waiting} onLetIn={steady.letIn} />
      <div className="scroll" role="region" aria-label="Deliveries" tabIndex={0}>
        <table className="cards">
          <thead><tr><th>Message</th><th>Endpoint</th><th>State</th>
            <th className="figure">Attempts</th><th>Last reply</th><th>Came</th></tr></thead>
          {steady.rows.map(({ row, key, gone }) => (
            <DeliveryRow key={key} delivery={row} gone={gone}
              host={hosts.get(row.endpoint_id) ?? row.endpoint_id.slice(0, 8)} />
          ))}
        </table>
      </div>
      <div className="pages">
        {after !== null && <button type="button" onClick={() => setAfter(null)}>The latest</button>}
        {deliveries.data?.meta.page.next && <button type="button"
          onClick={() => setAfter(deliveries.data?.meta.page.next ?? null)}>Older</button>}
      </div>
    </div>
  );
}

export function WebhooksSection() {
  const { words } = useStore(place);
  const endpoints = useEndpoints();
  const state = words['state'] ?? '', endpoint = words['endpoint'] ?? '';
  const hosts = new Map((endpoints.data?.data ?? []).map(({ id, host }) => [id, host]));

  return (
    <>
      <Panel title="Endpoints" note="Choose one to see its deliveries alone.">
        <Endpoints of={endpoints} chosen={endpoint} />
      </Panel>
      <Panel title="Deliveries" note={endpoint
        ? `Of ${hosts.get(endpoint) ?? 'one endpoint'}.` : 'The latest first; open one for its attempts.'}>
        <form className="filter" onSubmit={(event) => event.preventDefault()}>
          <label>State
            <select value={state} onChange={(event) => goInstead('webhooks',
              { ...words, state: event.target.value })}>
              <option value="">all</option>
              {STATES.map((name) => <option key={name}>{name}</option>)}
            </select>
          </label>
        </form>
        <Deliveries key={`${state} ${endpoint}`} state={state} endpoint={endpoint} hosts={hosts} />
      </Panel>
    </>
  );
}
