// SPDX-License-Identifier: MIT
//
// A route and an input -> a request: path, query, header fields and body, each
// written once, so that every attempt sends the same bytes. What cannot be
// said as it was meant is refused here, before anything is sent.

import { listParameters, scalarText, selectParameters, Unwritable }
  from './list.ts';
import type { Parameters } from './list.ts';
import type { AnyOptions, Client, Route } from './client.ts';

/** A request as each attempt sends it, but for the token. */
export interface Request {
  url: string;
  headers: Record<string, string>;
  body: string | undefined;
  key: string | null;
}

type Members = Record<string, unknown>;

/** A path's parameter is one segment: neither empty, nor one that goes up. */
function segment(input: Members, name: string): string {
  const text = scalarText(input[name], name);
  if (text === '' || text === '.' || text === '..')
    throw new Unwritable(`${name} must be a segment of a path.`);
  return encodeURIComponent(text);
}

function pathOf(route: Route, input: Members): string {
  return route.path.replace(/\{(\w+)\}/g, (_, name) => segment(input, name));
}

/** What of a call's input is neither in the path nor the body. */
function callParameters(route: Route, input: Members): Parameters {
  return Object.entries(input)
    .filter(([name, value]) => value !== undefined
      && !route.path.includes(`{${name}}`)
      && !(name === 'body' && route.method !== 'GET'))
    .map(([name, value]) => [name, scalarText(value, name)]);
}

/** A list's, without pages, and the format. */
function exportParameters({ format, ...query }: Members): Parameters {
  const parameters = listParameters(query);
  return format === undefined ? parameters
    : [['format', scalarText(format, 'format')], ...parameters];
}

function parametersOf(route: Route, input: Members): Parameters {
  switch (route.kind) {
  case 'list':
    return listParameters(input);
  case 'export':
    return exportParameters(input);
  case 'read':
    return selectParameters(input.select);
  default:
    return callParameters(route, input);
  }
}

function queryText(parameters: Parameters): string {
  const text = parameters.map(([name, value]) =>
    `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');
  return text === '' ? '' : `?${text}`;
}

/**
 * JSON has no NaN, no infinity and no invalid date, and JSON.stringify would
 * make each of them null, which is a value here and clears a field.
 */
function sayable(this: unknown, name: string, value: unknown): unknown {
  const before = (this as Members)[name];
  if ((typeof value === 'number' && !Number.isFinite(value))
    || (value === null && before instanceof Date))
    throw new Unwritable(`The body's ${name} cannot be said in JSON.`);
  return value;
}

function bodyOf(route: Route, input: Members): string | undefined {
  if (route.method === 'GET' || input.body === undefined)
    return undefined;
  return JSON.stringify(input.body, sayable);
}

function preferOf(input: Members, options: AnyOptions): string {
  return [
    options.return === 'minimal' ? 'return=minimal' : '',
    options.resolution ? `resolution=${options.resolution}` : '',
    input.count ? `count=${String(input.count)}` : '',
    options.rollback ? 'tx=rollback' : '',
  ].filter((preference) => preference !== '').join(', ');
}

/** By lower-case name, so that none is sent twice; empty ones are not sent. */
function headersOf(
  ...sources: Readonly<Record<string, string | null | undefined>>[]
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const source of sources)
    for (const [name, value] of Object.entries(source))
      if (value !== null && value !== undefined && value !== '')
        headers[name.toLowerCase()] = value;
  return headers;
}

/** Throws where something cannot be written: an Unwritable, or what it may. */
export function requestOf(
  client: Client, route: Route, given: object, options: AnyOptions,
): Request {
  const input = given as Members;
  const body = bodyOf(route, input);
  const key = route.key === undefined ? null : options.key ?? client.makeKey();
  return {
    url: client.base + pathOf(route, input)
      + queryText(parametersOf(route, input)),
    headers: headersOf(client.headers, options.headers ?? {}, {
      'accept': 'application/json',
      'content-type': body === undefined ? null : 'application/json',
      'idempotency-key': key,
      'if-match': options.match,
      'prefer': preferOf(input, options),
      'x-request-id': options.requestId ?? client.requestId?.(),
    }),
    body,
    key,
  };
}
