// SPDX-License-Identifier: MIT
//
// Checks in words.

import type { Check } from './shapes.ts';
import { bytes, number, span } from './words.ts';

/** What each kind of check looks after. */
export const KINDS: Readonly<Record<string, string>> = {
  worker: 'Workers', queue: 'Queues', job: 'Jobs', schedule: 'Schedules',
  webhook: 'Webhooks received', message: 'Webhooks sent', breaker: 'Services',
  rollup: 'Aggregates', export: 'Exports', expectation: 'Expectations',
  database: 'Database', route: 'Routes',
};

export const BREAKER = ['closed', 'half_open', 'open'] as const;

const NAMES: Readonly<Record<string, string>> = {
  job_dead: 'new dead jobs', job_unknown: 'jobs of unknown kinds',
  route_errors: 'errors', route_latency: 'latency', worker_beat: 'last beat',
};

/** queue_age of letters -> age; the kind and the subject are told beside it. */
export function labelOf({ name, kind }: Check): string {
  return NAMES[name] ?? name.replace(new RegExp(`^${kind}_`), '')
    .replaceAll('_', ' ');
}

export function amount(value: number | null, unit: string): string {
  if (value === null) return '–';
  switch (unit) {
    case 'seconds': return span(value);
    case 'bytes': return bytes(value);
    case 'ratio': case 'share': return `${number(value * 100)} %`;
    case 'percent': return `${number(value)} %`;
    case 'state': return number(value);
    default: return number(value);
  }
}

/** The value as one says it: a breaker's is a word. */
export function valueOf({ name, value, unit }: Check): string {
  if (name === 'breaker_state' && value !== null)
    return (BREAKER[value] ?? 'unknown').replaceAll('_', ' ');
  return unit === 'seconds' || unit === 'state' || value === null ||
    amount(value, unit).includes(' ')
    ? amount(value, unit) : `${amount(value, unit)} ${unit}`;
}

export function limitOf({ name, threshold, unit }: Check): string {
  if (threshold === null || name === 'breaker_state') return '–';
  return amount(threshold, unit);
}

/** By kind, in the order of KINDS; what is of an unknown kind comes last. */
export function byKind(checks: readonly Check[]): [string, Check[]][] {
  const kinds = [...new Set([...Object.keys(KINDS), ...checks.map((c) => c.kind)])];

  return kinds.map((kind): [string, Check[]] =>
    [kind, checks.filter((check) => check.kind === kind)])
    .filter(([, of]) => of.length > 0);
}
