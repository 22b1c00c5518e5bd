// SPDX-License-Identifier: MIT
//
// The tray: what to look for, and the letters that were found.

import { useEffect, useState } from 'react';
import type { Letter } from '../api/index.ts';
import { addressOf } from '../place.ts';
import { useStore } from '../store.ts';
import { filter } from './filter.ts';
import { LetterList } from './LetterList.tsx';

const STATUSES: readonly (readonly [Letter['status'] | null, string])[] = [
  [null, 'All'], ['draft', 'Drafts'], ['queued', 'On their way'],
  ['generating', 'Being written'], ['ready', 'Ready'], ['sent', 'Sent'],
  ['failed', 'Returned'],
];

export function Tray({ selected }: { selected: string | null }) {
  const shown = useStore(filter);

  return (
    <>
      <div className="tools">
        <Search />
        <a className="button primary" href={addressOf({ at: 'new' })}>Write a letter</a>
        <div className="tabs" role="group" aria-label="Show">
          {STATUSES.map(([status, name]) => (
            <button key={name} type="button" aria-pressed={shown.status === status}
              onClick={() => filter.set({ ...shown, status })}>{name}</button>
          ))}
        </div>
      </div>
      <LetterList filter={shown} selected={selected} />
    </>
  );
}

const PAUSE_MS = 250;

/** Asks when there is a pause in the typing, not at each letter of it. */
function Search() {
  const shown = useStore(filter);
  const [text, setText] = useState(shown.search);

  useEffect(() => setText(shown.search), [shown.search]);
  useEffect(() => {
    const timer = setTimeout(() => {
      if (filter.get().search !== text.trim()) {
        filter.set({ ...filter.get(), search: text.trim() });
      }
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <input type="search" aria-label="Search letters" placeholder="Search letters"
      value={text} maxLength={200} onChange={(event) => setText(event.target.value)} />
  );
}
