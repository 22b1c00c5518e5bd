// SPDX-License-Identifier: MIT
//
// Problems, numbers and times in words. The codes are closed unions made of the
// contract: one that is misspelt here does not compile.

import type { AnyProblem } from './api/index.ts';

export type { AnyProblem };

/** The words of our own; for all others the server's sentence is good enough. */
const SENTENCES: { [C in AnyProblem['code']]?: string } = {
  network_failed: 'The API cannot be reached.',
  timed_out: 'The API did not answer in time.',
  reply_unreadable: 'The API gave an answer that makes no sense.',
  unavailable: 'The API is not available at the moment.',
  internal: 'Something went wrong at the API.',
  rate_limited: 'That was too much at once.',
  token_expired: 'The token has expired.',
  token_invalid: 'The API does not take this token.',
  not_found: 'It is not there any more.',
  job_not_dead: 'The job is no longer dead: somebody was faster, or it ran.',
  job_key_taken: 'Another unfinished job has the same key, so this one stays.',
};

export function words(problem: AnyProblem): string {
  return SENTENCES[problem.code] ?? problem.message;
}

/** Errors of queries are problems, unless the page itself broke. */
export function isProblem(error: unknown): error is AnyProblem {
  return typeof error === 'object' && error !== null && 'code' in error &&
    'retryable' in error;
}

/** Is the API away, or only this one thing not to be had? */
export function isAway(error: unknown): boolean {
  return isProblem(error) && (error.status === 0 || error.status >= 500 ||
    error.code === 'reply_unreadable');
}

const whole = new Intl.NumberFormat('en');
const some = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

export function number(value: number): string {
  return Number.isInteger(value) || Math.abs(value) >= 1000
    ? whole.format(Math.round(value)) : some.format(value);
}

export function many(count: number, one: string, more = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : more}`;
}

const BYTES = ['B', 'kB', 'MB', 'GB', 'TB'];

export function bytes(value: number): string {
  const step = value < 1 ? 0
    : Math.min(BYTES.length - 1, Math.floor(Math.log10(value) / 3));

  return `${some.format(value / 1000 ** step)} ${BYTES[step]}`;
}

/** A length of time as one reads it at a glance: 340 ms, 12 s, 3 min, 2 h, 4 d. */
export function span(seconds: number): string {
  const s = Math.abs(seconds);

  if (s === 0) return '0 s';
  if (s < 1) return `${some.format(s * 1000)} ms`;
  if (s < 10) return `${some.format(Math.round(s * 10) / 10)} s`;
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 129_600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86_400)} d`;
}

/** How long ago, or in how long. */
export function ago(time: string | number, now: number): string {
  const seconds = (now - new Date(time).getTime()) / 1000;

  if (Math.abs(seconds) < 1) return 'now';
  return seconds > 0 ? `${span(seconds)} ago` : `in ${span(seconds)}`;
}

const exact = new Intl.DateTimeFormat('en-GB', {
  dateStyle: 'medium', timeStyle: 'medium',
});

export function moment(time: string | number): string {
  return exact.format(new Date(time));
}

const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

export function clockOf(time: string | number): string {
  return clock.format(new Date(time));
}
