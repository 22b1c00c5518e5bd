// SPDX-License-Identifier: MIT
//
// What the cases share: clients of people, whose calls are recorded, so that
// an operation or a problem that was never seen is known; the database's own
// door, for what no client can bring about.

import { execFileSync, spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

import * as api from './api/index.ts';
import type { AnyProblem, Client, ClientOptions } from './api/index.ts';
import { narrow } from './narrow.ts';
import { holds, same } from './tap.ts';

export const ALICE = '11111111-1111-4111-8111-111111111111';
export const BOB = '22222222-2222-4222-8222-222222222222';
export const ABSENT = '99999999-9999-4999-8999-999999999999';
export const URL = process.env.URL!;

// ---- What was seen.

const seen = { operations: new Set<string>(), codes: new Set<string>() };

interface Ended { ok: boolean; error?: AnyProblem }

function record(name: string, result: Ended): void {
  if (result.ok)
    seen.operations.add(name);
  if (result.error === undefined)
    return;
  same(narrow(result.error)[0], result.error.status, result.error.code);
  seen.codes.add(result.error.code);
}

/** What tells one result after the other. */
async function* followed(
  member: (...args: unknown[]) => AsyncGenerator<Ended>, args: unknown[],
): AsyncGenerator<Ended> {
  for await (const result of member(...args)) {
    record('exports_.events', result);
    yield result;
  }
}

/** The functions of a resource, each recorded by how it ends. */
function watched<M extends object>(resource: string, module: M): M {
  return new Proxy(module, { get(_, name, whole) {
    const member: unknown = Reflect.get(module, name, whole);
    if (typeof member !== 'function')
      return member;
    if (`${resource}.${String(name)}` === 'exports_.events')
      return (...args: unknown[]) => followed(
        member as (...a: unknown[]) => AsyncGenerator<Ended>, args);
    return async (...args: unknown[]) => {
      const result = await (member as (...a: unknown[]) => Promise<Ended>)(
        ...args);
      record(`${resource}.${String(name)}`, result);
      return result;
    };
  } });
}

export const accountInvitations = watched('accountInvitations',
  api.accountInvitations);
export const accountMembers = watched('accountMembers', api.accountMembers);
export const accounts = watched('accounts', api.accounts);
export const affiliates = watched('affiliates', api.affiliates);
export const campaigns = watched('campaigns', api.campaigns);
export const commissions = watched('commissions', api.commissions);
export const companies = watched('companies', api.companies);
export const couponRedemptions = watched('couponRedemptions',
  api.couponRedemptions);
export const coupons = watched('coupons', api.coupons);
export const deliveryAttempts = watched('deliveryAttempts',
  api.deliveryAttempts);
export const deliveryEndpoints = watched('deliveryEndpoints',
  api.deliveryEndpoints);
export const events = watched('events', api.events);
export const exports_ = watched('exports_', api.exports_);
export const expectations = watched('expectations', api.expectations);
export const jobs = watched('jobs', api.jobs);
export const letters = watched('letters', api.letters);
export const payouts = watched('payouts', api.payouts);
export const monitor = watched('monitor', api.monitor);
export const queues = watched('queues', api.queues);
export const referrals = watched('referrals', api.referrals);
export const rejections = watched('rejections', api.rejections);
export const rollups = watched('rollups', api.rollups);
export const supportTickets = watched('supportTickets', api.supportTickets);
export const users = watched('users', api.users);
export const webhookAttempts = watched('webhookAttempts', api.webhookAttempts);
export const webhookDeliveries = watched('webhookDeliveries',
  api.webhookDeliveries);
export const webhookEndpoints = watched('webhookEndpoints',
  api.webhookEndpoints);
export const webhookMessages = watched('webhookMessages', api.webhookMessages);

/** Says what was seen, and what the folder has. */
export function tell(): void {
  const functions = Object.entries(api).flatMap(([resource, module]) =>
    typeof module === 'object' ? Object.entries(module)
      .filter(([, member]) => typeof member === 'function')
      .map(([name]) => `${resource}.${name}`) : []);
  writeFileSync(process.env.SEEN!, JSON.stringify({ functions,
    operations: [...seen.operations], codes: [...seen.codes] }));
}

// ---- Results.

/** What went well; else the problem is the fault. */
export function good<T, M>(
  result: api.Result<T, unknown, M>,
): api.Success<T, M> {
  if (!result.ok)
    throw new Error(`refused: ${JSON.stringify(result.error)}`);
  return result;
}

function isCode<E extends { code: string }, C extends E['code']>(
  error: E, code: C,
): error is Extract<E, { code: C }> {
  return error.code === code;
}

/** The problem, which must be one of this operation: tsc looks at that. */
export function refused<E extends { code: string }, C extends E['code']>(
  result: api.Result<unknown, E, unknown>, code: C,
): Extract<E, { code: C }> {
  holds(!result.ok, `${code}: it went well`);
  holds(isCode(result.error, code),
    `wanted ${code}, got ${JSON.stringify(result.error)}`);
  return result.error;
}

// ---- People.

const secret = readFileSync(process.env.SECRET!, 'utf8').trim();

function base64(value: string | object): string {
  return Buffer.from(typeof value === 'string' ? value
    : JSON.stringify(value)).toString('base64url');
}

/** A token of the test's own making (RFC 7519). */
export function token(claims: object, lifeS = 3600): string {
  const now = Math.floor(Date.now() / 1000);
  const text = `${base64({ alg: 'HS256', typ: 'JWT' })}.${base64(
    { iat: now - 10, exp: now + lifeS, ...claims })}`;
  return `${text}.${createHmac('sha256', secret).update(text)
    .digest('base64url')}`;
}

export function client(
  claims: object | null, options: ClientOptions = {},
): Client {
  return api.createClient({ base: `${URL}/api`,
    token: () => claims === null ? null : token(claims), ...options });
}

export function person(sub: string, more: object = {}): object {
  return { role: 'authenticated', sub, ...more };
}

export const alice = client(person(ALICE));
export const bob = client(person(BOB));
export const service = client({ role: 'service_role' });
export const operator = client({ role: 'operator', sub: 'ops:grace' });
export const nobody = client(null);

export interface Somebody { sub: string; email: string; client: Client }

/** Somebody who has a token, and no profile. */
export function stranger(): Somebody {
  const sub = randomUUID();
  const email = `u${sub.slice(0, 8)}@letters.example`;
  return { sub, email,
    client: client(person(sub, { email, email_verified: true })) };
}

export async function registered(referral?: string): Promise<Somebody> {
  const who = stranger();
  good(await users.register(who.client, { body: {
    email: who.email, display_name: 'Somebody',
    ...referral !== undefined && { referral_code: referral } } }));
  return who;
}

/** Has a client's requests changed on their way. */
export function meddled(
  claims: object | null,
  change: (url: string, init: RequestInit) => [string, RequestInit],
): Client {
  return client(claims, { retries: 0,
    fetch: (url, init) => fetch(...change(url, init)) });
}

/** The header fields of an init, to be changed. */
export function withHeaders(
  init: RequestInit, more: Record<string, string | undefined>,
): RequestInit {
  const headers = { ...init.headers as Record<string, string>, ...more };
  return { ...init, headers: Object.fromEntries(Object.entries(headers)
    .filter((pair): pair is [string, string] => pair[1] !== undefined)) };
}

export const newLetter: api.LetterCreate = {
  title: 'Notice of cancellation',
  body: 'Please cancel my subscription.',
  tone: 'formal',
  recipient: { name: 'Ada Byron', email: 'ada@post.example' },
  tags: ['work'],
};

export async function draft(
  who: Client = alice, more: Partial<api.LetterCreate> = {},
): Promise<api.Letter> {
  return good(await letters.create(who, {
    body: { ...newLetter, ...more } })).data;
}

// ---- The database's own door.

export function psql(sql: string): string {
  return execFileSync('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1',
    '-d', process.env.DATABASE!, '-c', sql], { encoding: 'utf8' }).trim();
}

/** Does some work while nobody else can even read a table. */
export async function held<T>(table: string, work: () => Promise<T>) {
  const holder = spawn('psql', ['-X', '-q', '-A', '-t', '-d',
    process.env.DATABASE!], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    holder.stdin.write(`begin; lock table ${table} in access exclusive mode;
      select 'held';\n`);
    await new Promise((locked) => holder.stdout.once('data', locked));
    return await work();
  } finally {
    holder.stdin.end('rollback;\n');
    await new Promise((ended) => holder.once('close', ended));
  }
}

export async function until(
  condition: () => boolean | Promise<boolean>, what: string,
): Promise<void> {
  const end = Date.now() + 60000;
  while (!await condition()) {
    holds(Date.now() < end, `waited for ${what}`);
    await new Promise((later) => setTimeout(later, 20));
  }
}
