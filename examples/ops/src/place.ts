// SPDX-License-Identifier: MIT
//
// Where we are, in the part of the address behind the #, so that going back
// works, and nginx has one page to serve. What a list is filtered by is there,
// too: `#/jobs?state=dead`. `#token=...` is no place: it signs in, and is taken
// out of the address and the history.

import { refusalOf, signIn } from './session.ts';
import { createStore } from './store.ts';

export const SECTIONS = [
  'overview', 'traffic', 'queues', 'jobs', 'webhooks', 'exports', 'data',
] as const;

export type Section = (typeof SECTIONS)[number];

export interface Place {
  at: Section;
  words: Readonly<Record<string, string>>;
}

function placeOf(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');

  return {
    at: SECTIONS.find((section) => section === path) ?? 'overview',
    words: Object.fromEntries(new URLSearchParams(query)),
  };
}

export function addressOf(at: Section, words: Record<string, string> = {}): string {
  const said = Object.entries(words).filter(([, value]) => value !== '');
  const query = new URLSearchParams(said).toString();

  return `#/${at}${query && `?${query}`}`;
}

export const place = createStore<Place>({ at: 'overview', words: {} });

function look(): void {
  const token = /^#token=(.+)$/.exec(location.hash)?.[1];

  if (token) {
    const said = decodeURIComponent(token);

    history.replaceState(null, '', location.pathname);
    if (refusalOf(said) === null) signIn(said);
  }
  place.set(placeOf(location.hash));
}

/** Another filter of the same list: no step to go back to. */
export function goInstead(at: Section, words: Record<string, string>): void {
  history.replaceState(null, '', addressOf(at, words));
  look();
}

addEventListener('hashchange', look);
look();
