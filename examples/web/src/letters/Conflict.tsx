// SPDX-License-Identifier: MIT
//
// Somebody has changed the draft while it was edited here (412). Both versions are
// shown where they differ, and whose is to stay is asked; nothing is lost unseen.

import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { client } from '../api.ts';
import * as letterQueries from '../api/queries/letters.ts';
import { toFields, type Fields } from './fields.ts';
import type { Tagged } from './tagged.ts';

interface ConflictProps {
  id: string;
  mine: Fields;
  take: (theirs: Tagged) => void;
  keep: (theirs: Tagged) => void;
}

export function Conflict({ id, mine, take, keep }: ConflictProps) {
  const read = useQuery({ ...letterQueries.readOptions(client, id), staleTime: 0 });
  const theirs = read.isFetchedAfterMount && read.data
    ? { letter: read.data.data, etag: read.data.etag ?? '*' } : null;

  const panel = useRef<HTMLDivElement>(null);

  useEffect(() => panel.current?.focus(), []);
  return (
    <div ref={panel} className="conflict" role="alert" tabIndex={-1}>
      <h2>Somebody else has changed this draft</h2>
      <p>It was saved while you were writing. Nothing of yours is lost; choose which one stays.</p>
      {theirs && <Differences mine={flat(mine)} theirs={flat(toFields(theirs.letter))} />}
      <div className="actions">
        <button type="button" disabled={!theirs} onClick={() => theirs && take(theirs)}>
          Take theirs
        </button>
        <button type="button" disabled={!theirs} onClick={() => theirs && keep(theirs)}>
          Keep mine
        </button>
      </div>
    </div>
  );
}

function Differences({ mine, theirs }: Record<'mine' | 'theirs', Map<string, string>>) {
  const names = [...mine.keys()].filter((name) => mine.get(name) !== theirs.get(name));

  return (
    <table>
      <thead><tr><td /><th scope="col">Theirs</th><th scope="col">Yours</th></tr></thead>
      <tbody>
        {names.map((name) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{theirs.get(name)}</td>
            <td>{mine.get(name)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function flat({ recipient, ...letter }: Fields): Map<string, string> {
  return new Map([
    ['To', recipient.name], ['Email', recipient.email],
    ['Address', Object.values(recipient.address).filter(Boolean).join(', ')],
    ['Subject', letter.title], ['Text', letter.body], ['Tone', letter.tone],
    ['Language', letter.locale], ['Reference', letter.reference], ['Tags', letter.tags],
  ]);
}
