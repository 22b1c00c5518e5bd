// SPDX-License-Identifier: MIT
//
// Letters that are about to be deleted. Nothing is asked of the server until the
// time is over, so taking it back is certain; who closes the page keeps the letter.

import type { Letter } from '../api/index.ts';
import { createStore } from '../store.ts';

export interface Deletion {
  id: string;
  title: string;
  at: number;
}

const GRACE_MS = 8000;

export const deletions = createStore<readonly Deletion[]>([]);

export function planDeletion({ id, title }: Letter): void {
  keep(id);
  deletions.set([...deletions.get(), { id, title, at: Date.now() + GRACE_MS }]);
}

export function keep(id: string): void {
  deletions.set(deletions.get().filter((deletion) => deletion.id !== id));
}
