// SPDX-License-Identifier: MIT
//
// What is told while no server runs.

import { alice, letters, refused } from './world.ts';
import { same, test } from './tap.ts';

test('Without a server it is upstream_failed, and may do better later',
  async () => {
    const problem = refused(await letters.list(alice, {}, { retries: 0 }),
      'upstream_failed');
    same(problem.retryable, true);
  });
