// SPDX-License-Identifier: MIT
//
// A letter as it lies on the desk, and what may be done with it.

import { useQuery } from '@tanstack/react-query';
import { client } from '../api.ts';
import type { Letter, User } from '../api/index.ts';
import * as letterQueries from '../api/queries/letters.ts';
import { Stamp } from '../parts/Stamp.tsx';
import { Trouble } from '../parts/States.tsx';
import { useTitle } from '../parts/title.ts';
import { dayOf } from '../words.ts';
import { LetterActions } from './LetterActions.tsx';
import { lookAgainAfter, useProgress } from './progress.ts';

export function LetterSheet({ id, me }: { id: string; me: User | null }) {
  const read = useQuery({
    ...letterQueries.readOptions(client, id),
    refetchInterval: ({ state }) => state.data && lookAgainAfter(state.data.data),
  });

  useProgress(read.data?.data.status);

  if (read.error && !read.data) {
    return <Trouble title="The letter could not be loaded" problem={read.error}
      since={read.errorUpdatedAt} retry={() => void read.refetch()} />;
  }
  if (!read.data) return <Blank />;
  return (
    <article className="sheet" aria-label={read.data.data.title}>
      <Paper letter={read.data.data} me={me} />
      <LetterActions letter={read.data.data} />
    </article>
  );
}

export function Blank() {
  return (
    <div className="sheet skeleton" aria-busy="true">
      <p className="unseen" role="status">Loading the letter</p>
      <i /><i /><i /><i /><i />
    </div>
  );
}

function Paper({ letter, me }: { letter: Letter; me: User | null }) {
  useTitle(letter.title);
  return (
    <>
      <div className="head">
        <div>
          {me && <p className="from">{senderOf(me).join(' · ')}</p>}
          <address className="window">
            <strong>{letter.recipient.name}</strong>
            {placeOf(letter.recipient.address).map((line, n) => <span key={n}>{line}</span>)}
            {letter.recipient.email && <span>{letter.recipient.email}</span>}
          </address>
        </div>
        <Stamp letter={letter} />
      </div>
      <p className="date">{dayOf(letter.sent_at ?? letter.created_at)}</p>
      <h1>{letter.title}</h1>
      {letter.failure_reason && <p className="wrong">It came back: {letter.failure_reason}</p>}
      {letter.content && <p className="text">{letter.content}</p>}
      <section className={letter.content ? 'brief aside' : 'brief'}>
        <h2>What it is to say</h2>
        <p>{letter.body || 'Nothing yet.'}</p>
      </section>
      <Facts letter={letter} />
    </>
  );
}

type Address = User['return_address'] | Letter['recipient']['address'];

const countries = new Intl.DisplayNames(undefined, { type: 'region' });

function placeOf(address: Address): string[] {
  return address ? [
    ...address.lines, `${address.postal_code} ${address.city}`,
    ...(address.region ? [address.region] : []),
    countries.of(address.country) ?? address.country,
  ] : [];
}

/** The first line of a return address is the sender's name. */
function senderOf(me: User): string[] {
  return me.return_address ? placeOf(me.return_address) : [me.display_name];
}

function Facts({ letter: { tone, locale, reference, tags } }: { letter: Letter }) {
  return (
    <dl className="facts">
      <div><dt>Tone</dt><dd>{tone}</dd></div>
      <div><dt>Language</dt><dd>{locale}</dd></div>
      {reference && <div><dt>Reference</dt><dd>{reference}</dd></div>}
      {tags.length > 0 && <div><dt>Tags</dt><dd>{tags.join(', ')}</dd></div>}
    </dl>
  );
}
