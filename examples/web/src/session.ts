// SPDX-License-Identifier: MIT
//
// Who is signed in: a token, in memory and in this tab's sessionStorage, so that
// it outlives a reload and nothing else. The server alone says what it is worth;
// what is read from it here is for showing.

import { createStore } from './store.ts';

export interface Session {
  token: string | null;
  /** The server would not have the last one any more; the page stays as it is. */
  expired: boolean;
}

const KEY = 'letters.token';

export const session = createStore<Session>({
  token: sessionStorage.getItem(KEY),
  expired: false,
});

export function signIn(token: string): void {
  sessionStorage.setItem(KEY, token);
  session.set({ token, expired: false });
}

export function signOut(): void {
  sessionStorage.removeItem(KEY);
  session.set({ token: null, expired: false });
}

export function expire(): void {
  sessionStorage.removeItem(KEY);
  session.set({ ...session.get(), expired: true });
}

/** Who the token is for, or null if this is not a token at all. */
export function subjectOf(token: string | null): string | null {
  const part = token?.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/');

  try {
    const claims: unknown = JSON.parse(atob(part ?? ''));

    if (typeof claims !== 'object' || claims === null) return null;
    return 'sub' in claims && typeof claims.sub === 'string' ? claims.sub : '';
  } catch {
    return null;
  }
}
