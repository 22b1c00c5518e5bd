// SPDX-License-Identifier: MIT
// Paths, queries of calls, options; see bodies.ts.
import { affiliates, companies, letters, users } from '../api/index.ts';
import type { Client } from '../api/index.ts';

declare const client: Client;

void letters.read(client, { id: 'x' });
//! TS2345 void letters.read(client, {});
//! TS2554 void letters.read(client);
//! TS2322 void letters.read(client, { id: 7 });
//! TS2353 void letters.read(client, { id: 'x', number: 7 });

void letters.send(client, { id: 'x', body: { channel: 'email' } });
//! TS2345 void letters.send(client, { body: { channel: 'email' } });
//! TS2345 void letters.send(client, { id: 'x' });

void letters.recall(client, { id: 'x' }, { key: 'k', retries: 0, timeoutMs: 100, signal: new AbortController().signal });
//! TS2561 void letters.recall(client, { id: 'x' }, { keys: 'k' });
//! TS2322 void letters.recall(client, { id: 'x' }, { retries: '0' });

void letters.list(client);
//! TS2554 void letters.list();

void users.me(client);
//! TS2345 void users.me({ base: '/api' });
//! TS2322 void users.me(client, { id: 'x' });

void companies.health(client, { id: 'x', days: 7 });
//! TS2322 void companies.health(client, { id: 'x', days: '7' });
//! TS2353 void companies.health(client, { id: 'x', weeks: 1 });

void affiliates.balance(client, { id: 'x' });
//! TS2339 void affiliates.destroy(client, { id: 'x' });

// The contract demands the tag of what was read.
void companies.update(client, { id: 'x', body: { name: 'One' } }, { match: '"t"' });
//! TS2554 void companies.update(client, { id: 'x', body: { name: 'One' } });
//! TS2345 void companies.update(client, { id: 'x', body: { name: 'One' } }, {});
//! TS2322 void companies.update(client, { id: 'x', body: { name: 'One' } }, { match: null });

void letters.delete(client, { id: 'x' }, { match: '"t"' });
//! TS2353 void letters.delete(client, { id: 'x' }, { return: 'minimal' });

void companies.create(client, { body: { account_id: 'a', name: 'One' } }, { resolution: 'merge-duplicates' });
//! TS2769 void companies.create(client, { body: { account_id: 'a', name: 'One' } }, { resolution: 'merge' });

void letters.create(client, { body: { title: 'a', recipient: { name: 'b' } } }, { return: 'minimal' });
//! TS2353 void letters.create(client, { body: { title: 'a', recipient: { name: 'b' } } }, { resolution: 'merge-duplicates' });
