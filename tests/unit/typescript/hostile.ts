// SPDX-License-Identifier: MIT
//
// Whatever comes back, a call gives a Result: replies of any shape by a fake
// fetch, and servers that do what servers do when they break, by a real one.

import { createServer } from 'node:http';
import type { Server } from 'node:net';
import { createServer as createSocket } from 'node:net';
import type { AddressInfo } from 'node:net';

import { call, createClient } from './runtime/client.ts';
import type { Client, Result } from './runtime/client.ts';
import { systemClock } from './runtime/retry.ts';
import { Fake, inputs, routes } from './fake.ts';
import { holds, same, test } from './tap.ts';

type Name = keyof typeof routes;

/** mulberry32: the same cases in each run. */
function dice(seed: number): () => number {
  return () => {
    seed = seed + 0x6d2b79f5 | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
}

const next = dice(20261122);
const pick = <T>(of: readonly T[]): T => of[Math.floor(next() * of.length)]!;

const scalars = [null, true, false, 0, -1, 1e300, '', 'internal', 'x', 409];
const names = ['ok', 'data', 'error', 'meta', 'code', 'status', 'message',
  'retryable', 'issues', 'page', 'next', 'limit', 'request_id', '__proto__',
  'toString', 'length', 'path'];

function anything(depth: number): unknown {
  const kind = next();
  if (depth === 0 || kind < 0.3)
    return pick(scalars);
  if (kind < 0.45)
    return Array.from({ length: Math.floor(next() * 4) },
      () => anything(depth - 1));
  return Object.fromEntries(Array.from({ length: Math.floor(next() * 6) },
    () => [pick(names), anything(depth - 1)]));
}

/** A reply that is nearly one of ours. */
function nearly(): unknown {
  const isOk = next() < 0.5;
  const envelope: Record<string, unknown> = {
    ok: isOk, meta: { request_id: 'r', page: { limit: 1, next: null } },
    ...isOk ? { data: [] } : { error: {
      code: pick(['internal', 'validation_failed', 'new_one']), status: 500,
      message: 'm', retryable: true, issues: [] } },
  };
  const where = next() < 0.5 ? envelope
    : (isOk ? envelope.meta : envelope.error) as Record<string, unknown>;
  where[pick(Object.keys(where))] = anything(2);
  return envelope;
}

function isResult(result: Result<unknown, unknown>): boolean {
  if (typeof result.meta !== 'object' || !('request_id' in result.meta))
    return false;
  if (result.ok)
    return 'data' in result && typeof result.status === 'number';
  const error = result.error as Record<string, unknown>;
  return typeof error.code === 'string' && typeof error.message === 'string'
    && typeof error.status === 'number' && typeof error.retryable === 'boolean'
    && (error.code !== 'validation_failed' || Array.isArray(error.issues))
    && (error.code !== 'unknown_problem'
      || typeof error.serverCode === 'string');
}

test('600 replies of any shape give a result', async () => {
  const statuses = [200, 201, 204, 301, 304, 400, 401, 404, 409, 422, 429, 500,
    503, 599];
  for (let i = 0; i < 600; i++) {
    const name = pick(Object.keys(routes) as Name[]);
    const body = i % 2 ? nearly() : anything(4);
    const text = JSON.stringify(body);
    const fake = new Fake([{ status: pick(statuses),
      text: next() < 0.2 ? text.slice(0, next() * text.length) : text,
      headers: { 'retry-after': pick(['', 'x', '1', '-5', '99999999999']) } }],
    { token: () => 't', refresh: () => pick(['u', null]) });
    const result = await fake.clock.drive(
      call(fake.client, routes[name], inputs[name]));
    holds(isResult(result), `case ${i}: ${text} -> ${JSON.stringify(result)}`);
    if (result.ok && name === 'list')
      holds(Array.isArray(result.data) && 'page' in result.meta, `case ${i}`);
  }
});

test('What fetch must not give gives a result as well', async () => {
  const odd: unknown[] = [undefined, null, 7, {}, { status: 200 },
    { status: 200, headers: {}, text: () => 'x' },
    { status: 200, headers: new Headers(), text: () => Promise.resolve(7) },
    { status: 200, headers: new Headers(), text: () => { throw 1; } },
    { status: 200, headers: { get: () => { throw 1; } }, text: () => '{}' },
    { get status() { throw new Error('a getter'); } }];
  for (const response of odd) {
    const fake = new Fake([], { fetch: async () => response as Response });
    const result = await fake.clock.drive(call(fake.client, routes.list, {}));
    same([result.ok, isResult(result)], [false, true], String(response));
  }
});

test('Any input gives a result', async () => {
  const hostile = new Proxy({}, { ownKeys: () => { throw new Error('no'); },
    get: () => { throw new Error('no'); } });
  const all = [undefined, null, 0, '', 'text', [], () => 1, hostile,
    { body: hostile }, { id: hostile }, { id: 'a', select: 7 },
    Object.create(null), { where: hostile }];
  for (const name of Object.keys(routes) as Name[])
    for (const input of all)
      for (const options of [undefined, {}, { key: 7 }, { headers: null },
        { signal: 'none' }, { timeoutMs: NaN }, { retries: -1 }]) {
        const fake = new Fake([{ status: 200, text: '{}' }]);
        const result = await fake.clock.drive(
          call(fake.client, routes[name], input, options as object));
        holds(isResult(result) && !result.ok, `${name} ${String(options)}`);
      }
});

test('Settings that throw give a result', async () => {
  const boom = () => { throw new Error('boom'); };
  for (const options of [{ makeKey: boom }, { requestId: boom },
    { fetch: boom }, { token: boom }]) {
    const fake = new Fake([], options);
    const result = await fake.clock.drive(
      call(fake.client, routes.create, inputs.create));
    same([result.ok, isResult(result)], [false, true]);
  }
});

// ---- Real servers.

async function listening(server: Server): Promise<string> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What a server writes, and how it then ends; false stays open. */
const breaks: Record<string, [bytes: string, end: boolean, code: string]> = {
  'says nothing and closes': ['', true, 'network_failed'],
  'says no HTTP': ['SSH-2.0-OpenSSH_9.2\r\n', true, 'network_failed'],
  'closes within the head': ['HTTP/1.1 200 OK\r\nContent-Le', true,
    'network_failed'],
  'closes within the body': ['HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n'
    + '{"ok":true,"data":[', true, 'network_failed'],
  'closes within a chunk': ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n'
    + '\r\n40\r\n{"ok"', true, 'network_failed'],
  'sends half a reply as a whole': ['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n'
    + '\r\n{"ok":tru', true, 'reply_unreadable'],
  'sends a page': ['HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n'
    + 'Content-Length: 6\r\n\r\n<html>', true, 'reply_unreadable'],
  'sends bytes that are no text': ['HTTP/1.1 200 OK\r\nContent-Length: 3\r\n'
    + '\r\n\xff\xfe\x00', true, 'reply_unreadable'],
  'redirects to itself': ['HTTP/1.1 307 Moved\r\nLocation: /\r\n'
    + 'Content-Length: 0\r\n\r\n', true, 'network_failed'],
  'is silent': ['', false, 'timed_out'],
  'stops within the body': ['HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{',
    false, 'timed_out'],
};

for (const [what, [bytes, end, code]] of Object.entries(breaks))
  test(`A server that ${what} is ${code}, and asked three times`, async () => {
    let asked = 0;
    const server = createSocket((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        asked++;
        socket.write(Buffer.from(bytes, 'latin1'));
        if (end)
          socket.end();
      });
    });
    const client = createClient({ base: await listening(server),
      timeoutMs: end ? 10000 : 150,
      clock: { ...systemClock, random: () => 0 } });
    try {
      const result = await call(client, routes.list, {});
      holds(!result.ok && isResult(result), 'a failure');
      same((result.error as { code: string }).code, code);
      same(what.startsWith('redirects') || asked === 3, true, `${asked}`);
    } finally {
      server.close();
    }
  });

test('A connection that is reset is network_failed', async () => {
  const server = createSocket((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.resetAndDestroy());
  });
  const client = createClient({ base: await listening(server),
    clock: { ...systemClock, random: () => 0 } });
  const result = await call<unknown, { code: string }>(client, routes.list, {});
  server.close();
  holds(!result.ok && result.error.code === 'network_failed', 'a failure');
  const gone = await call<unknown, { code: string }>(client, routes.list, {});
  holds(!gone.ok && gone.error.code === 'network_failed', 'nobody listens');
});

test('A write whose reply is lost is done once by its key', async () => {
  const done = new Map<string, string>();
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => { body += part; });
    request.on('end', () => {
      const key = request.headers['idempotency-key'] as string;
      const isReplay = done.has(key);
      done.set(key, done.get(key) ?? body);
      if (!isReplay) {
        response.destroy();
        return;
      }
      response.writeHead(201, { 'idempotency-replayed': 'true' });
      response.end(JSON.stringify({ ok: true, data: { id: 'a' },
        meta: { request_id: 'r' } }));
    });
  });
  const client: Client = createClient({ base: await listening(server),
    clock: { ...systemClock, random: () => 0 } });
  const result = await call(client, routes.create, inputs.create);
  server.closeAllConnections();
  server.close();
  holds(result.ok && result.replayed, 'it is a replay');
  same([...done.values()], ['{"title":"Hi"}']);
});
