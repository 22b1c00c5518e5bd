// SPDX-License-Identifier: MIT
//
// A reply's text -> a result. What comes is not trusted to be the server's: a
// proxy, a captive portal or a newer server may answer, so that each member
// that a type promises of the envelope is looked at before it is told.

import type { Meta, Route, Success, TransportCode } from './client.ts';
import { retryAfterMs } from './retry.ts';

/** What fetch gave, read to its end. */
export interface Reply {
  status: number;
  header(name: string): string | null;
  text: string;
}

/** What every problem has; more members come with some. */
export interface AnyProblem {
  code: string;
  status: number;
  message: string;
  retryable: boolean;
  retryAfterMs?: number;
  requestId: string | null;
  [member: string]: unknown;
}

export type Outcome = Success<unknown, Meta>
  | { ok: false; error: AnyProblem; meta: Meta };

type Members = Record<string, unknown>;

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const messages: Record<TransportCode, string> = {
  network_failed: 'The server was not reached, or the connection broke.',
  timed_out: 'The server did not answer in time.',
  aborted: 'The call was given up.',
  reply_unreadable: 'The reply is none of this API.',
  request_unwritable: 'The call could not be made.',
  unknown_problem: 'The server refused for a reason that is new here.',
};

/** A problem of our own. */
export function transportProblem(
  code: TransportCode, status = 0, message?: string,
): AnyProblem {
  return {
    code, status, message: message ?? messages[code], retryable: false,
    requestId: null,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function metaOf(envelope: Members, reply: Reply): Meta {
  const meta = isObject(envelope.meta) ? envelope.meta : {};
  const id = meta.request_id ?? reply.header('x-request-id');
  return { ...meta, request_id: typeof id === 'string' ? id : null };
}

function isPage(page: unknown): boolean {
  return isObject(page) && typeof page.limit === 'number'
    && (page.next === null || typeof page.next === 'string');
}

/** Is the data what an operation of this kind tells? */
function isTold(route: Route, envelope: Members, meta: Members): boolean {
  if (!('data' in envelope))
    return false;
  if (route.kind === 'list')
    return Array.isArray(envelope.data) && isPage(meta.page);
  return route.kind !== 'read' || isObject(envelope.data);
}

function successOf(envelope: Members, meta: Meta, reply: Reply): Outcome {
  return {
    ok: true,
    data: envelope.data,
    meta,
    status: reply.status,
    etag: reply.header('etag'),
    replayed: reply.header('idempotency-replayed') === 'true',
  };
}

/** Codes whose type promises issues. */
const WITH_ISSUES = ['validation_failed', 'invalid_query', 'invalid_cursor'];

function isIssue(issue: unknown): boolean {
  return isObject(issue) && Array.isArray(issue.path)
    && typeof issue.code === 'string' && typeof issue.message === 'string';
}

/** The members of an error that a type speaks of, each of its type. */
function problemOf(error: Members, status: number): AnyProblem {
  const problem: AnyProblem = {
    ...error,
    code: String(error.code),
    status: typeof error.status === 'number' ? error.status : status,
    message: typeof error.message === 'string' ? error.message : '',
    retryable: error.retryable === true,
    requestId: null,
  };
  delete problem.retryAfterMs;
  if (WITH_ISSUES.includes(problem.code) || 'issues' in error)
    problem.issues = Array.isArray(error.issues)
      ? error.issues.filter(isIssue) : [];
  return problem;
}

/**
 * A code that is in no type of the operation, as a newer server may give,
 * keeps its name beside, so that a switch over the codes stays closed.
 */
function foreignOf(problem: AnyProblem): AnyProblem {
  return {
    ...problem, code: 'unknown_problem', serverCode: problem.code,
    message: problem.message || messages.unknown_problem,
  };
}

function failureOf(
  route: Route, error: Members, meta: Meta, reply: Reply,
): Outcome {
  const problem = problemOf(error, reply.status);
  return {
    ok: false, meta,
    error: route.codes.includes(problem.code) ? problem : foreignOf(problem),
  };
}

/** The envelope's outcome; what is no envelope is `reply_unreadable`. */
function outcomeOf(route: Route, reply: Reply): Outcome {
  const envelope = parsed(reply.text);
  if (isObject(envelope)) {
    const meta = metaOf(envelope, reply);
    const isGood = reply.status >= 200 && reply.status < 300;
    if (isGood && envelope.ok === true && isTold(route, envelope, { ...meta }))
      return successOf(envelope, meta, reply);
    if (!isGood && envelope.ok === false && isObject(envelope.error)
      && typeof envelope.error.code === 'string')
      return failureOf(route, envelope.error, meta, reply);
  }
  return {
    ok: false,
    error: transportProblem('reply_unreadable', reply.status),
    meta: { request_id: reply.header('x-request-id') },
  };
}

export function readReply(route: Route, reply: Reply, now: number): Outcome {
  const outcome = outcomeOf(route, reply);
  const waitMs = retryAfterMs(reply.header('retry-after'), now);
  if (!outcome.ok && waitMs !== undefined)
    outcome.error.retryAfterMs = waitMs;
  return outcome;
}
