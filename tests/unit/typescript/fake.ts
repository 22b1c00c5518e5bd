// SPDX-License-Identifier: MIT
//
// A client whose clock, dice and server are the test's: time passes at once
// where everybody waits, and each request that is made is kept.

import { createClient } from './runtime/client.ts';
import type { Client, ClientOptions, Route } from './runtime/client.ts';
import type { Clock } from './runtime/retry.ts';

/** What the fake server does with a request. */
export type Answer =
  | { status: number; body?: unknown; text?: string;
    headers?: Record<string, string> }
  | 'fail' | 'hang' | 'break';

export interface Sent {
  url: string;
  method: string;
  headers: Record<string, string>;
  body: string | undefined;
  atMs: number;
}

interface Timer { at: number; then: () => void }

export class FakeClock implements Clock {
  time = Date.UTC(2026, 0, 1);
  dice = () => 0.5;
  timers = new Set<Timer>();

  now = () => this.time;
  random = () => this.dice();
  set = (then: () => void, afterMs: number) => {
    const timer = { at: this.time + afterMs, then };
    this.timers.add(timer);
    return timer;
  };
  clear = (timer: unknown) => { this.timers.delete(timer as Timer); };

  /** Lets the next timer come. */
  tick(): void {
    const next = [...this.timers].sort((a, b) => a.at - b.at)[0];
    if (next === undefined)
      return;
    this.timers.delete(next);
    this.time = next.at;
    next.then();
  }

  /** Lets time pass, where nothing else is to do, until the work is done. */
  async drive<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const end = () => { isDone = true; };
    work.then(end, end);
    for (let idle = 0; !isDone && idle < 10000; idle++) {
      await new Promise(setImmediate);
      if (!isDone)
        this.tick();
    }
    return work;
  }
}

export function envelope(data: unknown, more: object = {}): Answer {
  return { status: 200, body: {
    ok: true, data, meta: { request_id: 'r-1' }, ...more } };
}

export function refusal(
  status: number, code: string, more: object = {},
  headers: Record<string, string> = {},
): Answer {
  return { status, headers, body: { ok: false, error: {
    code, status, message: `A sentence on ${code}.`,
    retryable: [429, 502, 503, 504].includes(status), ...more,
  }, meta: { request_id: 'r-2' } } };
}

function broken(): ReadableStream {
  return new ReadableStream({ start: (c) => c.error(new Error('cut')) });
}

function responseTo(answer: Exclude<Answer, 'fail' | 'hang'>): Response {
  if (answer === 'break')
    return new Response(broken(), { status: 200 });
  const text = answer.text ?? JSON.stringify(answer.body);
  return new Response([204, 304].includes(answer.status) ? null : text,
    { status: answer.status, headers: answer.headers ?? {} });
}

export class Fake {
  clock = new FakeClock();
  sent: Sent[] = [];
  client: Client;
  /** What each request gets in turn; the last one again and again. */
  answers: (Answer | ((sent: Sent) => Answer))[];

  constructor(
    answers: (Answer | ((sent: Sent) => Answer))[], options: ClientOptions = {},
  ) {
    this.answers = answers;
    this.client = createClient({
      base: 'https://host.example/api', clock: this.clock,
      fetch: (url, init) => this.#fetch(url, init), ...options,
    });
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    const sent: Sent = {
      url, method: init.method ?? '',
      headers: { ...init.headers as Record<string, string> },
      body: init.body as string | undefined, atMs: this.clock.time,
    };
    const number = Math.min(this.sent.push(sent), this.answers.length) - 1;
    const wanted = this.answers[number]!;
    const answer = typeof wanted === 'function' ? wanted(sent) : wanted;
    if (answer === 'fail')
      throw new TypeError('fetch failed');
    if (answer === 'hang')
      return new Promise(() => {});
    return responseTo(answer);
  }

  /** Milliseconds between one request and the next. */
  get waits(): number[] {
    return this.sent.slice(1).map((s, i) => s.atMs - this.sent[i]!.atMs);
  }
}

const codes = [
  'malformed_json', 'invalid_query', 'token_missing', 'token_invalid',
  'token_expired', 'forbidden', 'not_found', 'request_in_progress',
  'precondition_failed', 'validation_failed', 'rate_limited', 'internal',
  'upstream_failed', 'unavailable', 'timeout', 'reference_taken',
];

/** One route of each kind that repeats know. */
export const routes = {
  list: { name: 'letters.list', method: 'GET', path: '/letters', kind: 'list',
    codes },
  read: { name: 'letters.read', method: 'GET', path: '/letters/{id}',
    kind: 'read', codes },
  create: { name: 'letters.create', method: 'POST', path: '/letters',
    kind: 'create', key: 'optional', codes },
  post: { name: 'accounts.rate', method: 'POST', path: '/accounts/{id}/rate',
    kind: 'call', codes },
  update: { name: 'letters.update', method: 'PATCH', path: '/letters/{id}',
    kind: 'update', codes },
  put: { name: 'accounts.set_plan', method: 'PUT', path: '/accounts/{id}/plan',
    kind: 'call', codes },
  delete: { name: 'letters.delete', method: 'DELETE', path: '/letters/{id}',
    kind: 'delete', codes },
  earnings: { name: 'affiliates.earnings', method: 'GET',
    path: '/affiliates/{id}/earnings', kind: 'call', codes },
} as const satisfies Record<string, Route>;

/** An input that each of them takes. */
export const inputs: Record<keyof typeof routes, object> = {
  list: {}, read: { id: 'a' }, create: { body: { title: 'Hi' } },
  post: { id: 'a', body: {} }, update: { id: 'a', body: { title: 'Ho' } },
  put: { id: 'a', body: { plan: 'pro' } }, delete: { id: 'a' },
  earnings: { id: 'a' },
};
