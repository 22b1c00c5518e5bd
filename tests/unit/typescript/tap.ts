// SPDX-License-Identifier: MIT
//
// TAP for tests in TypeScript: a case is a sentence that must hold, and a
// function that throws when it does not.

import { isDeepStrictEqual, inspect } from 'node:util';

const cases: [name: string, run: () => void | Promise<void>][] = [];

export function test(name: string, run: () => void | Promise<void>): void {
  cases.push([name, run]);
}

export function same(got: unknown, wanted: unknown, what = ''): void {
  if (!isDeepStrictEqual(got, wanted))
    throw new Error(`${what}: got ${inspect(got, { depth: 8 })}, wanted ${
      inspect(wanted, { depth: 8 })}`);
}

export function holds(condition: boolean, what: string): asserts condition {
  if (!condition)
    throw new Error(what);
}

/** Runs all cases in order; the process ends with 1 if one failed. */
export async function run(): Promise<void> {
  const only = process.env.ONLY ?? '';
  const chosen = cases.filter(([name]) => name.includes(only));
  // A rejection that nobody took would be the fault of no case.
  process.on('unhandledRejection', (fault) => {
    console.log(`Bail out! unhandled: ${inspect(fault)}`.split('\n')[0]);
    process.exit(1);
  });
  console.log(`1..${chosen.length}`);
  for (const [index, [name, body]] of chosen.entries())
    try {
      await body();
      console.log(`ok ${index + 1} - ${name}`);
    } catch (fault) {
      console.log(inspect(fault).replace(/^/gm, '# '));
      console.log(`not ok ${index + 1} - ${name}`);
      process.exitCode = 1;
    }
}
