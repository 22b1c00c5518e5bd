// SPDX-License-Identifier: MIT
//
// States as words with a mark and a colour, so that none of the three is needed
// to read the others; and what is seen where there is nothing.

import type { ReactNode } from 'react';
import type { UseQueryResult } from '@tanstack/react-query';
import { isAway, words, type AnyProblem } from '../words.ts';

export type Tone = 'good' | 'bad' | 'warn' | 'busy' | 'quiet';

const TONES: Readonly<Record<string, Tone>> = {
  healthy: 'good', unhealthy: 'bad', unknown: 'warn',
  done: 'good', dead: 'bad', running: 'busy', available: 'quiet',
  scheduled: 'quiet', cancelled: 'quiet',
  delivered: 'good', failed: 'bad', retrying: 'warn', pending: 'quiet',
  ready: 'good', queued: 'quiet', expired: 'quiet', building: 'busy',
  passed: 'good', closed: 'good', open: 'bad', half_open: 'warn',
  enabled: 'good', disabled: 'bad', failing: 'warn', paused: 'warn', 'on': 'good',
};

const MARKS: Readonly<Record<Tone, string>> = {
  good: 'M3 8.5 6.5 12 13 4.5', bad: 'M4 4l8 8M12 4l-8 8',
  warn: 'M8 3v6M8 12.4v.2', busy: 'M8 3a5 5 0 1 1-5 5', quiet: 'M4 8h8',
};

export function toneOf(state: string): Tone {
  return TONES[state] ?? 'quiet';
}

export function Mark({ tone }: { tone: Tone }) {
  return (
    <svg className={`mark ${tone}`} viewBox="0 0 16 16" aria-hidden="true">
      <path d={MARKS[tone]} />
    </svg>
  );
}

export function State({ state, children }: { state: string; children?: ReactNode }) {
  const tone = toneOf(state);

  return (
    <span className={`state ${tone}`}>
      <Mark tone={tone} />{children ?? state.replaceAll('_', ' ')}
    </span>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <svg viewBox="0 0 48 24" aria-hidden="true"><path d="M2 12h15l4-8 6 16 4-8h15" /></svg>
      <p><strong>{title}</strong></p>
      {children && <p>{children}</p>}
    </div>
  );
}

export function Skeleton({ rows = 4 }: { rows?: number }) {
  return (
    <div className="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, i) => <i key={i} />)}
    </div>
  );
}

/**
 * What there is to say before there are rows, or instead of them: null when there
 * are some. That the API is away is said once, above all (App.tsx).
 */
export function Instead({ of, empty }: {
  of: Pick<UseQueryResult<unknown, AnyProblem>, 'data' | 'error' | 'isFetching'>;
  empty: ReactNode;
}) {
  if (of.data !== undefined) return <>{empty}</>;
  if (of.error && !isAway(of.error))
    return <Empty title="This could not be read">{words(of.error)}</Empty>;
  return <Skeleton />;
}
