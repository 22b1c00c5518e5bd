// SPDX-License-Identifier: MIT
//
// Writing a letter, or changing a draft. What is wrong is told at its field, by
// the generated validator before anything is sent, and by the server after.

import { useMutation } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useForm, type FieldPath } from 'react-hook-form';
import { client, queryClient } from '../api.ts';
import type { LetterCreate } from '../api/index.ts';
import * as letterQueries from '../api/queries/letters.ts';
import { tell } from '../notices.ts';
import { useOnline } from '../parts/Banners.tsx';
import { useTitle } from '../parts/title.ts';
import { go, goInstead } from '../place.ts';
import { Conflict } from './Conflict.tsx';
import { changes, placeIssues, resolver, toFields, type Fields } from './fields.ts';
import { ALL, filter } from './filter.ts';
import { LetterFields } from './LetterFields.tsx';
import { provisional } from './provisional.ts';
import type { Tagged } from './tagged.ts';

export function LetterForm({ base }: { base: Tagged | null }) {
  const [before, setBefore] = useState(base);
  const [conflict, setConflict] = useState(false);
  const [focus, setFocus] = useState<{ at: FieldPath<Fields> | null }>(
    { at: base ? 'body' : 'recipient.name' });
  const online = useOnline();
  const form = useForm<Fields, unknown, LetterCreate>({
    defaultValues: toFields(before?.letter ?? null), mode: 'onTouched', resolver,
  });
  const create = useMutation({
    ...letterQueries.createOptions(client, queryClient,
      { optimistic: ({ body }) => provisional(body) }),
    meta: { failed: 'The letter was not saved.' },
  });
  const update = useMutation({
    ...letterQueries.updateOptions(client, queryClient),
    meta: { failed: 'The draft was not saved.' },
  });
  const title = before ? 'Edit the draft' : 'Write a letter';
  const saving = create.isPending || update.isPending;

  useTitle(title);
  useEffect(() => {
    if (focus.at) form.setFocus(focus.at);
  }, [form, focus]);

  function rebase(theirs: Tagged) {
    setBefore(theirs);
    setConflict(false);
  }

  function save(body: LetterCreate) {
    if (!before) {
      filter.set(ALL);
      create.mutate({ body }, {
        onSuccess: ({ data }) => goInstead({ at: 'letter', id: data.id }),
        onError: (problem) => setFocus({ at: placeIssues(form, problem) }),
      });
      return;
    }
    const { id } = before.letter;
    update.mutate({ id, body: changes(before.letter, body), match: before.etag }, {
      onSuccess: () => {
        tell('done', 'The draft is saved.');
        goInstead({ at: 'letter', id });
      },
      onError: (problem) => {
        setConflict(problem.code === 'precondition_failed');
        setFocus({ at: placeIssues(form, problem) });
      },
    });
  }

  return (
    <form className="sheet form" data-saving={saving} noValidate
      onSubmit={(event) => void form.handleSubmit(save)(event)}>
      <h1>{title}</h1>
      {conflict && before && (
        <Conflict id={before.letter.id} mine={form.getValues()}
          take={(theirs) => { form.reset(toFields(theirs.letter)); rebase(theirs); }}
          keep={rebase} />
      )}
      <LetterFields form={form} />
      <div className="actions">
        <button className="primary" disabled={saving || conflict || !online}>
          {saving ? 'Saving…' : before ? 'Save the draft' : 'Save as a draft'}
        </button>
        <button type="button" className="quiet"
          onClick={() => go(before ? { at: 'letter', id: before.letter.id } : { at: 'list' })}>
          Cancel
        </button>
        {!online && <span className="hint">Saving needs a connection.</span>}
      </div>
    </form>
  );
}
