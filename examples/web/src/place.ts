// SPDX-License-Identifier: MIT
//
// Where we are, in the part of the address behind the #, so that going back
// works, and nginx has one page to serve. `#token=...` is no place: it signs in,
// and is taken out of the address and the history.

import { signIn } from './session.ts';
import { createStore } from './store.ts';

export type Place =
  | { at: 'list' }
  | { at: 'new' }
  | { at: 'letter'; id: string }
  | { at: 'edit'; id: string };

function placeOf(hash: string): Place {
  const [, first, id, last] = hash.split('/');

  if (first === 'new') return { at: 'new' };
  if (first !== 'letters' || !id) return { at: 'list' };
  return { at: last === 'edit' ? 'edit' : 'letter', id };
}

export function addressOf(to: Place): string {
  switch (to.at) {
    case 'list': return '#/';
    case 'new': return '#/new';
    case 'letter': return `#/letters/${to.id}`;
    case 'edit': return `#/letters/${to.id}/edit`;
  }
}

export const place = createStore<Place>({ at: 'list' });

function look(): void {
  const token = /^#token=(.+)$/.exec(location.hash)?.[1];

  if (token) {
    history.replaceState(null, '', location.pathname);
    signIn(decodeURIComponent(token));
  }
  place.set(placeOf(location.hash));
}

export function go(to: Place): void {
  location.hash = addressOf(to);
}

/** Goes there without a way back to here: a form that is done is not a place. */
export function goInstead(to: Place): void {
  history.replaceState(null, '', addressOf(to));
  look();
}

addEventListener('hashchange', look);
look();
