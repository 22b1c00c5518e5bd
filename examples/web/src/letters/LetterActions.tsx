// SPDX-License-Identifier: MIT
//
// What may be done with a letter, by its status. The server judges again: who was
// slower than somebody else is told so, and sees the letter as it is.

import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { client, queryClient } from '../api.ts';
import type { Letter } from '../api/index.ts';
import * as letterQueries from '../api/queries/letters.ts';
import { tell } from '../notices.ts';
import { useOnline } from '../parts/Banners.tsx';
import { addressOf, goInstead } from '../place.ts';
import { useStore } from '../store.ts';
import { deletions, planDeletion } from './deletions.ts';
import { isUnderWay } from './progress.ts';
import { SendForm } from './SendForm.tsx';

export function LetterActions({ letter }: { letter: Letter }) {
  const [sending, setSending] = useState(false);
  const leaving = useStore(deletions).some(({ id }) => id === letter.id);
  const online = useOnline();

  if (sending && letter.status === 'draft') {
    return <SendForm letter={letter} close={() => setSending(false)} />;
  }
  return (
    <div className="actions">
      {letter.status === 'draft' && (
        <>
          <button type="button" className="primary" disabled={!online || leaving}
            onClick={() => setSending(true)}>Send…</button>
          <a className="button" href={addressOf({ at: 'edit', id: letter.id })}>Edit</a>
        </>
      )}
      {isUnderWay(letter) ? <Recall letter={letter} /> : (
        <button type="button" className="quiet" disabled={!online || leaving}
          onClick={() => { planDeletion(letter); goInstead({ at: 'list' }); }}>
          Delete
        </button>
      )}
      {!online && <span className="hint">This needs a connection.</span>}
    </div>
  );
}

function Recall({ letter }: { letter: Letter }) {
  const online = useOnline();
  const recall = useMutation({
    ...letterQueries.recallOptions(client, queryClient),
    meta: { failed: 'The letter was not recalled.' },
  });

  return (
    <button type="button" disabled={!online || recall.isPending}
      onClick={() => recall.mutate({ id: letter.id }, {
        onSuccess: () => tell('done', 'The letter is a draft again.'),
      })}>
      {recall.isPending ? 'Recalling…' : 'Recall'}
    </button>
  );
}
