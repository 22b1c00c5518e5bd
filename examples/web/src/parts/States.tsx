// SPDX-License-Identifier: MIT
//
// What stands where letters would: nothing yet, not there, or not to be had.

import type { ReactNode } from 'react';
import { words, type AnyProblem } from '../words.ts';
import { useCountDown } from './Banners.tsx';

interface TroubleProps {
  title: string;
  problem: AnyProblem;
  /** When the problem came, for those that may be tried again after a while. */
  since: number;
  retry: () => void;
}

export function Trouble({ title, problem, since, retry }: TroubleProps) {
  const until = problem.retryAfterMs ? since + problem.retryAfterMs : null;
  const seconds = useCountDown(until);

  return (
    <div className="state trouble" role="alert">
      <h2>{title}</h2>
      <p>{words(problem)}</p>
      <button type="button" onClick={retry} disabled={seconds > 0}>
        {seconds > 0 ? `Try again in ${seconds} s` : 'Try again'}
      </button>
      {problem.requestId && <p className="hint">Request {problem.requestId}</p>}
    </div>
  );
}

export function Nothing({ title, children }: {
  title: string; children: ReactNode;
}) {
  return (
    <div className="state">
      <svg className="pad" viewBox="0 0 120 84" width="120" height="84" aria-hidden="true">
        <rect x="10" y="14" width="100" height="66" rx="4" />
        <path d="m12 18 48 36 48-36M12 78l36-33M108 78 72 45" />
      </svg>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Envelopes without a word on them, while the real ones are fetched. */
export function Skeletons({ count }: { count: number }) {
  return (
    <ul className="rows" aria-hidden="true">
      {Array.from({ length: count }, (_, n) => (
        <li key={n} className="row skeleton"><i /><i /><i /></li>
      ))}
    </ul>
  );
}
