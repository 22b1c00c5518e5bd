// SPDX-License-Identifier: MIT
//
// The client that all operations share: call() makes the request of a route,
// asks again what may be asked again, and gives a Result. It never throws and
// never rejects, whatever it is given and whatever comes back.
//
// It takes fetch, AbortController and timers of its surroundings and nothing
// else, so that it runs in browsers, Node and React Native.

import { Unwritable } from './list.ts';
import { requestOf } from './request.ts';
import type { Request } from './request.ts';
import {
  bounded, isRepeatable, isRetryable, pause, systemClock, waitAfter,
} from './retry.ts';
import type { Bounded, Clock } from './retry.ts';
import { readReply, transportProblem } from './reply.ts';
import type { AnyProblem, Outcome, Reply } from './reply.ts';
import { keepTokens } from './token.ts';
import type { Tokens, TokenSource } from './token.ts';

export type {
  All, Condition, Counted, Filter, Filtered, FlagFilter, Many, NumberFilter,
  One, Operator, Order, Paged, Searched, Select, Selected, Selecting, Sorted,
  TextFilter,
} from './list.ts';
export type { Clock } from './retry.ts';

// ---- What an operation is.

export interface Route {
  /** letters.create */
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Without the base; `{id}` stands for a parameter: /letters/{id} */
  readonly path: string;
  readonly kind: 'list' | 'read' | 'create' | 'update' | 'delete' | 'call'
    | 'export';
  /** Is an Idempotency-Key heard, or demanded? Then one is made. */
  readonly key?: 'optional' | 'required';
  /** The codes of all problems that it can give. */
  readonly codes: readonly string[];
}

// ---- What comes of a call.

export interface Meta {
  /** The server's name for the request, for its log. */
  request_id: string | null;
}

export interface ListMeta extends Meta {
  page: {
    limit: number;
    /** The cursor of the next page; null on the last one. */
    next: string | null;
    /** Rows of the whole list, when `count` was asked for. */
    total?: number;
    total_estimated?: boolean;
  };
}

export interface Success<T, M = Meta> {
  ok: true;
  data: T;
  meta: M;
  status: number;
  /** The row's tag, for `match`. */
  etag: string | null;
  /** It was done by an earlier request with this key; this is its reply. */
  replayed: boolean;
}

export interface Failure<E> {
  ok: false;
  error: E;
  meta: Meta;
  /** The key that was sent: the same one asks for the same again. */
  key: string | null;
  /** Of how many. After several, 404 and 412 may mean that it is done. */
  attempts: number;
}

export type Result<T, E, M = Meta> = Success<T, M> | Failure<E>;

/** A page of a list. */
export type ListResult<Row, E> = Result<Row[], E, ListMeta>;

interface Trouble<C extends string> {
  code: C;
  /** Of the reply; 0 when there was none. */
  status: number;
  message: string;
  /** May the same call, with the same key, do better later? */
  retryable: boolean;
  retryAfterMs?: number;
  /** The server's name for the request, for whoever looks into it. */
  requestId: string | null;
}

/** No answer, or none that can be told by a problem of the operation. */
export type TransportProblem =
  | Trouble<'network_failed'>
  | Trouble<'timed_out'>
  | Trouble<'aborted'>
  | Trouble<'reply_unreadable'>
  | Trouble<'request_unwritable'>
  /** A code that this client was not made for. */
  | (Trouble<'unknown_problem'> & { serverCode: string });

export type TransportCode = TransportProblem['code'];

// ---- What a call takes beside its input.

export interface CallOptions {
  /** Gives the call up, also while it waits to ask again. */
  signal?: AbortSignal | undefined;
  /** Of an attempt, and of the longest wait before the next. */
  timeoutMs?: number | undefined;
  /** How often to ask again; 0 is never. */
  retries?: number | undefined;
  requestId?: string | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
}

export interface KeyOption {
  /** For what the user did; without one it is made, and kept for retries. */
  key?: string | undefined;
}

export interface MatchOption {
  /** The tag of the row as it was read: what has changed is left alone. */
  match?: string | undefined;
}

/** Where the contract demands a tag. */
export interface MatchDemand {
  match: string;
}

export type Return = 'representation' | 'minimal';

export interface ReturnOption<R extends Return = Return> {
  /** minimal: data is null. */
  return?: R | undefined;
}

export type Resolution = 'merge-duplicates' | 'ignore-duplicates';

export interface UpsertOption<U extends Resolution = Resolution> {
  /** What becomes of rows that are there already. */
  resolution?: U | undefined;
}

export interface RollbackOption {
  /** Do it, answer, undo it; where the server has `tx_rollback = on`. */
  rollback?: boolean | undefined;
}

/** What a write tells. */
export type Told<T, R extends Return> = R extends 'minimal' ? null : T;

/** The one row of an upsert: null when it was there and is left alone. */
export type Upserted<T, U> = [U] extends [never] ? T : T | null;

/** All of them; which a call takes is its function's to say. */
export interface AnyOptions extends CallOptions, KeyOption, MatchOption,
  ReturnOption, UpsertOption, RollbackOption {}

// ---- The client.

export interface Retry {
  route: Route;
  problem: { code: string; status: number; message: string };
  /** Of the request that failed: 1, 2, ... */
  attempt: number;
  waitMs: number;
}

export interface ClientOptions {
  /** Where the API is: /api, or https://host/api. */
  base?: string | undefined;
  /** The bearer token for the next request; null or absent is anonymous. */
  token?: TokenSource | undefined;
  /** Gets another token after 401; calls that need it at once share it. */
  refresh?: TokenSource | undefined;
  fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
  timeoutMs?: number | undefined;
  retries?: number | undefined;
  onRetry?: ((retry: Retry) => void) | undefined;
  /** Names a call for the server's log: 1 to 64 of A-Z a-z 0-9 . _ - */
  requestId?: (() => string) | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
  makeKey?: (() => string) | undefined;
  clock?: Clock | undefined;
}

export interface Client {
  readonly base: string;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly tokens: Tokens;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly makeKey: () => string;
  readonly requestId: (() => string) | undefined;
  readonly onRetry: ((retry: Retry) => void) | undefined;
}

const TIMEOUT_MS = 15000;
const RETRIES = 2;

/** What there may be of Web Crypto. randomUUID is missing without TLS. */
interface Chance {
  randomUUID?(): string;
  getRandomValues?(into: Uint8Array): unknown;
}

/** 128 bits by chance. */
function randomKey(): string {
  const { crypto } = globalThis as { crypto?: Chance };
  if (crypto?.randomUUID)
    return crypto.randomUUID();
  const bytes = new Uint8Array(16);
  if (crypto?.getRandomValues)
    crypto.getRandomValues(bytes);
  else
    bytes.forEach((_, i) => { bytes[i] = Math.random() * 256; });
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
}

export function createClient(options: ClientOptions = {}): Client {
  const clock = options.clock ?? systemClock;
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;

  async function within<T>(work: () => Promise<T>): Promise<T | undefined> {
    const result = await bounded(clock, timeoutMs, undefined, work);
    return result.end === 'done' ? result.value : undefined;
  }

  return {
    base: (options.base ?? '').replace(/\/+$/, ''),
    timeoutMs,
    retries: options.retries ?? RETRIES,
    headers: options.headers ?? {},
    clock,
    tokens: keepTokens(options.token, options.refresh, within),
    // Looked up with each call: it may be replaced, and wants its own `this`.
    fetch: options.fetch ?? ((url, init) => globalThis.fetch(url, init)),
    makeKey: options.makeKey ?? randomKey,
    requestId: options.requestId,
    onRetry: options.onRetry,
  };
}

// ---- A request, made once.

function initOf(
  route: Route, request: Request, token: string | null, signal: AbortSignal,
): RequestInit {
  const headers = token === null ? request.headers
    : { ...request.headers, authorization: `Bearer ${token}` };
  const init: RequestInit = { method: route.method, headers, signal };
  if (request.body !== undefined)
    init.body = request.body;
  return init;
}

async function replyOf(response: Response): Promise<Reply> {
  return {
    status: response.status,
    header: (name) => response.headers.get(name),
    text: await response.text(),
  };
}

/** What ended without a reply, but for what fetch threw. */
function withoutReply(result: Bounded<unknown>): Outcome {
  const code = result.end === 'timed_out' || result.end === 'aborted'
    ? result.end : 'network_failed';
  return {
    ok: false, error: transportProblem(code), meta: { request_id: null },
  };
}

/** One attempt with one token. Faults of fetch may hold it: none is told. */
async function exchange(
  client: Client, route: Route, request: Request, options: AnyOptions,
  token: string | null,
): Promise<Outcome> {
  const result = await bounded(client.clock,
    options.timeoutMs ?? client.timeoutMs, options.signal, async (signal) =>
      replyOf(await client.fetch(request.url,
        initOf(route, request, token, signal))));
  return result.end === 'done'
    ? readReply(route, result.value, client.clock.now())
    : withoutReply(result);
}

/** The token; a source that fails is no reason to call as nobody. */
async function tokenFor(
  client: Client, options: AnyOptions,
): Promise<Bounded<string | null>> {
  const result = await bounded(client.clock,
    options.timeoutMs ?? client.timeoutMs, options.signal,
    () => client.tokens.current());
  if (result.end === 'failed')
    throw new Unwritable('The token could not be had.');
  return result;
}

const RENEWABLE = ['token_expired', 'token_invalid'];

/**
 * One attempt; after a 401 that another token mends it is made once more. A
 * second 401 in the same call is final: `state` remembers the first.
 */
async function attempt(
  client: Client, route: Route, request: Request, options: AnyOptions,
  state: { renewed: boolean },
): Promise<Outcome> {
  const token = await tokenFor(client, options);
  if (token.end !== 'done')
    return withoutReply(token);
  const outcome = await exchange(client, route, request, options, token.value);
  if (outcome.ok || state.renewed || token.value === null
    || !RENEWABLE.includes(outcome.error.code))
    return outcome;
  state.renewed = true;
  const refused = token.value;
  const fresh = await bounded(client.clock,
    options.timeoutMs ?? client.timeoutMs, options.signal,
    () => client.tokens.renewed(refused));
  if (fresh.end === 'aborted')
    return withoutReply(fresh);
  if (fresh.end !== 'done' || fresh.value === null)
    return outcome;
  return exchange(client, route, request, options, fresh.value);
}

// ---- A call.

/**
 * May it be made again? Not what was given up, nor what could not be written.
 * A reply that cannot be read is as good as none, but for one that refuses.
 */
function mayDoBetter(
  route: Route, request: Request, error: AnyProblem,
): boolean {
  if (error.code === 'aborted' || error.code === 'request_unwritable')
    return false;
  const isNone = error.code === 'reply_unreadable'
    && (error.status < 400 || error.status >= 500);
  return isRetryable(isNone ? 0 : error.status, error.retryable,
    isRepeatable(route.method, request.key !== null));
}

function report(client: Client, retry: Retry): void {
  try {
    client.onRetry?.(retry);
  } catch {
    // A listener that fails is no reason for the call to fail.
  }
}

/** Waits until it may be asked again; false: it shall not be. */
async function waitToRepeat(
  client: Client, route: Route, options: AnyOptions, error: AnyProblem,
  attempts: number,
): Promise<'again' | 'final' | 'aborted'> {
  const { clock } = client;
  const limitMs = options.timeoutMs ?? client.timeoutMs;
  const waitMs = waitAfter(attempts, error.retryAfterMs, clock.random());
  if (!error.retryable || attempts > (options.retries ?? client.retries)
    || (error.retryAfterMs ?? 0) > limitMs)
    return 'final';
  report(client, { route, problem: error, attempt: attempts, waitMs });
  return await pause(clock, waitMs, options.signal) ? 'again' : 'aborted';
}

async function run(
  client: Client, route: Route, request: Request, options: AnyOptions,
): Promise<Result<unknown, AnyProblem>> {
  const state = { renewed: false };
  for (let attempts = 1; ; attempts++) {
    const outcome = await attempt(client, route, request, options, state);
    if (outcome.ok)
      return outcome;
    outcome.error.retryable = mayDoBetter(route, request, outcome.error);
    outcome.error.requestId = outcome.meta.request_id;
    const next = await waitToRepeat(client, route, options, outcome.error,
      attempts);
    if (next === 'again')
      continue;
    const error = next === 'aborted' ? transportProblem('aborted')
      : outcome.error;
    return { ...outcome, error, key: request.key, attempts };
  }
}

function unwritable(fault: unknown): Failure<AnyProblem> {
  return {
    ok: false,
    error: transportProblem('request_unwritable', 0,
      fault instanceof Unwritable ? fault.message : undefined),
    meta: { request_id: null },
    key: null,
    attempts: 0,
  };
}

/**
 * Makes the request of a route. What it gives is of the types that the route
 * was made with; generated functions say which.
 */
export async function call<T, E, M = Meta>(
  client: Client, route: Route, input: unknown, options: object = {},
): Promise<Result<T, E, M>> {
  let result: Result<unknown, AnyProblem>;
  try {
    const request = requestOf(client, route, input ?? {}, options);
    result = await run(client, route, request, options);
  } catch (fault) {
    result = unwritable(fault);
  }
  return result as Result<T, E, M>;
}
