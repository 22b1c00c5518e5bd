// SPDX-License-Identifier: MIT
import { memo } from 'react';
import type { Letter } from '../api/index.ts';
import { Stamp } from '../parts/Stamp.tsx';
import { addressOf } from '../place.ts';
import { useStore } from '../store.ts';
import { dayOf, minuteOf } from '../words.ts';
import { deletions } from './deletions.ts';
import { isProvisional } from './provisional.ts';

export const LetterRow = memo(function LetterRow({ letter, selected }: {
  letter: Letter; selected: boolean;
}) {
  const leaving = useStore(deletions).some(({ id }) => id === letter.id);

  if (isProvisional(letter)) {
    return (
      <li className="row saving" aria-busy="true">
        <div className="cover"><Cover letter={letter} when="Saving…" /></div>
      </li>
    );
  }
  return (
    <li className={leaving ? 'row leaving' : 'row'}>
      <a className="cover" href={addressOf({ at: 'letter', id: letter.id })}
        aria-current={selected ? 'true' : undefined}>
        <Cover letter={letter} when={leaving ? 'About to be deleted' : whenOf(letter)} />
      </a>
    </li>
  );
});

function Cover({ letter, when }: { letter: Letter; when: string }) {
  return (
    <>
      <span className="cover-text">
        <span className="cover-to">{letter.recipient.name}</span>
        <span className="cover-title">{letter.title}</span>
        <span className="cover-when">{when}</span>
      </span>
      <Stamp letter={letter} />
    </>
  );
}

function whenOf(letter: Letter): string {
  switch (letter.status) {
    case 'draft': return `Written ${dayOf(letter.updated_at)}`;
    case 'generating': return 'Is being written';
    case 'ready': return `Ready since ${dayOf(letter.updated_at)}`;
    case 'sent': return `Sent ${dayOf(letter.sent_at ?? letter.updated_at)}`;
    case 'failed': return letter.failure_reason ?? 'It could not be sent';
    case 'queued': return letter.scheduled_for
      ? `Goes out ${minuteOf(letter.scheduled_for)}` : 'Goes out now';
  }
}
