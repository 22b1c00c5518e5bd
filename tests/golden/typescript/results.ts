// SPDX-License-Identifier: MIT
// What comes of a call, narrowed without a cast; see bodies.ts.
import { companies, createClient, letters } from '../api/index.ts';
import type { AnyProblem, Company, Letter, Problem } from '../api/index.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends
  (<T>() => T extends B ? 1 : 2) ? true : false;
function holds<_T extends true>(): void {}

const client = createClient({ token: async () => 'x', retries: 1 });
//! TS2561 const client = createClient({ tokens: 'x' });
//! TS2322 const client = createClient({ token: async () => 7 });

export async function title(): Promise<string> {
  const r = await letters.read(client, { id: 'x' });
  if (r.ok) {
    holds<Equal<typeof r.data, Letter>>();
    return r.data.title;
    //! TS2551 return r.data.titles;
    //! TS2339 return r.error.message;
  }
  return r.error.message;
  //! TS2339 return r.data.title;
}

export async function make(): Promise<void> {
  const r = await letters.create(client, { body: { title: 'a', recipient: { name: 'b' } } }, { return: 'minimal' });
  if (r.ok)
    holds<Equal<typeof r.data, null>>();
    //! TS2344 holds<Equal<typeof r.data, Letter>>();
  const body = { account_id: 'a', name: 'One' };
  const one = await companies.create(client, { body });
  if (one.ok)
    holds<Equal<typeof one.data, Company>>();
  const merged = await companies.create(client, { body }, { resolution: 'ignore-duplicates' });
  if (merged.ok)
    holds<Equal<typeof merged.data, Company | null>>();
  const all = await companies.create(client, { body: [body] });
  if (all.ok)
    holds<Equal<typeof all.data, Company[]>>();
    //! TS2344 holds<Equal<typeof all.data, Company>>();
  const gone = await letters.delete(client, { id: 'x' });
  if (gone.ok)
    holds<Equal<typeof gone.data, null>>();
}

export function words(problem: letters.ReadProblem): string {
  switch (problem.code) {
  case 'validation_failed': case 'invalid_query':
    return problem.issues.map((issue) => issue.path.join('.')).join();
  case 'not_found':
    return 'There is no such letter.';
    //! TS2678 case 'letter_already_sent': return '';
  case 'rate_limited':
    return String(problem.retryAfterMs ?? 0);
    //! TS2339 return String(problem.serverCode);
  case 'unknown_problem':
    return problem.serverCode;
  case 'bad_request': case 'invalid_preference': case 'not_acceptable':
  case 'token_missing': case 'token_invalid': case 'token_expired':
  case 'forbidden': case 'body_too_large': case 'uri_too_long':
  case 'headers_too_large': case 'upstream_failed': case 'internal':
  case 'unavailable': case 'timeout':
  //! TS2366 case 'unavailable':
    return problem.message;
  case 'network_failed': case 'timed_out': case 'aborted':
  case 'reply_unreadable': case 'request_unwritable':
  //! TS2366 case 'reply_unreadable':
    return problem.retryable ? 'Try again.' : problem.message;
  }
}

export function sent(problem: Problem<'letter_already_sent'>): 409 {
  return problem.status;
  //! TS2322 return problem.code;
}

export function any(problem: AnyProblem): number {
  return problem.code === 'coupon_expired' ? problem.status : 0;
  //! TS2367 return problem.code === 'coupon_spoilt' ? problem.status : 0;
}

export async function send(): Promise<string> {
  const r = await letters.send(client, { id: 'x', body: { channel: 'post' } });
  if (!r.ok && r.error.code === 'recipient_unreachable')
    //! TS2367 if (!r.ok && r.error.code === 'coupon_expired')
    return String(r.error.status);
  return '';
}
