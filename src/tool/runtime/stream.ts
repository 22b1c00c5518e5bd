// SPDX-License-Identifier: MIT
//
// What is no envelope: a file, whose reply is handed on as it comes, and events,
// which are told one by one until the server says that there are no more. A
// connection that breaks before is made again; a refusal is the last that comes.

import type { AnyOptions, Client, Failure, Result, Route, Success }
  from './client.ts';
import { Unwritable } from './list.ts';
import { readReply, transportProblem } from './reply.ts';
import type { AnyProblem, Outcome } from './reply.ts';
import { pause, waitAfter } from './retry.ts';
import { requestOf } from './request.ts';

type Told = Result<unknown, AnyProblem>;

function failure(error: AnyProblem, attempts: number): Failure<AnyProblem> {
  return {
    ok: false, error, meta: { request_id: error.requestId }, key: null,
    attempts,
  };
}

function successOf<T>(response: Response, data: T): Success<T> {
  return {
    ok: true,
    data,
    meta: { request_id: response.headers.get('x-request-id') },
    status: response.status,
    etag: response.headers.get('etag'),
    replayed: false,
  };
}

async function refusalOf(
  client: Client, route: Route, response: Response,
): Promise<AnyProblem> {
  const outcome: Outcome = readReply(route, {
    status: response.status,
    header: (name) => response.headers.get(name),
    text: await response.text(),
  }, client.clock.now());
  return outcome.ok ? transportProblem('reply_unreadable', response.status)
    : { ...outcome.error, requestId: outcome.meta.request_id };
}

/** Once, and after a 401 that another token mends once more. */
async function ask(
  client: Client, route: Route, input: object, options: AnyOptions,
): Promise<Response | AnyProblem> {
  const request = requestOf(client, route, input, options);
  let token = await client.tokens.current();
  for (let turn = 0; ; turn++) {
    const headers = token === null ? request.headers
      : { ...request.headers, authorization: `Bearer ${token}` };
    const response = await client.fetch(request.url, {
      method: route.method, headers, signal: options.signal ?? null,
    });
    if (response.ok)
      return response;
    const error = await refusalOf(client, route, response);
    if (turn > 0 || token === null || response.status !== 401)
      return error;
    const fresh = await client.tokens.renewed(token);
    if (fresh === null)
      return error;
    token = fresh;
  }
}

/** The same, where what cannot be had is a problem, too. */
async function asked(
  client: Client, route: Route, input: object, options: AnyOptions,
): Promise<Response | AnyProblem> {
  try {
    return await ask(client, route, input, options);
  } catch (fault) {
    if (fault instanceof Unwritable)
      return transportProblem('request_unwritable', 0, fault.message);
    return transportProblem(options.signal?.aborted ? 'aborted'
      : 'network_failed');
  }
}

/** The reply to be read: `.blob()`, `.body`; its length tells if it is whole. */
export async function download<E>(
  client: Client, route: Route, input: object, options: AnyOptions = {},
): Promise<Result<Response, E>> {
  const got = await asked(client, route, input, options);
  return (got instanceof Response ? successOf(got, got)
    : failure(got, 1)) as Result<Response, E>;
}

interface Happening {
  event: string;
  data: string;
}

function happeningOf(text: string): Happening {
  const told = { event: 'message', data: '' };
  for (const line of text.split('\n')) {
    const [, name, value] = /^(event|data): ?(.*)$/.exec(line) ?? [];
    if (name === 'event')
      told.event = value ?? '';
    else if (name === 'data')
      told.data += value ?? '';
  }
  return told;
}

/** The events of a reply, as they come. */
async function* happenings(
  response: Response,
): AsyncGenerator<Happening, void> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  try {
    for (;;) {
      const part = await reader?.read();
      if (part === undefined || part.done)
        return;
      text += decoder.decode(part.value, { stream: true });
      const whole = text.split('\n\n');
      text = whole.pop() ?? '';
      yield* whole.map(happeningOf);
    }
  } finally {
    await reader?.cancel().catch(() => undefined);
  }
}

/** Tells rows; true: the server has said that it is the end. */
async function* rowsOf(
  response: Response,
): AsyncGenerator<Told, boolean> {
  try {
    for await (const { event, data } of happenings(response)) {
      if (event === 'end')
        return !data.includes('token_expired');
      if (event === 'progress')
        yield successOf(response, JSON.parse(data) as unknown);
    }
  } catch {
    // It broke: it is asked for again.
  }
  return false;
}

/** Each row that is told, and, if it comes to that, why there are no more. */
export async function* follow<T, E>(
  client: Client, route: Route, input: object, options: AnyOptions = {},
): AsyncGenerator<Result<T, E>, void> {
  for (let attempts = 1; ; attempts++) {
    const got = await asked(client, route, input, options);
    if (got instanceof Response) {
      attempts = 0;
      if (yield* rowsOf(got) as AsyncGenerator<Result<T, E>, boolean>)
        return;
    } else if (!(got.retryable || got.code === 'network_failed')
      || attempts > (options.retries ?? client.retries)) {
      yield failure(got, attempts) as Result<T, E>;
      return;
    }
    if (!await pause(client.clock, waitAfter(attempts + 1, undefined,
      client.clock.random()), options.signal)) {
      yield failure(transportProblem('aborted'), attempts) as Result<T, E>;
      return;
    }
  }
}
