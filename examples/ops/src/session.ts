// SPDX-License-Identifier: MIT
//
// Who is signed in: a token, in memory and in this tab's sessionStorage, so that
// it outlives a reload and nothing else. The server alone says what it is worth;
// what is read from it here is for showing, and for refusing what cannot work.

import { createStore } from './store.ts';

export interface Session {
  token: string | null;
  /** The server would not have the last one any more; the page stays as it is. */
  expired: boolean;
}

export interface Claims {
  role: string | null;
  subject: string;
  /** When it ends, in ms since 1970; null: it does not say. */
  endsAt: number | null;
}

const KEY = 'lockstep.ops.token';

/** What each role may do here, in words. */
export const ROLES: Readonly<Record<string, string>> = {
  operator: 'Sees the bookkeeping of all: jobs, queues, deliveries, exports and ' +
    'checks, no customer’s data. May replay and discard dead jobs, pause ' +
    'and resume queues, cancel exports; each is written down with the token’s subject.',
  service_role: 'A server’s token: it looks here. Changes are refused, ' +
    'since a server’s token in a browser is most often a leaked one, unless ' +
    'server_roles_from_browsers is on. To act, sign in as operator.',
};

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

/** What the token says of itself, or null if this is no token at all. */
export function claimsOf(token: string | null): Claims | null {
  const part = token?.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/');

  try {
    const claims: unknown = JSON.parse(atob(part ?? ''));

    if (typeof claims !== 'object' || claims === null) return null;
    return {
      role: 'role' in claims && typeof claims.role === 'string'
        ? claims.role : null,
      subject: 'sub' in claims && typeof claims.sub === 'string'
        ? claims.sub : '',
      endsAt: 'exp' in claims && typeof claims.exp === 'number'
        ? claims.exp * 1000 : null,
    };
  } catch {
    return null;
  }
}

/** Why a token cannot work here, or null: the server may be asked. */
export function refusalOf(token: string): string | null {
  const claims = claimsOf(token);

  if (!claims || token.split('.').length !== 3)
    return 'This is not a token. It has three parts with dots between.';
  if (claims.endsAt !== null && claims.endsAt <= Date.now())
    return `This token expired at ${new Date(claims.endsAt).toLocaleString()}.`;
  if (claims.role !== null && !(claims.role in ROLES))
    return `This token is of the role ${claims.role}. This page takes operator ` +
      'and service_role.';
  return null;
}
