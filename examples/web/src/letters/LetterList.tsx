// SPDX-License-Identifier: MIT
//
// The letters found, page by page: the next one is fetched when the end comes
// into sight, or by a button, which the keyboard has as well.

import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import type { KeyboardEvent } from 'react';
import { client } from '../api.ts';
import * as letterQueries from '../api/queries/letters.ts';
import { useOnline } from '../parts/Banners.tsx';
import { Nothing, Skeletons, Trouble } from '../parts/States.tsx';
import { addressOf } from '../place.ts';
import { words } from '../words.ts';
import { ALL, filter, queryOf, type Filter } from './filter.ts';
import { LetterRow } from './LetterRow.tsx';
import { More } from './More.tsx';

export function LetterList({ filter: shown, selected }: {
  filter: Filter; selected: string | null;
}) {
  const found = useInfiniteQuery({
    ...letterQueries.infiniteOptions(client, queryOf(shown)),
    placeholderData: keepPreviousData,
  });
  const online = useOnline();

  if (!found.data) {
    if (found.error) {
      return <Trouble title="Your letters could not be loaded" problem={found.error}
        since={found.errorUpdatedAt} retry={() => void found.refetch()} />;
    }
    return online ? <Loading /> : (
      <Nothing title="Nothing to show yet">
        <p>Your letters are loaded as soon as you are back online.</p>
      </Nothing>
    );
  }
  const rows = found.data.pages.flatMap((page) => page.data);
  if (rows.length === 0) return <Empty filtered={shown !== ALL && isFiltered(shown)} />;
  return (
    <div className="found" aria-busy={found.isFetching} data-stale={found.isPlaceholderData}>
      {found.isRefetchError && <p className="wrong" role="alert">
        What you see may be old. {words(found.error)}</p>}
      <ul className="rows" onKeyDown={moveFocus}>
        {rows.map((letter) => (
          <LetterRow key={letter.id} letter={letter} selected={letter.id === selected} />
        ))}
      </ul>
      {found.hasNextPage
        ? <More fetching={found.isFetchingNextPage} failed={found.isFetchNextPageError}
            fetch={() => void found.fetchNextPage()} />
        : <p className="end">That is all of them.</p>}
    </div>
  );
}

function isFiltered({ status, search }: Filter): boolean {
  return status !== null || search !== '';
}

function Loading() {
  return (
    <div aria-busy="true">
      <p className="unseen" role="status">Loading your letters</p>
      <Skeletons count={6} />
    </div>
  );
}

function Empty({ filtered }: { filtered: boolean }) {
  return filtered ? (
    <Nothing title="No letter is like that">
      <button type="button" onClick={() => filter.set(ALL)}>Show all letters</button>
    </Nothing>
  ) : (
    <Nothing title="Your desk is clear">
      <p>Drafts wait here until you send them.</p>
      <a className="button" href={addressOf({ at: 'new' })}>Write your first letter</a>
    </Nothing>
  );
}

/** The arrows go from letter to letter. */
function moveFocus(event: KeyboardEvent<HTMLElement>): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const links = [...event.currentTarget.querySelectorAll('a')];
  const at = links.findIndex((link) => link === document.activeElement);

  if (step === undefined || at < 0) return;
  event.preventDefault();
  links[at + step]?.focus();
}
