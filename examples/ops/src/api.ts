// SPDX-License-Identifier: MIT
//
// The one client and the one cache. All that is known of the service's endpoints
// is in api/, which `lockstep gen typescript` makes of the contract.
//
// Whether the API answers is known in one place, as each reply tells of it: who
// asks again and again asks less often while it does not.

import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';
import { createClient } from './api/index.ts';
import { forget } from './figures.ts';
import { expire, session } from './session.ts';
import { createStore } from './store.ts';
import { isAway, isProblem, type AnyProblem } from './words.ts';

declare module '@tanstack/react-query' {
  interface Register {
    defaultError: AnyProblem;
  }
}

export interface Reach {
  /** Since when nothing was answered; null: all is well. */
  awaySince: number | null;
  /** How many asked in vain since. */
  failures: number;
  /** When something was answered at last. */
  answeredAt: number | null;
}

export const reach = createStore<Reach>({
  awaySince: null, failures: 0, answeredAt: null,
});

function answered(): void {
  reach.set({ awaySince: null, failures: 0, answeredAt: Date.now() });
}

function failed(error: unknown): void {
  const { awaySince, failures, answeredAt } = reach.get();

  if (isProblem(error) && error.code === 'aborted') return;
  if (!isAway(error)) return answered();
  reach.set({
    awaySince: awaySince ?? Date.now(), failures: failures + 1, answeredAt,
  });
}

export const client = createClient({
  base: '/api',
  token: () => session.get().token,
  timeoutMs: 10_000,
  // What is asked again and again anyway need not be repeated at once.
  retries: 0,
  refresh: async () => {
    expire();
    return null;
  },
});

export const queryClient = new QueryClient({
  queryCache: new QueryCache({ onSuccess: answered, onError: failed }),
  mutationCache: new MutationCache({ onSuccess: answered, onError: failed }),
  defaultOptions: {
    queries: { retry: false, staleTime: 0, networkMode: 'always' },
    mutations: { retry: false, networkMode: 'always' },
  },
});

// Another token, another view: all is asked again. Nothing stays after signing out.
let known = session.get().token;

session.subscribe(() => {
  const { token, expired } = session.get();

  if (expired || token === known) return;
  known = token;
  if (token === null) {
    queryClient.clear();
    forget();
  } else void queryClient.invalidateQueries();
});
