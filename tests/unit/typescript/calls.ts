// SPDX-License-Identifier: MIT
//
// What a call sends, what it makes of a reply, and how it is given up.

import { call } from './runtime/client.ts';
import type { TransportProblem } from './runtime/client.ts';
import { Fake, envelope, inputs, refusal, routes } from './fake.ts';
import { holds, same, test } from './tap.ts';

interface Told {
  code: string;
  message: string;
  [member: string]: unknown;
}

/** The problem of a call that must fail. */
async function problem(
  fake: Fake, route: keyof typeof routes, input?: object, options = {},
): Promise<Told> {
  const result = await fake.clock.drive(call<unknown, Told>(fake.client,
    routes[route], input ?? inputs[route], options));
  holds(!result.ok, 'it must fail');
  return result.error;
}

test('Path, query, header fields and body go where they belong', async () => {
  const fake = new Fake([envelope({ id: 'a' })], {
    headers: { 'X-App': 'web', 'Accept-Language': 'en' },
    requestId: () => 'call-1', token: () => 'T',
  });
  await call(fake.client, routes.update,
    { id: 'a/b?c d', body: { title: 'Hö', tone: null } },
    { match: '"tag"', return: 'minimal', rollback: true, key: 'k',
      headers: { 'accept-language': 'de' } });
  same(fake.sent[0], {
    url: 'https://host.example/api/letters/a%2Fb%3Fc%20d', method: 'PATCH',
    headers: {
      'x-app': 'web', 'accept-language': 'de', 'accept': 'application/json',
      'content-type': 'application/json', 'if-match': '"tag"',
      'prefer': 'return=minimal, tx=rollback', 'x-request-id': 'call-1',
      'authorization': 'Bearer T',
    },
    body: '{"title":"Hö","tone":null}', atMs: fake.sent[0]!.atMs,
  });
});

test('A GET call has its parameters in the query, and no body', async () => {
  const fake = new Fake([envelope([])]);
  await call(fake.client, routes.earnings,
    { id: 'a', months: 3, open: true, from: 'a&b', to: undefined });
  same(fake.sent[0]!.url.split('/earnings')[1],
    '?months=3&open=true&from=a%26b');
  same(fake.sent[0]!.body, undefined);
});

test('A base of any form leads to the same paths', async () => {
  for (const base of ['/api', '/api/', '/api//']) {
    const fake = new Fake([envelope(null)], { base });
    await call(fake.client, routes.delete, { id: 7 });
    same(fake.sent[0]!.url, '/api/letters/7');
  }
});

test('A success has data, meta, status, tag and whether it is a replay',
  async () => {
    const fake = new Fake([{ status: 201,
      headers: { etag: '"e1"', 'idempotency-replayed': 'true' },
      body: { ok: true, data: { id: 'a' }, meta: { request_id: 'r' } } }]);
    same(await call(fake.client, routes.create, inputs.create), {
      ok: true, data: { id: 'a' }, meta: { request_id: 'r' }, status: 201,
      etag: '"e1"', replayed: true,
    });
  });

test('A problem keeps its members, and has issues where its type says so',
  async () => {
    const issue = { path: ['title'], pointer: '/title', code: 'too_small',
      keyword: 'minLength', message: 'must have', params: { minimum: 1 } };
    const fake = new Fake([
      refusal(422, 'validation_failed', { issues: [issue, 7, {}] }),
      refusal(422, 'validation_failed'),
      refusal(400, 'malformed_json', { offset: 3, line: 1, column: 4 }),
    ]);
    same((await problem(fake, 'create')).issues, [issue]);
    same((await problem(fake, 'create')).issues, []);
    same(await problem(fake, 'create'), { code: 'malformed_json', status: 400,
      message: 'A sentence on malformed_json.', retryable: false,
      requestId: 'r-2', offset: 3, line: 1, column: 4 });
  });

test('What is the client\'s to say is not the server\'s', async () => {
  const fake = new Fake([refusal(409, 'reference_taken',
    { retryAfterMs: 'soon', requestId: 7, retryable: 'yes', message: {} })]);
  same(await problem(fake, 'create'), { code: 'reference_taken', status: 409,
    message: '', retryable: false, requestId: 'r-2' });
});

test('A code that is none of the operation is unknown_problem', async () => {
  const fake = new Fake([refusal(409, 'moon_full', { retryable: true }),
    refusal(402, 'pay_first')]);
  const first = await problem(fake, 'post');
  same([first.code, first.serverCode, first.status, first.retryable],
    ['unknown_problem', 'moon_full', 409, false]);
  const fake2 = new Fake([refusal(409, 'moon_full', { retryable: true })]);
  same((await problem(fake2, 'list')).retryable, true);
  same(fake2.sent.length, 3, 'the server says that it may do better later');
});

test('A server cannot pass for the client itself', async () => {
  for (const code of ['aborted', 'network_failed', 'unknown_problem',
    '__proto__', 'constructor', '']) {
    const fake = new Fake([refusal(409, code, { serverCode: 7 })]);
    const told = await problem(fake, 'create');
    same([told.code, told.serverCode], ['unknown_problem', code]);
  }
});

test('What is no reply of this API is reply_unreadable', async () => {
  const page = { request_id: null };
  const bodies: [number, string][] = [
    [200, '<html>Welcome to the hotel'], [200, ''], [200, 'null'], [200, '[]'],
    [200, '{"ok":true}'], [200, '{"ok":"true","data":[],"meta":{}}'],
    [200, '{"ok":false,"error":{"code":"internal"}}'],
    [200, JSON.stringify({ ok: true, data: [], meta: page })],
    [200, '{"ok":true,"data":{},"meta":{"page":{"limit":1,"next":null}}}'],
    [200, '{"ok":true,"data":[],"meta":{"page":{"limit":1}}}'],
    [200, '{"ok":true,"data":[],"meta":{"page":{"limit":1,"next":7}}}'],
    [404, '{"ok":true,"data":[],"meta":{"page":{"limit":1,"next":null}}}'],
    [404, '{"ok":false}'], [404, '{"ok":false,"error":{"code":7}}'],
    [404, '{"ok":false,"error":null}'], [304, ''], [204, ''],
    [200, '{"ok":true,"data":[],"meta":{"page":{"limit":1,"next":null}}'],
  ];
  for (const [status, text] of bodies) {
    const fake = new Fake([{ status, text }]);
    const told = await problem(fake, 'list', {}, { retries: 0 });
    same([told.code, told.status], ['reply_unreadable', status], text);
  }
});

test('A row that is none is reply_unreadable', async () => {
  const fake = new Fake([envelope('no row')]);
  same((await problem(fake, 'read')).code, 'reply_unreadable');
});

test('What cannot be said is not sent', async () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  const bodies = [{ n: NaN }, { n: [Infinity] }, { d: new Date(NaN) }, cycle,
    { n: 1n }, { get x() { throw new Error('a getter'); } },
    { toJSON() { throw new Error('toJSON'); } }];
  for (const body of bodies) {
    const fake = new Fake([envelope({})]);
    const told = await problem(fake, 'create', { body });
    same([told.code, told.retryable], ['request_unwritable', false]);
    same(fake.sent, []);
  }
});

test('A parameter of the path is one segment, and goes nowhere else',
  async () => {
    for (const id of ['', '.', '..', undefined, null, {}, [], NaN, '\ud800',
      Symbol('id')]) {
      const fake = new Fake([envelope({ id: 'a' })]);
      same((await problem(fake, 'read', { id })).code, 'request_unwritable',
        String(id));
      same(fake.sent, []);
    }
    const fake = new Fake([envelope({ id: 'a' })]);
    await call(fake.client, routes.read, { id: '../users' });
    same(fake.sent[0]!.url, 'https://host.example/api/letters/..%2Fusers');
  });

test('A call that was given up before is not made', async () => {
  const fake = new Fake([envelope([])]);
  const told = await problem(fake, 'list', {},
    { signal: AbortSignal.abort() });
  same(told, { code: 'aborted', status: 0, retryable: false,
    requestId: null,
    message: 'The call was given up.' });
  same(fake.sent, []);
});

test('A call is given up while it is made', async () => {
  const fake = new Fake(['hang']);
  const giveUp = new AbortController();
  const call1 = problem(fake, 'list', {}, { signal: giveUp.signal });
  await new Promise(setImmediate);
  giveUp.abort();
  same((await call1).code, 'aborted');
  same(fake.clock.timers.size, 0, 'timers left');
});

test('A call is given up while it waits to ask again', async () => {
  const giveUp = new AbortController();
  const fake = new Fake(['fail'], { onRetry: () => giveUp.abort() });
  const told = await problem(fake, 'list', {}, { signal: giveUp.signal });
  same([told.code, fake.sent.length], ['aborted', 1]);
  same(fake.clock.timers.size, 0, 'timers left');
});

test('A signal that outlives many calls is left as it was', async () => {
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...a: Parameters<typeof add>) => {
    listeners++;
    add(...a);
  };
  signal.removeEventListener = (...a: Parameters<typeof remove>) => {
    listeners--;
    remove(...a);
  };
  const fake = new Fake(['fail', envelope(null)]);
  await fake.clock.drive(call(fake.client, routes.delete, { id: 1 },
    { signal }));
  same(listeners, 0);
});

test('The signal that fetch gets ends what was given up', async () => {
  const giveUp = new AbortController();
  const fake = new Fake([]);
  let ended = false;
  const client = { ...fake.client, fetch: (_: string, init: RequestInit) =>
    new Promise<Response>((_, reject) => {
      init.signal!.addEventListener('abort', () => {
        ended = true;
        reject(new DOMException('gone', 'AbortError'));
      });
    }) };
  const work = call<unknown, TransportProblem>(client, routes.list, {},
    { signal: giveUp.signal });
  await new Promise(setImmediate);
  giveUp.abort();
  const result = await work;
  holds(!result.ok && result.error.code === 'aborted', 'aborted');
  same(ended, true);
});

/** What React Native has not, or has only in part. */
const ABSENT = ['URL', 'URLSearchParams', 'structuredClone', 'Headers',
  'Request', 'Response', 'TextEncoder', 'TextDecoder', 'DOMException',
  'crypto', 'performance', 'queueMicrotask', 'btoa', 'process', 'Buffer'];

test('It wants fetch, AbortController and timers, and nothing else',
  async () => {
    const kept = ABSENT.map((name) =>
      [name, Object.getOwnPropertyDescriptor(globalThis, name)!] as const);
    const { any, timeout } = AbortSignal;
    const fake = new Fake([]);
    const reply = { status: 201, headers: { get: () => null },
      text: async () => '{"ok":true,"data":{"id":"a"},"meta":{}}' };
    const client = { ...fake.client, fetch: async () => reply as never };
    let ended: unknown[] = [];
    try {
      for (const name of ABSENT)
        Object.defineProperty(globalThis, name,
          { value: undefined, configurable: true });
      Object.assign(AbortSignal, { any: undefined, timeout: undefined });
      ended = [await call(client, routes.create, inputs.create,
        { signal: new AbortController().signal }),
      await call(client, routes.read, { id: 'ä b', select: ['id'] })];
    } finally {
      for (const [name, was] of kept)
        Object.defineProperty(globalThis, name, was);
      Object.assign(AbortSignal, { any, timeout });
    }
    same(ended.map((result) => (result as { ok: boolean }).ok), [true, true]);
  });
