// SPDX-License-Identifier: MIT
//
// A caller that has called too often, and waits as long as it is told to.

import type * as api from './api/index.ts';
import { accounts, client, good, person, refused } from './world.ts';
import { holds, same, test } from './tap.ts';

test('Too many calls are rate_limited, with the time to wait', async () => {
  const claims = person(process.env.SUB!);
  const waits: number[] = [];
  const caller = client(claims, {
    onRetry: ({ waitMs, problem }) => {
      same(problem.code, 'rate_limited');
      waits.push(waitMs);
    },
  });
  const open = (options: api.accounts.OpenOptions) =>
    accounts.open(caller, { body: { name: 'Paper' } }, options);
  let result = await open({ retries: 0 });
  for (let i = 0; i < 30 && result.ok; i++)
    result = await open({ retries: 0 });
  const { retryAfterMs } = refused(result, 'rate_limited');
  holds(retryAfterMs !== undefined && retryAfterMs >= 1000, `${retryAfterMs}`);
  const began = Date.now();
  good(await open({}));
  holds(waits.length >= 1 && Date.now() - began >= waits[0]!, `${waits}`);
  console.log(`# waited ${waits.join(', ')} ms`);
});
