// SPDX-License-Identifier: MIT
import { useMutation } from '@tanstack/react-query';
import { useEffect, useEffectEvent } from 'react';
import { client, queryClient } from '../api.ts';
import * as letterQueries from '../api/queries/letters.ts';
import { tell } from '../notices.ts';
import { useCountDown } from '../parts/Banners.tsx';
import { useStore } from '../store.ts';
import { deletions, keep, type Deletion } from './deletions.ts';

export function DeletionBar() {
  const planned = useStore(deletions);

  return (
    <div className="deletions">
      {planned.map((deletion) => <Planned key={deletion.id} deletion={deletion} />)}
    </div>
  );
}

function Planned({ deletion: { id, title, at } }: { deletion: Deletion }) {
  const seconds = useCountDown(at);
  const remove = useMutation({
    ...letterQueries.deleteOptions(client, queryClient),
    meta: { failed: `“${title}” was not deleted.` },
  });
  const run = useEffectEvent(() => {
    if (!remove.isIdle) return;
    remove.mutate({ id }, {
      onSuccess: () => tell('done', `“${title}” is deleted.`),
      onSettled: () => keep(id),
    });
  });

  useEffect(() => {
    if (seconds === 0) run();
  }, [seconds]);
  return (
    <div className="notice deletion" role="status">
      <span>“{title}” is deleted in <span aria-hidden="true">{seconds} s</span>
        <span className="unseen">a few seconds</span></span>
      <button type="button" onClick={() => keep(id)} disabled={!remove.isIdle}>Keep it</button>
      <button type="button" onClick={run} disabled={!remove.isIdle}>Delete now</button>
    </div>
  );
}
