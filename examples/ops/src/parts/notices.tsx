// SPDX-License-Identifier: MIT
//
// What came of what somebody did, told for some seconds and to screen readers.

import { createStore, useStore } from '../store.ts';

interface Notice {
  id: number;
  tone: 'good' | 'bad';
  text: string;
}

const LASTS_MS = 8000;
const notices = createStore<Notice[]>([]);
let last = 0;

function drop(id: number): void {
  notices.set(notices.get().filter((notice) => notice.id !== id));
}

export function tell(tone: Notice['tone'], text: string): void {
  const id = ++last;

  notices.set([...notices.get(), { id, tone, text }]);
  setTimeout(() => drop(id), LASTS_MS);
}

export function Notices() {
  return (
    <div className="notices" role="status">
      {useStore(notices).map(({ id, tone, text }) => (
        <p key={id} className={tone}>
          <span>{text}</span>
          <button type="button" className="plain" aria-label="Close this message"
            onClick={() => drop(id)}>×</button>
        </p>
      ))}
    </div>
  );
}
