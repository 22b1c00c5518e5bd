// SPDX-License-Identifier: MIT
//
// The one client and the one cache. All that is known of the service's endpoints
// is in api/, which `lockstep gen typescript` makes of the contract.

import { MutationCache, QueryClient } from '@tanstack/react-query';
import { createClient } from './api/index.ts';
import { keys as userKeys } from './api/queries/users.ts';
import { tell } from './notices.ts';
import { expire, session, subjectOf } from './session.ts';
import { createStore } from './store.ts';
import { isProblem, words, type AnyProblem } from './words.ts';

declare module '@tanstack/react-query' {
  interface Register {
    defaultError: AnyProblem;
    mutationMeta: { failed?: string };
  }
}

/** Until when the client waits before it asks again, as the server wished. */
export const waiting = createStore<number | null>(null);

export const client = createClient({
  base: '/api',
  token: () => session.get().token,
  refresh: async () => {
    expire();
    return null;
  },
  onRetry: ({ problem, waitMs }) => {
    if (problem.code === 'rate_limited') waiting.set(Date.now() + waitMs);
  },
});

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: { staleTime: 15_000, refetchOnWindowFocus: true },
  },
  // Whatever is refused, wherever the page is by then, is told in words.
  mutationCache: new MutationCache({
    onError: (problem, _input, _context, mutation) => {
      const what = mutation.options.meta?.failed;

      // A 412 has a panel of its own (letters/Conflict.tsx).
      if (what && isProblem(problem) && problem.code !== 'precondition_failed') {
        tell('refused', `${what} ${words(problem)}`);
      }
      if (problem.code === 'profile_required') {
        void queryClient.invalidateQueries({ queryKey: userKeys.all });
      }
    },
  }),
});

// Nothing of one person stays for another; for the same one all is asked again.
let subject = subjectOf(session.get().token);

session.subscribe(() => {
  const { token, expired } = session.get();
  const next = subjectOf(token);

  if (expired) return;
  if (next === subject) void queryClient.invalidateQueries();
  else queryClient.clear();
  subject = next;
});
