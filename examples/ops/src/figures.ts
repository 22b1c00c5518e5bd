// SPDX-License-Identifier: MIT
//
// Rates from cumulative figures. Each look at /monitor/routes is kept for a
// while; a point is the difference to the look before the last, so that figures
// which are written down now and then make no teeth. After a gap, or when counters
// began anew, there is no point rather than a wrong one.

import type { Check, Checks, Figures, RouteFigures } from './shapes.ts';
import { createStore } from './store.ts';

export interface Look {
  at: number;
  bounds: readonly (number | null)[];
  routes: ReadonlyMap<string, RouteFigures>;
}

export interface Point {
  at: number;
  /** A second. */
  requests: number;
  /** Shares, from 0 to 1; null: nobody asked. */
  errors: number | null;
  rejected: number | null;
  /** Seconds; null: nobody asked. */
  p50: number | null;
  p95: number | null;
  p99: number | null;
}

export const WINDOW_MS = 15 * 60_000;
const GAP_MS = 45_000;
/** How many looks a point goes back. */
const BACK = 2;

export const looks = createStore<readonly Look[]>([]);

export function nameOf(route: RouteFigures): string {
  return `${route.method} ${route.route}`;
}

export function keepFigures(figures: Figures): void {
  const at = new Date(figures.at).getTime();
  const kept = looks.get();
  const last = kept[kept.length - 1];

  if (last && at <= last.at) return;
  looks.set([...kept.filter((look) => look.at > at - WINDOW_MS), {
    at, bounds: figures.bounds,
    routes: new Map(figures.routes.map((route) => [nameOf(route), route])),
  }]);
}

interface Change {
  seconds: number;
  requests: number;
  errors: number;
  rejected: number;
  busy: number;
  buckets: number[];
}

/** What came between two looks, of one route or of all; null: not to be told. */
function changeOf(a: Look, b: Look, only: string | null): Change | null {
  const sum: Change = {
    seconds: (b.at - a.at) / 1000, requests: 0, errors: 0, rejected: 0, busy: 0,
    buckets: b.bounds.map(() => 0),
  };

  if (b.at - a.at > GAP_MS) return null;
  for (const [name, now] of b.routes) {
    const before = a.routes.get(name);

    if (only !== null && name !== only) continue;
    if (before && now.requests < before.requests) return null;
    sum.requests += now.requests - (before?.requests ?? 0);
    sum.errors += now.errors - (before?.errors ?? 0);
    sum.rejected += now.rejected - (before?.rejected ?? 0);
    sum.busy += now.seconds - (before?.seconds ?? 0);
    now.buckets.forEach((count, i) => {
      sum.buckets[i] = (sum.buckets[i] ?? 0) + count - (before?.buckets[i] ?? 0);
    });
  }
  return sum;
}

/** The seconds that a share of requests stayed below, between two bounds evenly. */
export function quantile(
  buckets: readonly number[], bounds: readonly (number | null)[], share: number,
): number | null {
  const all = buckets[buckets.length - 1] ?? 0;
  const wanted = all * share;
  let below = 0, lower = 0;

  if (all <= 0) return null;
  for (const [i, count] of buckets.entries()) {
    const upper = bounds[i] ?? null;

    if (count >= wanted) {
      if (upper === null || count === below) return upper ?? lower;
      return lower + (upper - lower) * (wanted - below) / (count - below);
    }
    below = count;
    lower = upper ?? lower;
  }
  return lower;
}

function pointOf(b: Look, change: Change | null): Point {
  if (change === null) {
    return { at: b.at, requests: NaN, errors: null, rejected: null, p50: null,
      p95: null, p99: null };
  }
  const { seconds, requests, errors, rejected, buckets } = change;
  const share = (count: number) => requests > 0 ? count / requests : null;
  const below = (of: number) => quantile(buckets, b.bounds, of);

  return {
    at: b.at, requests: requests / seconds, errors: share(errors),
    rejected: share(rejected), p50: below(.5), p95: below(.95), p99: below(.99),
  };
}

export function pointsOf(all: readonly Look[], only: string | null): Point[] {
  return all.flatMap((b, i) => {
    const a = all[i - Math.min(i, BACK)];

    return a && a !== b ? [pointOf(b, changeOf(a, b, only))] : [];
  });
}

export interface RouteNow {
  name: string;
  requests: number;
  errors: number | null;
  rejected: number | null;
  p50: number | null;
  p99: number | null;
  total: number;
}

/** Each route over the last minute that was looked at, the busiest first. */
export function routesNow(all: readonly Look[]): RouteNow[] {
  const b = all[all.length - 1];
  const a = all.find((look) => b && look.at >= b.at - 60_000);

  if (!b) return [];
  return [...b.routes].map(([name, route]) => {
    const change = a && a !== b ? changeOf({ ...a, at: Math.max(a.at, b.at - GAP_MS) },
      b, name) : null;
    const point = pointOf(b, change && a
      ? { ...change, seconds: (b.at - a.at) / 1000 } : null);

    return {
      name, requests: point.requests, errors: point.errors,
      rejected: point.rejected, p50: point.p50, p99: point.p99,
      total: route.requests,
    };
  }).sort((x, y) => (y.requests || 0) - (x.requests || 0) || y.total - x.total);
}

// ---- Checks, as they were.

const KEPT = 120;
export const history = createStore<ReadonlyMap<string, readonly number[]>>(new Map());

export function checkKey(check: Pick<Check, 'name' | 'subject'>): string {
  return `${check.name} ${check.subject}`;
}

let noted: string | null = null;

export function forget(): void {
  looks.set([]);
  history.set(new Map());
  noted = null;
}

export function keepChecks(checks: Checks): void {
  if (checks.checked_at === noted) return;
  noted = checks.checked_at;
  history.set(new Map(checks.checks.map((check) => {
    const key = checkKey(check);
    const before = history.get().get(key) ?? [];

    return [key, [...before, check.value ?? NaN].slice(-KEPT)];
  })));
}
