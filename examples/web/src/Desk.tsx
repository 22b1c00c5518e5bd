// SPDX-License-Identifier: MIT
//
// The desk: the tray with all letters, and the one sheet that is worked on. On a
// phone one of the two is seen at a time; the address says which (place.ts).

import type { User } from './api/index.ts';
import { DeletionBar } from './letters/DeletionBar.tsx';
import { EditSheet } from './letters/EditSheet.tsx';
import { LetterForm } from './letters/LetterForm.tsx';
import { LetterSheet } from './letters/LetterSheet.tsx';
import { Tray } from './letters/Tray.tsx';
import { Brand } from './parts/Brand.tsx';
import { addressOf, place, type Place } from './place.ts';
import { signOut } from './session.ts';
import { useStore } from './store.ts';

export function Desk({ me }: { me: User | null }) {
  const at = useStore(place);

  return (
    <div className="desk" data-at={at.at}>
      <header className="top">
        <a className="home" href={addressOf({ at: 'list' })}><Brand as="span" /></a>
        <span className="who">{me?.display_name}</span>
        <button type="button" className="plain" onClick={signOut}>Sign out</button>
      </header>
      <main className="panes">
        <section className="tray" aria-label="Letters">
          <Tray selected={'id' in at ? at.id : null} />
        </section>
        <section className="pane" aria-label="Letter">
          <a className="back" href={addressOf({ at: 'list' })}>‹ All letters</a>
          <Sheet at={at} me={me} />
        </section>
      </main>
      <DeletionBar />
    </div>
  );
}

/** A key makes each letter's sheet one of its own, with nothing left of the last. */
function Sheet({ at, me }: { at: Place; me: User | null }) {
  switch (at.at) {
    case 'list': return <p className="blotter">Choose a letter, or write one.</p>;
    case 'new': return <LetterForm base={null} />;
    case 'letter': return <LetterSheet key={at.id} id={at.id} me={me} />;
    case 'edit': return <EditSheet key={at.id} id={at.id} />;
  }
}
