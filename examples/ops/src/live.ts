// SPDX-License-Identifier: MIT
//
// What is asked again and again: with a pause that doubles while the API does not
// answer, not at all while nobody looks, and not while a token is missing. What
// was known stays, with its age.

import {
  useQuery, type QueryKey, type UseQueryOptions, type UseQueryResult,
} from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { reach } from './api.ts';
import { session } from './session.ts';
import { useStore } from './store.ts';
import type { AnyProblem } from './words.ts';

const LONGEST_MS = 60_000;

/** The pause before the next look, a little more or less for each. */
export function pauseOf(ms: number, failures: number): number {
  const longer = Math.min(LONGEST_MS, ms * 2 ** Math.min(failures, 6));

  return Math.max(ms, longer) * (0.9 + Math.random() * 0.2);
}

/** Changes with each look, so that the next pause is reckoned anew. */
const pauses = new Map<string, { looks: number; ms: number }>();

function steady(key: string, looks: number, ms: number, failures: number): number {
  const known = pauses.get(key);

  // One number for each look: a new one would begin the pause again.
  if (known?.looks === looks) return known.ms;
  pauses.set(key, { looks, ms: pauseOf(ms, failures) });
  return pauses.get(key)?.ms ?? ms;
}

export function useLive<T, E extends AnyProblem, K extends QueryKey>(
  options: UseQueryOptions<T, E, T, K>, ms: number, enabled = true,
): UseQueryResult<T, E> {
  const { token, expired } = useStore(session);
  const { failures, awaySince } = useStore(reach);

  return useQuery<T, E, T, K>({
    ...options,
    enabled: enabled && token !== null && !expired,
    refetchInterval: ({ queryHash, state }) => steady(
      `${queryHash} ${awaySince}`, state.dataUpdateCount + state.errorUpdateCount,
      ms, failures),
    refetchIntervalInBackground: false,
    refetchOnWindowFocus: true,
  });
}

/** The time, as often as it is to be seen. It stands still while nobody looks. */
export function useNow(ms = 1000): number {
  const [now, setNow] = useState(Date.now);

  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) setNow(Date.now());
    }, ms);
    const look = () => setNow(Date.now());

    document.addEventListener('visibilitychange', look);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, [ms]);
  return now;
}
