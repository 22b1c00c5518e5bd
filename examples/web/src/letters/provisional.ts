// SPDX-License-Identifier: MIT
//
// The row that stands at the head of the list while a letter is being saved: what
// the server will most likely make of it.

import type { Letter, LetterCreate } from '../api/index.ts';

const MARK = 'provisional:';
let count = 0;

export function isProvisional(letter: Letter): boolean {
  return letter.id.startsWith(MARK);
}

export function provisional(body: LetterCreate): Letter {
  const now = new Date().toISOString();

  return {
    reference: null, body: '', tone: 'neutral', locale: 'en', tags: [],
    ...body,
    id: `${MARK}${++count}`, owner_id: '', status: 'draft',
    channel: null, content: null, failure_reason: null, scheduled_for: null,
    sent_at: null, created_at: now, updated_at: now,
  };
}
