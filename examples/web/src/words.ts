// SPDX-License-Identifier: MIT
//
// Problems and issues in words. The codes are closed unions made of the contract:
// one that is misspelt here, or that the service no longer gives, does not compile.

import type { AnyProblem, Issue } from './api/index.ts';

export type { AnyProblem, Issue };

/** The words of our own; for all others the server's sentence is good enough. */
const SENTENCES: { [C in AnyProblem['code']]?: string } = {
  network_failed: 'The service cannot be reached.',
  timed_out: 'The service did not answer in time.',
  reply_unreadable: 'The service gave an answer that makes no sense.',
  unavailable: 'The service is not available at the moment.',
  internal: 'Something went wrong at the service.',
  rate_limited: 'That was too much at once.',
  token_expired: 'Your token has expired.',
  token_invalid: 'This token is not valid here.',
  not_found: 'It is not there, or not yours.',
  precondition_failed: 'Somebody changed it in the meantime.',
  recipient_unreachable: 'The recipient has no address for this way of sending.',
};

export function words(problem: AnyProblem): string {
  return SENTENCES[problem.code] ?? problem.message;
}

/** Errors of queries and mutations are problems, unless the page itself broke. */
export function isProblem(error: unknown): error is AnyProblem {
  return typeof error === 'object' && error !== null && 'code' in error &&
    'retryable' in error;
}

/** An issue's message as a sentence: "must be ..." -> "Must be ...". */
export function sentence(message: string): string {
  const text = message === 'must have at least 1 character'
    ? 'this is needed' : message;

  return text.charAt(0).toUpperCase() + text.slice(1).replace(/\.$/, '') + '.';
}

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const minute = new Intl.DateTimeFormat(undefined, {
  dateStyle: 'medium', timeStyle: 'short',
});

export function dayOf(time: string): string {
  return day.format(new Date(time));
}

export function minuteOf(time: string): string {
  return minute.format(new Date(time));
}
