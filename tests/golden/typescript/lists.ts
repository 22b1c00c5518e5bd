// SPDX-License-Identifier: MIT
// What lists may be asked; see bodies.ts.
import { companies, events, letters } from '../api/index.ts';
import type { Client } from '../api/index.ts';

declare const client: Client;

void letters.list(client, { where: { status: { eq: 'draft' } } });
//! TS2820 void letters.list(client, { where: { status: { eq: 'drafty' } } });
//! TS2353 void letters.list(client, { where: { status: { equals: 'draft' } } });
//! TS2353 void letters.list(client, { where: { body: { eq: 'draft' } } });
//! TS2559 void letters.list(client, { where: { status: 'draft' } });

void letters.list(client, { where: { status: { in: ['draft', 'sent'] }, title: { not: { ilike: '*x*' } }, 'recipient->>name': { eq: 'Bob' }, sent_at: { is: null } } });
//! TS2322 void letters.list(client, { where: { status: { in: 'draft' } } });
//! TS2353 void letters.list(client, { where: { title: { not: { matches: 'x' } } } });
//! TS2353 void letters.list(client, { where: { 'recipient->>age': { eq: 'Bob' } } });

void letters.list(client, { where: { channel: { eq: 'email' } } });
//! TS2322 void letters.list(client, { where: { channel: { eq: null } } });

void companies.list(client, { where: { mrr_cents: { gte: 100 } } });
//! TS2322 void companies.list(client, { where: { mrr_cents: { gte: '100' } } });
//! TS2353 void companies.list(client, { where: { mrr_cents: { like: '1*' } } });

void letters.list(client, { or: [{ status: { eq: 'draft' } }, { tone: { eq: 'formal' } }], and: [{ not: { title: { like: 'a*' } } }] });
//! TS2820 void letters.list(client, { or: [{ status: { eq: 'drafty' } }] });
//! TS2353 void letters.list(client, { or: { status: { eq: 'draft' } } });

void letters.list(client, { order: ['-created_at', 'title'], limit: 5, after: null, search: 'garden', count: 'exact' });
//! TS2820 void letters.list(client, { order: ['-createdat'] });
//! TS2322 void letters.list(client, { order: 'tone' });
//! TS2322 void letters.list(client, { limit: '5' });
//! TS2322 void letters.list(client, { count: 'guessed' });

void events.list(client, { limit: 5 });
//! TS2353 void events.list(client, { search: 'x' });

export async function titles(): Promise<string[]> {
  const r = await letters.list(client, { select: ['id', 'title', { owner: ['display_name'] }] });
  //! TS2820 const r = await letters.list(client, { select: ['id', 'titles', { owner: ['display_name'] }] });
  //! TS2322 const r = await letters.list(client, { select: ['id', 'title', { owner: ['email'] }] });
  //! TS2353 const r = await letters.list(client, { select: ['id', 'title', { sender: ['display_name'] }] });
  if (!r.ok)
    return [];
  const next: string | null = r.meta.page.next;
  //! TS2322 const next: string = r.meta.page.next;
  return [next ?? '', ...r.data.map((row) => row.title + (row.owner?.display_name ?? ''))];
  //! TS2339 return [next ?? '', ...r.data.map((row) => row.body)];
  //! TS18047 return [next ?? '', ...r.data.map((row) => row.title + row.owner.display_name)];
  //! TS2339 return [next ?? '', ...r.data.map((row) => row.title + (row.owner?.id ?? ''))];
}

export async function subjects(): Promise<string[]> {
  const r = await companies.read(client, { id: 'x', select: ['*', { tickets: ['subject'] }] });
  return r.ok ? [r.data.name, ...r.data.tickets.map((t) => t.subject)] : [];
  //! TS2339 return r.ok ? [r.data.name, ...r.data.tickets.map((t) => t.id)] : [];
  //! TS2339 return r.ok ? [r.data.name, ...r.data.events.map((e) => e.id)] : [];
}
