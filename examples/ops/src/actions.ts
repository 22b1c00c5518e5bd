// SPDX-License-Identifier: MIT
//
// TanStack wants what went well, and has the rest thrown. A server's token that is
// refused an action is told why, as the API says no more than `forbidden`.

import type { AnyProblem } from './words.ts';
import { claimsOf, session } from './session.ts';

const ASTRAY = 'A server’s token may not act from a browser. Sign in as operator.';

export function told<T, E extends AnyProblem, S extends { ok: true; data: T }>(
  result: S | { ok: false; error: E },
): S {
  if (result.ok) return result;
  if (result.error.code === 'forbidden' &&
      claimsOf(session.get().token)?.role === 'service_role')
    throw { ...result.error, message: ASTRAY };
  throw result.error;
}
