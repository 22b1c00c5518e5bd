// SPDX-License-Identifier: MIT
//
// Tokens: who sends which, one renewal for all, no loop, and no leak.

import { inspect } from 'node:util';

import { call } from './runtime/client.ts';
import type { ClientOptions, Route } from './runtime/client.ts';
import { Fake, envelope, inputs, refusal, routes } from './fake.ts';
import type { Answer, Sent } from './fake.ts';
import { holds, same, test } from './tap.ts';

const SECRET = 'secret.token.value';

/** A server that takes one token. */
function takes(token: () => string) {
  return (sent: Sent): Answer =>
    sent.headers.authorization === `Bearer ${token()}`
      ? envelope({ id: 'a' })
      : refusal(401, sent.headers.authorization ? 'token_expired'
        : 'token_missing');
}

function code(result: { ok: boolean; error?: unknown }): string {
  return result.ok ? 'ok' : (result.error as { code: string }).code;
}

function read(fake: Fake, options = {}, route: Route = routes.read) {
  return call<unknown, unknown>(fake.client, route, { id: 'a' }, options);
}

test('Without a token nobody is named', async () => {
  for (const token of [undefined, () => null, () => undefined,
    async () => null]) {
    const fake = new Fake([envelope({ id: 'a' })], { token });
    await read(fake);
    same(fake.sent[0]!.headers.authorization, undefined);
  }
});

test('Ten calls at once share one renewal', async () => {
  let now = 'old', renewals = 0;
  const fake = new Fake([takes(() => 'new')], {
    token: () => now,
    refresh: async () => {
      renewals++;
      await new Promise(setImmediate);
      return now = 'new';
    },
  });
  const results = await Promise.all(
    Array.from({ length: 10 }, () => read(fake)));
  same(results.map(code), Array(10).fill('ok'));
  same([renewals, fake.sent.length], [1, 20]);
});

test('A call that comes late takes the token that others got', async () => {
  let now = 'old', renewals = 0;
  let letGo: (answer: Answer) => void = () => {};
  const fake = new Fake([takes(() => 'new')], {
    token: () => now,
    refresh: () => { renewals++; return now = 'new'; },
  });
  const slowly = async (url: string, init: RequestInit) => {
    if (JSON.stringify(init.headers).includes('old'))
      await new Promise((resolve) => { letGo = resolve; });
    return fake.client.fetch(url, init);
  };
  const slow = { ...fake.client, fetch: slowly };
  const late = call(slow, routes.read, { id: 'a' });
  await new Promise(setImmediate);
  same(code(await read(fake)), 'ok');
  letGo(envelope({}));
  same(code(await late), 'ok');
  same(renewals, 1);
});

test('An application that keeps giving the old one is renewed once',
  async () => {
    let renewals = 0;
    const fake = new Fake([takes(() => 'new')], {
      token: () => 'old', refresh: () => { renewals++; return 'new'; },
    });
    for (let i = 0; i < 3; i++)
      same(code(await read(fake)), 'ok');
    same([renewals, fake.sent.length], [1, 4]);
  });

test('A token that the application changes itself is taken', async () => {
  let now = 'old';
  const fake = new Fake([takes(() => now === 'third' ? 'third' : 'new')], {
    token: () => now, refresh: () => 'new',
  });
  await read(fake);
  now = 'third';
  same(code(await read(fake)), 'ok');
  same(fake.sent.length, 3);
});

test('A second 401 is final, whatever the method', async () => {
  for (const name of ['read', 'create', 'post'] as const) {
    let renewals = 0;
    const fake = new Fake([refusal(401, 'token_expired')], {
      token: () => 'old', refresh: () => `new ${++renewals}`,
    });
    const result = await call(fake.client, routes[name], inputs[name]);
    same([code(result), renewals, fake.sent.length], ['token_expired', 1, 2]);
  }
});

test('A second 401 is final, also when an attempt failed between', async () => {
  let renewals = 0;
  const fake = new Fake([refusal(401, 'token_expired'), 'fail',
    refusal(401, 'token_expired')], {
    token: () => 'old', refresh: () => `new ${++renewals}`,
  });
  const result = await fake.clock.drive(read(fake));
  same([code(result), renewals, fake.sent.length], ['token_expired', 1, 3]);
});

test('A renewal that fails leaves the 401, and the next call tries again',
  async () => {
    const failures: NonNullable<ClientOptions['refresh']>[] = [
      () => null, () => undefined, () => '', () => { throw new Error(SECRET); },
      () => Promise.reject(new Error(SECRET)), () => new Promise(() => {}),
    ];
    for (const refresh of failures) {
      let renewals = 0;
      const fake = new Fake([takes(() => 'new')], {
        token: () => 'old', refresh: () => { renewals++; return refresh(); },
      });
      for (let i = 1; i <= 2; i++) {
        const result = await fake.clock.drive(Promise.all(
          [read(fake), read(fake)]));
        same(result.map(code), ['token_expired', 'token_expired']);
        // One that hangs is let go in the moment in which its calls are.
        holds(renewals === i || (String(refresh).includes('new Promise')
          && renewals <= i), `${renewals} renewals by ${refresh}`);
      }
    }
  });

test('Other 401s and calls without a token are not renewed', async () => {
  let renewals = 0;
  const refresh = () => `new ${++renewals}`;
  const fake = new Fake([takes(() => 'new')], { refresh });
  same(code(await read(fake)), 'token_missing');
  same(renewals, 0);
});

test('token_invalid is renewed, too', async () => {
  const fake = new Fake([refusal(401, 'token_invalid'), envelope({ id: 'a' })],
    { token: () => 'old', refresh: () => 'new' });
  same(code(await read(fake)), 'ok');
});

test('A source that throws, rejects or hangs fails the call', async () => {
  const sources: [ClientOptions['token'], string][] = [
    [() => { throw new Error(SECRET); }, 'request_unwritable'],
    [() => Promise.reject(new Error(SECRET)), 'request_unwritable'],
    [() => new Promise(() => {}), 'timed_out'],
  ];
  for (const [token, wanted] of sources) {
    const fake = new Fake([envelope({ id: 'a' })], { token });
    const result = await fake.clock.drive(read(fake, { retries: 0 }));
    same([code(result), fake.sent.length], [wanted, 0]);
    holds(!inspect(result).includes(SECRET), 'the fault is told');
  }
});

test('A call that waits for a token, or a renewal, can be given up',
  async () => {
    const hang = () => new Promise<string>(() => {});
    for (const options of [{ token: hang },
      { token: () => 'old', refresh: hang }]) {
      const giveUp = new AbortController();
      const fake = new Fake([takes(() => 'new')], options);
      const work = read(fake, { signal: giveUp.signal });
      for (let i = 0; i < 5; i++)
        await new Promise(setImmediate);
      giveUp.abort();
      same(code(await work), 'aborted');
    }
  });

/** All that a program prints while some work is done. */
async function printed(work: () => Promise<unknown>): Promise<string> {
  let text = '';
  const real = { ...console };
  const keep = (...words: unknown[]) => { text += words.map((w) =>
    inspect(w, { depth: 20, showHidden: true })).join(' '); };
  Object.assign(console, { log: keep, warn: keep, error: keep, debug: keep,
    info: keep });
  try {
    await work();
  } finally {
    Object.assign(console, real);
  }
  return text;
}

test('A token is never in a URL, an error, a listener or the log', async () => {
  const faults: (() => Promise<Response>)[] = [
    () => Promise.reject(new TypeError(`Bearer ${SECRET} is no header`)),
    () => { throw new Error(SECRET); },
    () => Promise.reject({ config: { headers: { authorization: SECRET } } }),
  ];
  const answers: Answer[] = [refusal(401, 'token_expired'),
    refusal(503, 'unavailable'), { status: 200, text: '<html>' }];
  const seen: unknown[] = [];
  const text = await printed(async () => {
    for (const fault of [...faults, ...answers]) {
      const fake = new Fake(typeof fault === 'function' ? [] : [fault], {
        token: () => SECRET, onRetry: (retry) => seen.push(retry),
        refresh: () => { throw new Error(SECRET); },
        ...typeof fault === 'function' && { fetch: fault },
      });
      seen.push(await fake.clock.drive(read(fake)), fake.client,
        fake.sent.map((s) => s.url));
    }
    // One that no header can hold.
    const real = new Fake([], { token: () => `${SECRET}\n`, fetch,
      base: 'http://127.0.0.1:1' });
    seen.push(await real.clock.drive(read(real)));
  });
  holds(!text.includes(SECRET), `printed: ${text}`);
  holds(!inspect(seen, { depth: 20, showHidden: true }).includes(SECRET),
    inspect(seen, { depth: 20 }));
  holds(!JSON.stringify(seen).includes(SECRET), 'serialised');
});
