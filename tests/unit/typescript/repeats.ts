// SPDX-License-Identifier: MIT
//
// What is asked again, and when: the table of doc/WIRE.md, row by row.

import { call } from './runtime/client.ts';
import { Fake, envelope, inputs, refusal, routes } from './fake.ts';
import type { Answer } from './fake.ts';
import { holds, same, test } from './tap.ts';

type Name = keyof typeof routes;

const none: Record<string, Answer> = {
  'no connection': 'fail',
  'a connection that breaks': 'break',
  'no answer in time': 'hang',
  '502': refusal(502, 'upstream_failed'),
  '503': refusal(503, 'unavailable'),
  '504': refusal(504, 'timeout'),
  'a page of a proxy, 502': { status: 502, text: '<html>Bad Gateway' },
  'half a reply': { status: 200, text: '{"ok":true,"da' },
};

const good: Record<Name, Answer> = {
  list: { status: 200, body: { ok: true, data: [], meta: {
    request_id: null, page: { limit: 20, next: null } } } },
  read: envelope({ id: 'a' }), create: envelope({ id: 'a' }),
  post: envelope(1), update: envelope({ id: 'a' }), put: envelope({}),
  delete: envelope(null), earnings: envelope([]),
};

/** The rows of the table: what each does when no answer came. */
const table: [what: string, route: Name, repeats: boolean][] = [
  ['GET is repeated', 'list', true],
  ['GET of a row is repeated', 'read', true],
  ['GET of a call is repeated', 'earnings', true],
  ['a write with a key is repeated', 'create', true],
  ['PATCH is repeated', 'update', true],
  ['PUT is repeated', 'put', true],
  ['DELETE is repeated', 'delete', true],
  ['POST without a key is not repeated', 'post', false],
];

for (const [what, name, repeats] of table)
  test(`Without an answer ${what}`, async () => {
    for (const [fault, answer] of Object.entries(none)) {
      const fake = new Fake([answer, answer, good[name]]);
      const result = await fake.clock.drive(
        call(fake.client, routes[name], inputs[name]));
      same([result.ok, fake.sent.length], repeats ? [true, 3] : [false, 1],
        `${name}, ${fault}`);
      if (!result.ok)
        same((result.error as { retryable: boolean }).retryable, false, fault);
    }
  });

test('After 429 every request is repeated: nothing was done', async () => {
  const answers = [refusal(429, 'rate_limited', {}, { 'retry-after': '3' }),
    { status: 429, text: '<html>Slow down', headers: { 'retry-after': '3' } }];
  for (const name of Object.keys(routes) as Name[])
    for (const answer of answers) {
      const fake = new Fake([answer, good[name]]);
      const result = await fake.clock.drive(
        call(fake.client, routes[name], inputs[name]));
      same([result.ok, fake.sent.length], [true, 2], name);
      holds(fake.waits[0]! >= 3000, `${fake.waits}`);
    }
});

test('request_in_progress is repeated after Retry-After', async () => {
  const fake = new Fake([refusal(409, 'request_in_progress',
    { retryable: true }, { 'retry-after': '1' }), good.create]);
  const result = await fake.clock.drive(
    call(fake.client, routes.create, inputs.create));
  same([result.ok, fake.sent.length], [true, 2]);
});

test('All else is final', async () => {
  const finals: Answer[] = [refusal(400, 'malformed_json'),
    refusal(401, 'token_missing'), refusal(403, 'forbidden'),
    refusal(404, 'not_found'), refusal(412, 'precondition_failed'),
    refusal(422, 'validation_failed'), refusal(500, 'internal'),
    refusal(409, 'reference_taken'), { status: 404, text: '<html>' }];
  for (const name of Object.keys(routes) as Name[])
    for (const answer of finals) {
      const fake = new Fake([answer, good[name]]);
      const result = await fake.clock.drive(
        call(fake.client, routes[name], inputs[name]));
      same([result.ok, fake.sent.length], [false, 1], name);
      same(fake.clock.timers.size, 0, 'timers left');
    }
});

test('It is asked three times at most, or as often as is said', async () => {
  for (const [options, perCall, times] of [
    [{}, {}, 3], [{ retries: 5 }, {}, 6], [{ retries: 5 }, { retries: 0 }, 1],
  ] as const) {
    const fake = new Fake([refusal(503, 'unavailable')], options);
    const result = await fake.clock.drive(
      call(fake.client, routes.list, {}, perCall));
    same(fake.sent.length, times);
    holds(!result.ok && result.attempts === times, 'attempts');
    same(result.error, { code: 'unavailable', status: 503,
      message: 'A sentence on unavailable.', retryable: true,
      requestId: 'r-2' });
  }
});

test('The waits are some of 1 s, 2 s, 4 s', async () => {
  for (const dice of [0, 0.25, 0.5, 0.999]) {
    const fake = new Fake(['fail'], { retries: 4 });
    fake.clock.dice = () => dice;
    await fake.clock.drive(call(fake.client, routes.list, {}));
    same(fake.waits, [1000, 2000, 4000, 8000].map((ms) =>
      Math.round(ms * dice)), `dice ${dice}`);
  }
});

test('Retry-After is waited for, as seconds or a date, and little longer',
  async () => {
    for (const [field, asked] of [['2', 2000], ['0', 0],
      ['Thu, 01 Jan 2026 00:00:05 GMT', 5000],
      ['Wed, 31 Dec 2025 00:00:00 GMT', 0]] as const)
      for (const dice of [0, 0.999]) {
        const fake = new Fake([refusal(503, 'unavailable', {},
          { 'retry-after': field }), good.list]);
        fake.clock.dice = () => dice;
        await fake.clock.drive(call(fake.client, routes.list, {}));
        same(fake.sent.length, 2, field);
        same(fake.waits[0]! >= asked && fake.waits[0]! <= asked * 1.1, true,
          `${field}: ${fake.waits}`);
      }
  });

test('A Retry-After that is none is passed over', async () => {
  for (const field of ['soon', '-1', '1e9', '', '9999999999', '2026-01-02']) {
    const fake = new Fake([refusal(503, 'unavailable', {},
      { 'retry-after': field }), good.list]);
    await fake.clock.drive(call(fake.client, routes.list, {}));
    same(fake.waits, [500], field);
  }
});

test('A Retry-After beyond the time-out is told, not waited for', async () => {
  const fake = new Fake([refusal(429, 'rate_limited', {},
    { 'retry-after': '16' })]);
  const result = await fake.clock.drive(call(fake.client, routes.list, {}));
  same(fake.sent.length, 1);
  holds(!result.ok, 'it must fail');
  same((result.error as { retryAfterMs: number }).retryAfterMs, 16000);
});

test('Key and bytes are the same on each attempt', async () => {
  const fake = new Fake(['fail', refusal(503, 'unavailable'), good.create]);
  await fake.clock.drive(call(fake.client, routes.create, inputs.create));
  const [first, ...others] = fake.sent;
  same(first!.body, '{"title":"Hi"}');
  holds(/^[0-9a-f-]{36}$/.test(first!.headers['idempotency-key']!),
    'a key of its own');
  for (const other of others)
    same({ ...other, atMs: 0 }, { ...first, atMs: 0 });
});

test('Each call has a key of its own, or the one that is given', async () => {
  const fake = new Fake([good.create]);
  await call(fake.client, routes.create, inputs.create);
  await call(fake.client, routes.create, inputs.create);
  await call(fake.client, routes.create, inputs.create, { key: 'mine' });
  await call(fake.client, routes.post, inputs.post, { key: 'unheard' });
  const keys = fake.sent.map((s) => s.headers['idempotency-key']);
  same(new Set(keys.slice(0, 2)).size, 2);
  same(keys.slice(2), ['mine', undefined]);
});

test('A key is made where there is no randomUUID, or no crypto', async () => {
  const real = Object.getOwnPropertyDescriptor(globalThis, 'crypto')!;
  const kinds = [{ getRandomValues: crypto.getRandomValues.bind(crypto) },
    undefined];
  try {
    for (const value of kinds) {
      Object.defineProperty(globalThis, 'crypto',
        { value, configurable: true });
      const fake = new Fake([good.create]);
      await call(fake.client, routes.create, inputs.create);
      await call(fake.client, routes.create, inputs.create);
      const keys = fake.sent.map((s) => s.headers['idempotency-key']!);
      holds(keys.every((k) => /^[0-9a-f]{32}$/.test(k)), `${keys}`);
      same(new Set(keys).size, 2);
    }
  } finally {
    Object.defineProperty(globalThis, 'crypto', real);
  }
});

test('A failure has the key, so that the same may be asked again', async () => {
  const fake = new Fake(['fail'], { retries: 0, makeKey: () => 'k1' });
  const result = await call(fake.client, routes.create, inputs.create);
  holds(!result.ok, 'it must fail');
  same([result.key, result.attempts], ['k1', 1]);
  same(result.error, { code: 'network_failed', status: 0, retryable: true,
    requestId: null,
    message: 'The server was not reached, or the connection broke.' });
});

test('Each retry is reported, and a listener that throws is passed over',
  async () => {
    const told: unknown[] = [];
    const fake = new Fake(['fail', refusal(503, 'unavailable'), good.list], {
      onRetry: (retry) => {
        told.push([retry.route.name, retry.problem.code, retry.attempt,
          retry.waitMs]);
        throw new Error('a listener');
      },
    });
    const result = await fake.clock.drive(call(fake.client, routes.list, {}));
    same(result.ok, true);
    same(told, [['letters.list', 'network_failed', 1, 500],
      ['letters.list', 'unavailable', 2, 1000]]);
  });

test('A time-out ends each attempt, though fetch heeds no signal', async () => {
  const fake = new Fake(['hang'], { timeoutMs: 700 });
  const result = await fake.clock.drive(call(fake.client, routes.list, {}));
  holds(!result.ok && result.attempts === 3, 'three attempts');
  same((result.error as { code: string }).code, 'timed_out');
  same(fake.waits, [700 + 500, 700 + 1000]);
  same(fake.clock.timers.size, 0, 'timers left');
});

test('404 of a DELETE that was repeated says so by its attempts', async () => {
  const fake = new Fake(['break', refusal(404, 'not_found')]);
  const result = await fake.clock.drive(
    call(fake.client, routes.delete, inputs.delete));
  holds(!result.ok, 'it must fail');
  same(result.attempts, 2);
});
