// SPDX-License-Identifier: MIT
//
// What may be asked again, and after how long: the table of repeats of
// doc/WIRE.md. Where nobody knows whether a request was done, it is repeated
// only when doing it twice is as good as once.

/** The client's clock and dice; tests bring their own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** From 0 up to 1. */
  random(): number;
  set(then: () => void, afterMs: number): unknown;
  clear(timer: unknown): void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  set: (then, afterMs) => setTimeout(then, afterMs),
  clear: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
};

/** How some work within a bound has ended. */
export type Bounded<T> =
  | { end: 'done'; value: T }
  | { end: 'failed'; fault: unknown }
  | { end: 'timed_out' }
  | { end: 'aborted' };

/** What a timer can count to; more would be none at all. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * Does some work for a time at most, or until the caller gives up. The work
 * gets a signal of its own; work that does not heed it is left behind, as
 * fetches of some platforms do not.
 */
export function bounded<T>(
  clock: Clock,
  limitMs: number,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<Bounded<T>> {
  return new Promise((resolve) => {
    const inner = new AbortController();
    const onAbort = () => finish({ end: 'aborted' });
    const timer = clock.set(() => finish({ end: 'timed_out' }),
      Math.min(Math.max(limitMs, 0), TIMER_MAX_MS));
    function finish(result: Bounded<T>) {
      clock.clear(timer);
      signal?.removeEventListener('abort', onAbort);
      resolve(result);
      if (result.end !== 'done')
        inner.abort();
    }

    if (signal?.aborted) {
      onAbort();
      return;
    }
    signal?.addEventListener('abort', onAbort);
    // Work that throws before it has promised anything has failed as well.
    new Promise<T>((done) => done(work(inner.signal))).then(
      (value) => finish({ end: 'done', value }),
      (fault: unknown) => finish({ end: 'failed', fault }));
  });
}

/** Waits; false when the caller gave up. */
export async function pause(
  clock: Clock, waitMs: number, signal: AbortSignal | undefined,
): Promise<boolean> {
  const forever = () => new Promise<never>(() => {});
  return (await bounded(clock, waitMs, signal, forever)).end === 'timed_out';
}

/** Does a second time do no more than the first? */
export function isRepeatable(method: string, hasKey: boolean): boolean {
  return method !== 'POST' || hasKey;
}

/**
 * May the same request be made again after this status (0: no answer)? 429
 * says that nothing was done. Of all else that may do better later, as after
 * 502, 503 and 504, the server says so, but not whether it was done.
 */
export function isRetryable(
  status: number, said: boolean, repeatable: boolean,
): boolean {
  if (status === 429)
    return true;
  return repeatable && (said || status === 0);
}

const FIRST_WAIT_MS = 1000;
/** Those who were told the same time shall not come back at once. */
const SPREAD = 0.1;

/**
 * The wait after an attempt (1, 2, ...): what the server asked for and a
 * little more, else somewhere below a second, then two, then four.
 */
export function waitAfter(
  attempt: number, askedMs: number | undefined, random: number,
): number {
  if (askedMs !== undefined)
    return Math.round(askedMs * (1 + SPREAD * random));
  return Math.round(FIRST_WAIT_MS * 2 ** (attempt - 1) * random);
}

/** Retry-After (RFC 9110 section 10.2.3): seconds, or a date. */
export function retryAfterMs(
  field: string | null, now: number,
): number | undefined {
  const text = field?.trim() ?? '';
  if (/^\d{1,9}$/.test(text))
    return Number(text) * 1000;
  // Date.parse takes much that is no date of HTTP, as "-1" is.
  const date = /^[A-Z][a-z]{2},? .*GMT$/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
