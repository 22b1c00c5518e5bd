// SPDX-License-Identifier: MIT
//
// The service as its people use it: every operation by its generated
// function, and the refusals that the contract names.

import { writeFileSync } from 'node:fs';
import {
  ABSENT, ALICE, BOB, accountInvitations, accountMembers, accounts, affiliates,
  alice, bob, campaigns, commissions, companies, couponRedemptions, coupons,
  deliveryAttempts, deliveryEndpoints, draft, events, expectations, exports_,
  good, jobs, letters, monitor, newLetter, nobody, operator, payouts, psql,
  queues, referrals, refused, registered, rejections, rollups, service,
  stranger, supportTickets, users, webhookAttempts, webhookDeliveries,
  webhookEndpoints, webhookMessages,
} from './world.ts';
import type { Somebody } from './world.ts';
import type * as api from './api/index.ts';
import { holds, same, test } from './tap.ts';

test('A letter is written, read, changed, listed and deleted', async () => {
  const made = good(await letters.create(alice, { body: newLetter }));
  same([made.status, made.data.status, made.replayed], [201, 'draft', false]);
  const { id } = made.data;
  const read = good(await letters.read(alice, { id }));
  same([read.data, read.etag], [made.data, made.etag]);
  const some = good(await letters.read(alice, { id,
    select: ['title', { owner: ['display_name'] }] }));
  same(some.data, { title: newLetter.title, owner: { display_name: 'Alice' } });
  const changed = good(await letters.update(alice,
    { id, body: { title: 'Second thoughts', reference: null } },
    { match: made.etag ?? '' }));
  same(changed.data, { ...made.data, title: 'Second thoughts',
    updated_at: changed.data.updated_at });
  refused(await letters.update(alice, { id, body: { title: 'Third' } },
    { match: made.etag ?? '' }), 'precondition_failed');
  const minimal = good(await letters.update(alice,
    { id, body: { title: 'Third' } }, { return: 'minimal' }));
  const nothing: null = minimal.data;
  same(nothing, null);
  same(good(await letters.delete(alice, { id })).data, null);
  refused(await letters.read(alice, { id }), 'not_found');
});

test('Lists are filtered as Postgres filters', async () => {
  const count = (where: string) => Number(psql(`select count(*)
    from app.letters where owner_id = '${ALICE}' and (${where})`));
  const total = async (query: api.letters.ListQuery) =>
    good(await letters.list(alice, { ...query, limit: 1, count: 'exact' }))
      .meta.page.total;
  const table: [api.letters.ListQuery, string][] = [
    [{ where: { status: { in: ['sent', 'failed'] } } },
      "status in ('sent', 'failed')"],
    [{ where: { status: { not: { eq: 'draft' } }, reference: { is: null } } },
      "status <> 'draft' and reference is null"],
    [{ where: { reference: { is: 'not_null' } } }, 'reference is not null'],
    [{ where: { title: { ilike: '*complaint*' } } },
      "title ilike '%complaint%'"],
    [{ where: { title: { not: { gte: 'C', lt: 'T' } } } },
      "not (title >= 'C' and title < 'T')"],
    [{ or: [{ status: { eq: 'draft' }, tone: { eq: 'formal' } },
      { not: { or: [{ title: { gte: 'C' } },
        { tone: { eq: 'neutral' } }] } }] },
    "(status = 'draft' and tone = 'formal') or not (title >= 'C' or "
      + "tone = 'neutral')"],
    [{ where: { 'recipient->>name': { eq: 'Ada Byron' } } },
      "recipient ->> 'name' = 'Ada Byron'"],
    [{ where: { 'recipient->address->>city': { in: ['Ghent'] } } },
      "recipient -> 'address' ->> 'city' = 'Ghent'"],
  ];
  for (const [query, where] of table) {
    holds(count(where) > 0, `nothing to find: ${where}`);
    same(await total(query), count(where), where);
  }
});

test('Texts that are hard to quote are found', async () => {
  const who = await registered();
  const titles = ['a,b', 'say "hi"', '(x)', 'back\\slash', 'a.b', ' led', '*',
    'ä & ö = ü + 50%', 'and(or)', 'not.eq.1', "it's"];
  for (const title of titles)
    await draft(who.client, { title });
  const found = async (query: api.letters.ListQuery) =>
    good(await letters.list(who.client, { ...query, limit: 100 })).data
      .map((row) => row.title).sort();
  for (const title of titles) {
    same(await found({ where: { title: { eq: title } } }), [title]);
    same(await found({ or: [{ title: { eq: title } }] }), [title]);
    same(await found({ where: { title: { in: [title, 'no'] } } }), [title]);
    same(await found({ and: [{ title: { in: [title] } }] }), [title]);
  }
  same(await found({ where: { title: { in: titles } } }), [...titles].sort());
  same(await found({ or: titles.map((title) => ({ title: { eq: title } })) }),
    [...titles].sort());
});

/** The ids of a list from a cursor on; a loop would have no type (TS7022). */
async function idsFrom(after: string | null): Promise<string[]> {
  const { data, meta } = good(await letters.list(alice, { select: ['id'],
    order: ['-title', 'status'], limit: 100, after }));
  const ids = data.map((row) => row.id);
  return meta.page.next === null ? ids
    : [...ids, ...await idsFrom(meta.page.next)];
}

test('A list is followed to its end, narrowed and sorted', async () => {
  const ids = await idsFrom(null);
  same(ids.length, Number(psql(
    `select count(*) from app.letters where owner_id = '${ALICE}'`)));
  same(new Set(ids).size, ids.length);
  const first = good(await letters.list(alice, { search: 'garden -lease',
    select: ['title', { owner: ['display_name'] }], limit: 1 }));
  same(first.data[0]!.owner, { display_name: 'Alice' });
});

test('A letter is sent, recalled, handed in, or failed', async () => {
  const { id } = await draft();
  same(good(await letters.send(alice, { id, body: { channel: 'email' } }))
    .data.status, 'queued');
  refused(await letters.send(alice, { id, body: {} }), 'letter_already_sent');
  refused(await letters.update(alice, { id, body: { title: 'x' } }),
    'letter_not_draft');
  refused(await letters.delete(alice, { id }), 'letter_on_its_way');
  same(good(await letters.recall(alice, { id })).data.status, 'draft');
  refused(await letters.recall(alice, { id }), 'letter_not_queued');
  good(await letters.send(alice, { id, body: {} }));
  psql(`update lockstep.jobs set state = 'running', lease_token = 1,
    lease_until = now() where state = 'available' and args ->> 'letter_id' = '${id}'`);
  refused(await letters.recall(alice, { id }), 'letter_in_writing');
  refused(await letters.complete(alice, { id, body: { content: 'Dear' } }),
    'forbidden');
  same(good(await letters.complete(service, { id, body: { content: 'Dear' } }))
    .data.status, 'sent');
  const other = await draft();
  refused(await letters.send(alice, { id: other.id,
    body: { channel: 'post' } }), 'recipient_unreachable');
  good(await letters.send(alice, { id: other.id, body: {} }));
  same(good(await letters.fail(service, { id: other.id,
    body: { reason: 'No paper.' } })).data.failure_reason, 'No paper.');
});

test('A refusal of the form says where', async () => {
  const reference = `r-${Date.now()}`;
  await draft(alice, { reference });
  const taken = refused(await letters.create(alice,
    { body: { ...newLetter, reference } }), 'reference_taken');
  same(taken.issues?.[0]?.path, ['reference']);
  const failed = refused(await letters.create(alice, { body: { ...newLetter,
    title: '', recipient: { name: 'Bob', email: 'bob' } } }),
  'validation_failed');
  same(failed.issues.map((issue) => [issue.path.join('.'), issue.code]),
    [['title', 'too_small'], ['recipient.email', 'invalid_format']]);
  holds(failed.requestId !== null, 'no request id');
});

test('People register once and change their own profile', async () => {
  const who = stranger();
  refused(await letters.create(who.client, { body: newLetter }),
    'profile_required');
  const body = { email: who.email, display_name: 'Zoe' };
  refused(await users.register(who.client,
    { body: { ...body, referral_code: '0123456789AB' } }),
  'referral_code_unknown');
  same(good(await users.register(who.client, { body })).data.id, who.sub);
  refused(await users.register(who.client, { body }), 'already_registered');
  same(good(await users.me(who.client, {})).data.email, who.email);
  same(good(await users.read(who.client, { id: who.sub,
    select: ['id', { letters: ['title'] }] })).data,
  { id: who.sub, letters: [] });
  same(good(await users.update(who.client, { id: who.sub,
    body: { display_name: 'Zoe B.' } })).data.display_name, 'Zoe B.');
  same(good(await users.list(service, { limit: 5 })).data.length, 5);
  const { id } = await draft(who.client);
  same(good(await users.setStatus(service, { id: who.sub,
    body: { status: 'suspended' } })).data.status, 'suspended');
  refused(await letters.send(who.client, { id, body: {} }), 'user_suspended');
});

async function coupon(more: object = {}) {
  return good(await coupons.create(service, { body: {
    code: `T-${Math.random().toString(36).slice(2, 12).toUpperCase()}`,
    title: 'Test', credit_cents: 500, max_redemptions: 3,
    starts_at: '2026-01-01T00:00:00Z', expires_at: '2099-01-01T00:00:00Z',
    ...more } })).data;
}

test('A coupon is redeemed once a user, to its maximum, in its time',
  async () => {
    const made = await coupon({ max_redemptions: 1, is_public: true });
    const body = { code: made.code };
    same(good(await coupons.read(service, { id: made.id })).data, made);
    good(await coupons.list(service, { limit: 2, where: {
      is_public: { is: true } } }));
    good(await campaigns.list(nobody, { limit: 3 }));
    same(good(await campaigns.read(nobody, { code: made.code })).data.code,
      made.code);
    same(good(await coupons.terms(alice, { code: made.code })).data.redeemable,
      true);
    const [first, second] = [await registered(), await registered()];
    good(await coupons.redeem(first.client, { body }));
    refused(await coupons.redeem(first.client, { body }),
      'coupon_already_redeemed');
    refused(await coupons.redeem(second.client, { body }), 'coupon_used_up');
    same(good(await couponRedemptions.list(first.client)).data.length, 1);
    const redeem = async (code: string) =>
      coupons.redeem(second.client, { body: { code } });
    refused(await redeem('NOT-THERE'), 'coupon_not_found');
    refused(await redeem((await coupon({
      expires_at: '2026-01-02T00:00:00Z' })).code), 'coupon_expired');
    refused(await redeem((await coupon({
      starts_at: '2098-01-01T00:00:00Z' })).code), 'coupon_not_started');
    const change = (change: api.coupons.UpdateInput['body']) =>
      coupons.update(service, { id: two.id, body: change });
    const two = await coupon({ max_redemptions: 2 });
    good(await coupons.redeem(first.client, { body: { code: two.code } }));
    good(await coupons.redeem(second.client, { body: { code: two.code } }));
    refused(await change({ max_redemptions: 1 }), 'maximum_too_low');
    refused(await change({ expires_at: '2000-01-01T00:00:00Z' }),
      'period_invalid');
    same(good(await change({ status: 'paused' })).data.status, 'paused');
    refused(await coupons.create(service, { body: { code: made.code,
      title: 'Again', credit_cents: 1, max_redemptions: 1,
      expires_at: '2099-01-01T00:00:00Z' } }), 'code_taken');
  });

test('An affiliate earns, and is paid no more than was earned', async () => {
  const who = await registered();
  refused(await payouts.request(who.client, { body: { amount_cents: 1000 } }),
    'affiliate_required');
  const body = { payout_method: { type: 'paypal' as const,
    email: 'zoe@letters.example' } };
  const mine = good(await affiliates.become(who.client, { body })).data;
  refused(await affiliates.become(who.client, { body }), 'already_affiliate');
  const { id } = mine;
  same(good(await affiliates.read(who.client, { id })).data, mine);
  same(good(await affiliates.list(who.client)).data.length, 1);
  good(await affiliates.update(who.client, { id, body }));
  const customer = await registered(mine.code);
  const purchase = { user_id: customer.sub, reference: customer.sub,
    purchase_cents: 100000, currency: 'EUR' };
  const earned = good(await commissions.record(service, { body: purchase }))
    .data;
  const record = (more: object) => commissions.record(service,
    { body: { ...purchase, ...more } });
  refused(await record({}), 'commission_already_recorded');
  refused(await record({ user_id: ABSENT }), 'referral_not_found');
  refused(await record({ reference: 'z', currency: 'USD' }),
    'currency_mismatch');
  good(await commissions.approve(service, { id: earned.id }));
  refused(await commissions.approve(service, { id: earned.id }),
    'commission_not_pending');
  same(good(await commissions.list(who.client)).data.length, 1);
  same(good(await referrals.list(who.client)).data.length, 1);
  const balance = good(await affiliates.balance(who.client, { id })).data;
  same(balance.available_cents, earned.amount_cents);
  same(good(await affiliates.earnings(who.client,
    { id, since: '2020-01-01' })).data.length, 1);
  same(refused(await affiliates.earnings(who.client, { id, since: 'soon' }),
    'invalid_query').issues[0]?.path, ['since']);
  await paid(who.client, balance.available_cents);
  good(await commissions.reverse(service, { id: earned.id }));
  refused(await commissions.reverse(service, { id: earned.id }),
    'commission_already_reversed');
  good(await affiliates.setStatus(service, { id,
    body: { status: 'suspended' } }));
  refused(await payouts.request(who.client, { body: { amount_cents: 1000 } }),
    'affiliate_suspended');
});

async function paid(who: api.Client, available: number): Promise<void> {
  const request = async (amount_cents: number) =>
    payouts.request(who, { body: { amount_cents } });
  refused(await request(available + 1), 'balance_insufficient');
  const { id } = good(await request(available)).data;
  same(good(await payouts.read(who, { id })).data.status, 'requested');
  good(await payouts.cancel(who, { id }));
  refused(await payouts.cancel(who, { id }), 'payout_state_conflict');
  const [one, two] = [good(await request(2000)).data,
    good(await request(2000)).data];
  good(await payouts.start(service, { id: one.id }));
  good(await payouts.start(service, { id: two.id }));
  same(good(await payouts.pay(service, { id: one.id,
    body: { provider_reference: 't-1' } })).data.status, 'paid');
  same(good(await payouts.fail(service, { id: two.id,
    body: { reason: 'sent back' } })).data.status, 'failed');
  same(good(await payouts.list(who)).data.length, 3);
}

async function invited(
  owner: Somebody, guest: Somebody, id: string, role: 'agent' | 'viewer',
): Promise<string> {
  return good(await accounts.invite(owner.client,
    { id, body: { email: guest.email, role } })).data.token;
}

test('An account is opened, and its people invited', async () => {
  const [owner, guest] = [await registered(), await registered()];
  const { id } = good(await accounts.open(owner.client,
    { body: { name: 'Paper & Co' } })).data;
  same(good(await accounts.read(owner.client, { id })).data.name, 'Paper & Co');
  refused(await accounts.read(guest.client, { id }), 'not_found');
  same(good(await accounts.list(owner.client)).data.length, 1);
  good(await accounts.update(owner.client, { id, body: { name: 'Paper' } }));
  const invitation = { body: {
    token: await invited(owner, guest, id, 'viewer') } };
  same(good(await accountInvitations.list(owner.client)).data.length, 1);
  refused(await accountInvitations.accept(guest.client,
    { body: { token: '0'.repeat(64) } }), 'invitation_not_found');
  const member = good(await accountInvitations.accept(guest.client,
    invitation)).data;
  refused(await accountInvitations.accept(guest.client, { body: {
    token: await invited(owner, guest, id, 'agent') } }), 'already_member');
  const [left] = good(await accountInvitations.list(owner.client,
    { where: { accepted_at: { is: null } } })).data;
  good(await accountInvitations.delete(owner.client, { id: left!.id }));
  same(good(await accountMembers.list(guest.client)).data.length, 2);
  same(good(await accountMembers.update(owner.client,
    { id: member.id, body: { role: 'agent' } })).data.role, 'agent');
  same(good(await accounts.setPlan(service, { id, body: { plan: 'team' } }))
    .data.plan, 'team');
  await company(owner.client, guest.client, id);
  good(await accountMembers.delete(guest.client, { id: member.id }));
});

async function company(
  owner: api.Client, agent: api.Client, account_id: string,
): Promise<void> {
  const body = { account_id, name: 'Cedar Works', domain: 'cedar.example',
    external_id: 'crm-7' };
  const made = good(await companies.create(agent, { body }));
  const { id } = made.data;
  const create = async (more: object) =>
    companies.create(agent, { body: { ...body, ...more } });
  refused(await create({ external_id: 'crm-8' }), 'domain_taken');
  refused(await create({ domain: 'b.example' }), 'external_id_taken');
  same(good(await companies.update(agent, { id, body: { mrr_cents: 5000 } },
    { match: made.etag ?? '' })).data.mrr_cents, 5000);
  same(good(await companies.list(owner, { where: {
    mrr_cents: { gte: 5000 } } })).data.length, 1);
  const many = good(await companies.create(agent, { body: [
    { ...body, name: 'One', external_id: 'w-1', domain: null },
    { ...body, name: 'Cedar' }] }, { resolution: 'merge-duplicates' }));
  same(many.data.map((row) => row.name), ['One', 'Cedar']);
  same(good(await companies.create(agent, { body },
    { resolution: 'ignore-duplicates' })).data, null);
  await happenings(owner, agent, id);
  await series(owner, id, account_id);
  await tickets(agent, id);
  const read = good(await companies.read(owner, { id, select: ['name',
    { tickets: ['subject'], account: ['plan'] }] }));
  same(read.data, { name: 'Cedar', tickets: [{ subject: 'Late' }],
    account: { plan: 'team' } });
  refused(await companies.delete(owner, { id }), 'company_has_tickets');
  good(await companies.delete(owner, { id: many.data[0]!.id }));
}

async function happenings(
  owner: api.Client, agent: api.Client, company_id: string,
): Promise<void> {
  const event = { company_id, kind: 'nps' as const, score: 9,
    external_id: 'e-1' };
  const made = good(await events.create(agent, { body: event })).data;
  same(good(await events.read(owner, { id: made.id })).data.score, 9);
  same(good(await events.create(agent, { body: [
    { company_id, kind: 'praise', message: 'good' }] })).data,
  { accepted: 1, duplicates: 0, rejected: 0, rejections: [] });
  const gone = refused(await events.create(agent, { body: [
    { ...event, company_id: ABSENT }] }), 'all_rejected');
  same(gone.records?.rejections[0]?.code, 'company_not_found');
  const rejected = good(await rejections.find(agent,
    { code: 'company_not_found' })).data;
  same(rejected.length, 1);
  same(good(await rejections.discard(agent, { id: rejected[0]!.id })).data.code,
    'company_not_found');
  refused(await events.create(agent, { body: event }), 'external_id_taken');
  refused(await events.create(agent, { body: { ...event,
    company_id: ABSENT } }), 'company_not_found');
  refused(await events.create(agent, { body: { company_id, kind: 'praise',
    occurred_at: new Date(Date.now() + 2 * 86_400_000).toISOString() } }),
  'event_yet_to_come');
  same(good(await events.ingest(agent, { body: { events: [event,
    { company_id, kind: 'comment', message: 'hm' }] } })).data,
  { accepted: 1, duplicates: 1 });
  same(good(await events.list(owner, { where: { kind: { eq: 'nps' } } }))
    .data.length, 1);
  same(good(await companies.health(owner, { id: company_id, days: 30 }))
    .data.events, 3);
}

/** The figures of a company and of its account, by hour or day. */
async function series(
  owner: api.Client, company: string, account: string,
): Promise<void> {
  const sums = (rows: api.FeedbackSeries) => [
    rows.reduce((sum, row) => sum + row.events, 0),
    rows.reduce((sum, row) => sum + row.promoters, 0)];
  const days = good(await companies.series(owner, { id: company })).data;
  same([days.length, ...sums(days)], [31, 3, 1]);
  const hours = good(await accounts.series(owner, { id: account,
    bucket: 'hour', zone: 'Asia/Tokyo' })).data;
  same([hours.every((row) => row.seconds === 3600), ...sums(hours)],
    [true, 3, 1]);
  // The clock is put forward on the first of the two days.
  const spring = { since: '2026-03-28T23:00:00Z',
    until: '2026-03-30T22:00:00Z', zone: 'Europe/Berlin' };
  const since = '1999-01-01T00:00:00Z', zone = 'Mars';
  const places: [typeof companies.series, string][] = [
    [companies.series, company], [accounts.series, account]];
  for (const [read, id] of places) {
    same(good(await read(owner, { id, ...spring })).data
      .map((row) => row.seconds), [82800, 86400]);
    refused(await read(owner, { id, zone }), 'zone_unknown');
    refused(await read(owner, { id, since }), 'range_invalid');
    refused(await read(bob, { id }), 'not_found');
  }
}

async function tickets(agent: api.Client, company_id: string): Promise<void> {
  const { id } = good(await supportTickets.create(agent,
    { body: { company_id, subject: 'Late' } })).data;
  refused(await supportTickets.update(agent, { id,
    body: { assignee_id: BOB } }), 'assignee_not_member');
  same(good(await supportTickets.update(agent, { id,
    body: { priority: 'urgent' } })).data.priority, 'urgent');
  refused(await supportTickets.reopen(agent, { id }), 'ticket_already_open');
  const resolution = { id, body: { resolution: 'done' } };
  good(await supportTickets.resolve(agent, resolution));
  refused(await supportTickets.resolve(agent, resolution), 'ticket_not_open');
  good(await supportTickets.close(agent, { id }));
  refused(await supportTickets.close(agent, { id }), 'ticket_already_closed');
  good(await supportTickets.reopen(agent, { id }));
  same(good(await supportTickets.read(agent, { id })).data.status, 'open');
  const listed = good(await supportTickets.list(agent, { select: ['subject',
    { company: ['name', { account: ['plan'], events: ['kind'] }] }] }));
  same(listed.data[0]?.company?.account?.plan, 'team');
  same(listed.data[0]?.company?.events.length, 3);
}

const HOOK = { url: 'https://hooks.shop.example/letters' };

test('An endpoint is made, changed, given new secrets and deleted',
  async () => {
    const { sub, client } = await registered();
    const made = good(await webhookEndpoints.add(client, { body: HOOK }));
    const { id } = made.data;
    same([made.status, made.data.owner_id], [201, sub]);
    refused(await webhookEndpoints.read(bob, { id }), 'not_found');
    holds(good(await webhookEndpoints.rotate(client, { id })).data.secret
      !== made.data.secret, 'the same secret');
    const inside = refused(await webhookEndpoints.add(client,
      { body: { url: 'https://10.0.0.1/' } }), 'url_refused');
    same(inside.issues?.[0]?.path, ['url']);
    const off = good(await webhookEndpoints.update(client,
      { id, body: { enabled: false } })).data;
    same(off.disabled_reason, 'owner');
    same(good(await webhookEndpoints.read(client, { id })).data, off);
    refused(await webhookEndpoints.ping(client, { id }), 'endpoint_disabled');
    psql(`insert into app.webhook_endpoints (owner_id, url)
      select '${sub}', '${HOOK.url}' from generate_series(2, 50)`);
    refused(await webhookEndpoints.add(client, { body: HOOK }),
      'too_many_endpoints');
    good(await webhookEndpoints.delete(client, { id }));
    same(good(await webhookEndpoints.list(client,
      { limit: 1, count: 'exact' })).meta.page.total, 49);
  });

test('What is told to an endpoint is seen, and sent again', async () => {
  const { client } = await registered();
  const { id } = good(await webhookEndpoints.add(client,
    { body: { ...HOOK, types: ['letter.sent'] } })).data;
  const ping = good(await webhookEndpoints.ping(client, { id }));
  same([ping.status, ping.data.state], [202, 'pending']);
  same(good(await webhookMessages.read(client, { id: ping.data.message_id }))
    .data.type, 'webhook.ping');
  const letter = await draft(client);
  good(await letters.send(client, { id: letter.id, body: {} }));
  good(await letters.complete(service,
    { id: letter.id, body: { content: 'Dear' } }));
  same(good(await webhookMessages.list(client)).data.map((row) => row.type),
    ['letter.sent', 'webhook.ping']);
  const [delivery] = good(await webhookDeliveries.list(client,
    { where: { endpoint_id: { eq: id } } })).data;
  await missed(client, id, delivery!.id);
  await overseen(client, id, delivery!.id);
});

/** A delivery that is given up, as the worker does, is asked for again. */
async function missed(
  client: api.Client, endpoint: string, id: string,
): Promise<void> {
  psql(`select app.fail_delivery('${id}', 503, '503', 'Later.', 7);
    select app.give_up_delivery(id, job_id, 'exhausted')
    from app.webhook_deliveries where id = '${id}'`);
  const [attempt] = good(await webhookAttempts.list(client,
    { where: { delivery_id: { eq: id } } })).data;
  same([attempt?.number, attempt?.status, attempt?.reply], [1, 503, 'Later.']);
  same(good(await webhookAttempts.read(client, { id: attempt!.id })).data,
    attempt);
  same(good(await webhookEndpoints.recover(client,
    { id: endpoint, body: { since: '2026-01-01T00:00:00Z' } })).data,
  { resent: 1, more: false });
  same(good(await webhookDeliveries.read(client, { id })).data.state,
    'pending');
  psql(`select app.finish_delivery('${id}', 200, 'ok', 7)`);
  same(good(await webhookDeliveries.resend(client, { id })).data.state,
    'pending');
}

/** An operator sees of an endpoint the host, and of an attempt no reply. */
async function overseen(
  client: api.Client, id: string, delivery: string,
): Promise<void> {
  const { data: mine } = good(await webhookEndpoints.read(client, { id }));
  const listed = good(await deliveryEndpoints.list(operator,
    { where: { owner_id: { eq: mine.owner_id } } })).data;
  same(listed.map((row) => [row.id, row.host, row.types, row.enabled]),
    [[id, 'hooks.shop.example', ['letter.sent'], true]]);
  same('url' in listed[0]!, false);
  same(good(await deliveryEndpoints.read(service, { id })).data, listed[0]);
  refused(await deliveryEndpoints.read(client, { id }), 'forbidden');
  const where = { delivery_id: { eq: delivery } };
  const attempts = good(await webhookAttempts.list(client, { where })).data;
  const shown = good(await deliveryAttempts.list(operator, { where })).data;
  same(shown, attempts.map(({ reply: _, ...rest }) => rest));
  same(shown.map((row) => row.status).sort(), [200, 503]);
  same(good(await deliveryAttempts.read(service, { id: shown[0]!.id })).data,
    shown[0]);
  refused(await deliveryAttempts.list(client), 'forbidden');
}

const kind = 'payout.settle';

/** A job that has died; its number. */
function dead(key?: string): number {
  return Number(psql(`insert into lockstep.jobs (kind, state, reason, attempt,
    unique_key, finalized_at) values ('${kind}', 'dead', 'permanent', 1,
    ${key === undefined ? 'null' : `'${key}'`}, now()) returning id`));
}

test('Dead jobs are seen, run again or given up by our servers', async () => {
  const [one, two] = [dead(), dead()];
  refused(await jobs.list(alice), 'forbidden');
  same(good(await jobs.list(service, { where: { state: { eq: 'dead' },
    kind: { eq: kind } } })).data.map((job) => job.id), [two, one]);
  same(good(await jobs.read(service, { id: one })).data.reason, 'permanent');
  same(good(await jobs.replay(service, { id: one })).data.state, 'available');
  refused(await jobs.replay(service, { id: one }), 'job_not_dead');
  same(good(await jobs.discard(service, { id: two })).data.state, 'cancelled');
  refused(await jobs.discard(service, { id: two }), 'job_not_dead');
  const key = `k-${Date.now()}`, taken = dead(key);
  psql(`insert into lockstep.jobs (kind, unique_key)
    values ('${kind}', '${key}')`);
  refused(await jobs.replay(service, { id: taken }), 'job_key_taken');
  const found = { matched: 1, changed: 0, skipped: 0, more: false };
  same(good(await jobs.replayAll(service, { body: { kind, dry_run: true } }))
    .data, found);
  same(good(await jobs.replayAll(service, { body: { kind } })).data,
    { ...found, skipped: 1 });
  same(good(await jobs.discardAll(service, { body: { kind } })).data,
    { ...found, changed: 1 });
  same(good(await jobs.conservation(service)).data.error, 0);
});

test('All is looked at, and each route is counted', async () => {
  const { checks } = good(await monitor.status(service)).data;
  same(checks.filter((c) => c.kind === 'worker').map((c) => c.name),
    ['worker_beat']);
  const { bounds, routes } = good(await monitor.routes(service)).data;
  same([bounds.length, routes.every((r) => r.buckets.length === 15)],
    [15, true]);
});

/** As a worker would make it, of whom there is none here. */
function makeReady(id: string): string {
  const text = 'id,kind\r\n', file = `${id}.1`;
  writeFileSync(`${process.env.SPOOL}/${file}`, text, { mode: 0o644 });
  psql(`update lockstep.exports set state = 'ready', file = '${file}',
    sha256 = encode(sha256(e'id,kind\\r\\n'), 'hex'), finished_at = now(),
    expires_at = now() + interval '1 hour' where id = '${id}'`);
  return text;
}

test('An export is asked for, followed, had and given up', async () => {
  const { id } = good(await events.export(alice, { format: 'csv',
    where: { kind: { eq: 'nps' } }, order: ['-occurred_at'],
    select: ['id', { company: ['name'] }] })).data;
  same(good(await exports_.read(alice, { id })).data.state, 'queued');
  same(good(await exports_.list(alice)).data.map((one) => one.id)
    .includes(id), true);
  refused(await exports_.file(alice, { id }), 'export_not_ready');
  const states: string[] = [];
  let text = '';
  for await (const told of exports_.events(alice, { id })) {
    states.push(good(told).data.state);
    if (text === '')
      text = makeReady(id);
  }
  same(states, ['queued', 'ready']);
  same(await good(await exports_.file(alice, { id })).data.text(), text);
  const kept = (change: string) =>
    psql(`update lockstep.exports set ${change} where id = '${id}'`);
  kept('bytes = 1073741824');
  refused(await companies.export(alice), 'exports_full');
  kept("state = 'expired'");
  refused(await exports_.cancel(alice, { id }), 'export_over');
  const other = good(await companies.export(alice)).data;
  same(good(await exports_.cancel(alice, { id: other.id })).data.state,
    'cancelled');
  refused(await exports_.file(alice, { id: other.id }), 'export_gone');
  for await (const told of exports_.events(bob, { id }))
    refused(told, 'not_found');
});

test('A queue rests, and goes on', async () => {
  const name = 'letters', input = { name };
  const rests = good(await queues.pause(service, input)).data;
  same([rests.name, rests.paused], [name, true]);
  same(good(await queues.read(service, input)).data, rests);
  same(good(await queues.list(service, { where: { paused: { is: true } } }))
    .data, [rests]);
  same(good(await queues.resume(service, input)).data.paused, false);
});

test('What is expected of the data is told', async () => {
  psql(`insert into lockstep.expectations (name, "check", definition, spec,
    threshold, next_at) values ('letters.rows', 'rows', '{}', 'by hand',
    '{"min": 1}', now()) on conflict do nothing`);
  const one = good(await expectations.read(service,
    { name: 'letters.rows' })).data;
  same([one.state, one.value, one.threshold], ['unknown', null, { min: 1 }]);
  same(good(await expectations.list(service,
    { where: { name: { eq: 'letters.rows' } } })).data, [one]);
});

test('How far the figures are is told to our servers', async () => {
  same(good(await rollups.list(service)).data.map((row) => row.name).sort(),
    ['company_events', 'company_tickets']);
  const one = good(await rollups.read(service, { name: 'company_events' }))
    .data;
  same([one.source, one.bucket, one.mismatches, one.fault],
    ['app.events', 'PT15M', 0, null]);
  same(good(await rollups.list(operator, { where: {
    name: { eq: 'company_tickets' } } })).data.map((row) => row.source),
  ['app.support_tickets']);
  refused(await rollups.read(service, { name: 'nothing' }), 'not_found');
  refused(await rollups.list(alice), 'forbidden');
});

test('What is others\' is not there', async () => {
  const { id } = await draft();
  refused(await letters.read(bob, { id }), 'not_found');
  refused(await letters.update(bob, { id, body: { title: 'His' } }),
    'not_found');
});
