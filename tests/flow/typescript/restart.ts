// SPDX-License-Identifier: MIT
//
// A letter that is written while the servers are killed, and come back.

import { ALICE, client, good, letters, newLetter, person } from './world.ts';
import { holds, same, test } from './tap.ts';

test('A write goes on over servers that die, and is done once', async () => {
  const codes: string[] = [];
  const patient = client(person(ALICE), { retries: 60,
    onRetry: ({ problem }) => codes.push(problem.code),
    clock: { now: () => Date.now(), random: () => 0.02,
      set: (then, ms) => setTimeout(then, ms),
      clear: (timer) => clearTimeout(timer as NodeJS.Timeout) } });
  const made = good(await letters.create(patient,
    { body: { ...newLetter, title: process.env.TITLE! } }));
  same(made.data.title, process.env.TITLE);
  holds(codes.includes('upstream_failed'), `retries: ${codes}`);
  console.log(`# retries after ${codes.join(', ')}`);
});
