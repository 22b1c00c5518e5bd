// SPDX-License-Identifier: MIT
// What bodies may hold.  A line that begins with //! stands for the line before
// it in a file of its own, which must be refused with that error.
import { companies, letters, payouts } from '../api/index.ts';
import type { Client, LetterCreate, PayoutMethod } from '../api/index.ts';

declare const client: Client;
const recipient = { name: 'Bob', email: 'bob@letters.example' };

void letters.create(client, { body: { title: 'Hi', recipient, tone: 'formal' } });
//! TS2353 void letters.create(client, { body: { title: 'Hi', recipient, colour: 'red' } });
//! TS2322 void letters.create(client, { body: { title: 'Hi', recipient, tone: 'rude' } });
//! TS2322 void letters.create(client, { body: { title: 7, recipient } });
//! TS2741 void letters.create(client, { body: { title: 'Hi' } });
//! TS2353 void letters.create(client, { body: { id: 'x', title: 'Hi', recipient } });
//! TS2345 void letters.create(client, {});
//! TS2375 void letters.create(client, { body: { title: 'Hi', recipient, reference: undefined } });

void letters.update(client, { id: 'x', body: { reference: null } });
//! TS2322 void letters.update(client, { id: 'x', body: { title: null } });
//! TS2353 void letters.update(client, { id: 'x', body: { status: 'sent' } });

export const body: LetterCreate = { title: 'Hi', recipient: { name: 'Bob', address: { lines: ['a'], postal_code: '1', city: 'B', country: 'BE' } } };
//! TS2741 export const body: LetterCreate = { title: 'Hi', recipient: { name: 'Bob', address: { lines: ['a'], postal_code: '1', city: 'B' } } };

export const method: PayoutMethod = { type: 'paypal', email: 'a@b.example' };
//! TS2353 export const method: PayoutMethod = { type: 'paypal', email: 'a@b.example', iban: 'BE1' };
//! TS2322 export const method: PayoutMethod = { type: 'cheque', email: 'a@b.example' };

void payouts.request(client, { body: { amount_cents: 100 } });
//! TS2322 void payouts.request(client, { body: { amount_cents: '100' } });

const company = { account_id: 'a', name: 'One' };
void companies.create(client, { body: [company, company] });
//! TS2769 void companies.create(client, { body: [company, { name: 'Two' }] });
