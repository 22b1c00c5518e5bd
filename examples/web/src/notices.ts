// SPDX-License-Identifier: MIT
//
// What is said at the foot of the page: a line at a time, read out by screen
// readers. What was done goes by itself; what was refused stays until it is read.

import { createStore } from './store.ts';

export interface Notice {
  kind: 'done' | 'refused';
  text: string;
  number: number;
}

export const notice = createStore<Notice | null>(null);
let count = 0;

export function tell(kind: Notice['kind'], text: string): void {
  notice.set({ kind, text, number: ++count });
}

export function dismiss(): void {
  notice.set(null);
}
