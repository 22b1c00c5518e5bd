// SPDX-License-Identifier: MIT
//
// What any operation may be refused for: by requests that were changed on
// their way, and by a database that is broken for a moment.

import {
  ALICE, alice, bob, client, companies, draft, good, held, letters, meddled,
  newLetter, nobody, payouts, person, psql, refused, token, until, users,
  withHeaders,
} from './world.ts';
import { holds, same, test } from './tap.ts';

const me = person(ALICE);
const big = 'x'.repeat(300 * 1024);

function sending(more: Record<string, string | undefined>) {
  return meddled(me, (url, init) => [url, withHeaders(init, more)]);
}

test('A request that is none is refused for what is wrong', async () => {
  const json = await letters.create(meddled(me, (url, init) =>
    [url, { ...init, body: '{"title":\n nope}' }]), { body: newLetter });
  const malformed = refused(json, 'malformed_json');
  same([malformed.line, malformed.column], [2, 2]);
  refused(await letters.create(sending({ 'content-type': 'text/plain' }),
    { body: newLetter }), 'unsupported_media_type');
  refused(await letters.list(sending({ accept: 'image/png' })),
    'not_acceptable');
  refused(await letters.list(sending({
    prefer: 'handling=strict, respond-async' })), 'invalid_preference');
  refused(await letters.update(sending({ 'if-match': 'no tag' }),
    { id: ALICE, body: {} }), 'bad_request');
  refused(await companies.update(sending({ 'if-match': undefined }),
    { id: ALICE, body: {} }, { match: '*' }), 'precondition_required');
  refused(await payouts.request(sending({ 'idempotency-key': undefined }),
    { body: { amount_cents: 1000 } }), 'idempotency_key_missing');
  refused(await letters.create(alice, { body: newLetter },
    { key: 'with space' }), 'idempotency_key_invalid');
});

test('What is too large is refused', async () => {
  refused(await letters.create(alice, { body: { ...newLetter, body: big } }),
    'body_too_large');
  refused(await letters.list(alice, { search: big.slice(0, 20000) },
    { retries: 0 }), 'uri_too_long');
  refused(await letters.list(alice, {}, { headers: {
    'x-long': big.slice(0, 20000) } }), 'headers_too_large');
});

test('A query that the list does not take is refused at its place',
  async () => {
    const cursor = refused(await letters.list(alice, { after: 'nope' }),
      'invalid_cursor');
    same(cursor.issues[0]?.path, ['after']);
    const query = refused(await letters.list(alice, { limit: 101,
      where: { created_at: { gt: 'yesterday' } } }), 'invalid_query');
    same(query.issues.map((issue) => issue.path).sort(),
      [['created_at'], ['limit']]);
  });

test('Who calls must say so, and be believed', async () => {
  refused(await letters.list(nobody), 'token_missing');
  refused(await letters.list(client(null, { token: () => 'a.b.c' })),
    'token_invalid');
  refused(await letters.list(client(null, {
    token: () => token(me, -3600) })), 'token_expired');
});

test('A token that expired is renewed once for ten calls, without notice',
  async () => {
    let now = token(me, -3600), renewals = 0;
    const late = client(null, { token: () => now, refresh: async () => {
      renewals++;
      return now = token(me);
    } });
    const all = await Promise.all(Array.from({ length: 10 }, () =>
      letters.list(late, { limit: 1 })));
    same(all.map((result) => result.ok), Array(10).fill(true));
    same(renewals, 1);
  });

test('A key is for one request; its repeat is the first reply', async () => {
  const key = `k-${Date.now()}`;
  const first = good(await letters.create(alice, { body: newLetter }, { key }));
  const again = good(await letters.create(alice, { body: newLetter }, { key }));
  same([again.data, again.replayed], [first.data, true]);
  refused(await letters.create(alice, { body: { ...newLetter, title: 'x' } },
    { key }), 'idempotency_key_reused');
});

test('A reply that is lost is asked for again, and the letter made once',
  async () => {
    let lost = 0;
    const lossy = client(me, { clock: impatient, fetch: async (url, init) => {
      const response = await fetch(url, init);
      await response.text();
      if (lost++ < 2)
        throw new TypeError('the reply is lost');
      return fetch(url, init);
    } });
    const title = `Lost ${Date.now()}`;
    const made = good(await letters.create(lossy,
      { body: { ...newLetter, title } }));
    same([made.replayed, made.data.title], [true, title]);
    same(psql(`select count(*) from app.letters where title = '${title}'`),
      '1');
  });

/** The system's clock, with dice that never make one wait. */
const impatient = {
  now: () => Date.now(), random: () => 0,
  set: (then: () => void, ms: number) => setTimeout(then, ms),
  clear: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
};

test('While the first is being done, the repeat waits for its turn',
  async () => {
    const input = { body: newLetter };
    const meet = (key: string) => held('app.letters', async () => {
      const once = { key, retries: 0 };
      let over = false;
      const first = letters.create(alice, input, once);
      void first.then(() => { over = true; });
      await until(() => over || psql(`select count(*) from pg_stat_activity
        where usename = 'lockstep' and wait_event_type = 'Lock'`) === '1',
      'a lock');
      const second = await letters.create(alice, input, once);
      const patient = letters.create(alice, input, { key });
      const held = await first;
      return [held, second, patient] as const;
    });
    let [first, second, patient] = await meet(`p-${Date.now()}`);
    // Who comes after the first has given up, a second later, is another.
    for (let tries = 1; tries < 20 && !second.ok &&
      second.error.code === 'unavailable'; tries++) {
      good(await patient);
      [first, second, patient] = await meet(`p-${Date.now()}`);
    }
    same(refused(second, 'request_in_progress').retryAfterMs, 1000);
    refused(first, 'unavailable');
    same(good(await patient).replayed, false);
  });

test('Constraints that the contract does not name have the plain codes',
  async () => {
    psql(`create unique index probe_index on app.letters (owner_id, title)
      where title like 'Probe %'; create table app.probe
      (letter_id uuid references app.letters)`);
    try {
      const { id } = await draft(alice, { title: 'Probe 1' });
      refused(await letters.create(alice,
        { body: { ...newLetter, title: 'Probe 1' } }), 'conflict');
      psql(`insert into app.probe values ('${id}')`);
      refused(await letters.delete(alice, { id }), 'referenced');
    } finally {
      psql('drop table app.probe; drop index app.probe_index');
    }
  });

test('What breaks on the server is told as such', async () => {
  const whole = psql(
    "select pg_get_functiondef('app.my_profile()'::regprocedure)");
  const broken = (body: string) => psql(`create or replace function
    app.my_profile() returns setof app.users language plpgsql as $$
    begin ${body}; end $$`);
  try {
    broken("raise 'x' using errcode = 'ZZ999'");
    same(refused(await users.me(alice, {}), 'internal').retryable, false);
    broken('perform pg_sleep(20)');
    same(refused(await users.me(alice, {}, { retries: 0 }), 'timeout')
      .retryable, true);
  } finally {
    psql(whole);
  }
  const busy = await held('app.letters', () =>
    letters.list(bob, {}, { retries: 0 }));
  same(refused(busy, 'unavailable').retryAfterMs, 1000);
});

test('A lock that goes away is waited for', async () => {
  const retries: string[] = [];
  const patient = client(me, { retries: 5,
    onRetry: ({ problem }) => retries.push(problem.code) });
  const work = await held('app.letters', async () => {
    const work = letters.list(patient, { limit: 1 });
    await until(() => retries.length > 0, 'a retry');
    return [work];
  });
  good(await work[0]!);
  same(new Set(retries), new Set(['unavailable']));
});

test('A call is given up while the server works', async () => {
  const giveUp = new AbortController();
  const work = await held('app.letters', async () => {
    const work = letters.list(alice, {}, { signal: giveUp.signal });
    await until(() => psql(`select count(*) from pg_stat_activity where
      usename = 'lockstep' and wait_event_type = 'Lock'`) === '1', 'a lock');
    giveUp.abort();
    return [await work];
  });
  refused(work[0]!, 'aborted');
});

test('A call that takes too long ends', async () => {
  const work = await held('app.letters', async () => {
    const began = Date.now();
    const work = await letters.list(alice, {}, { timeoutMs: 100, retries: 0 });
    holds(Date.now() - began < 10000, 'it waited on');
    return [work];
  });
  same(refused(work[0]!, 'timed_out').retryable, true);
});

test('A code of a newer server, and a call that cannot be said', async () => {
  const newer = client(me, { fetch: async (url, init) => {
    const reply = await fetch(url, init);
    return new Response((await reply.text()).replace('not_found', 'eaten'),
      reply);
  } });
  same(refused(await letters.read(newer, { id: token(me).slice(0, 8) }),
    'validation_failed').status, 422);
  same(refused(await letters.read(newer,
    { id: '99999999-9999-4999-8999-999999999999' }), 'unknown_problem')
    .serverCode, 'eaten');
  refused(await letters.read(alice, { id: '..' }), 'request_unwritable');
});

test('An address where nothing is has its code', async () => {
  const gone = client(me, { base: 'http://127.0.0.1:9/api', retries: 0 });
  refused(await letters.list(gone), 'network_failed');
  refused(await letters.list(sending({ accept: 'text/csv' })),
    'reply_unreadable');
});
