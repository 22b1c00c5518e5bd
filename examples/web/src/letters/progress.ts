// SPDX-License-Identifier: MIT
//
// A letter that was sent goes on by itself: it is written, and is ready or failed.
// Who has it open sees that: it is asked for again while it is under way, and when
// it is somewhere else the list is, too.

import { useEffect, useRef } from 'react';
import { queryClient } from '../api.ts';
import type { Letter } from '../api/index.ts';
import { keys as letterKeys } from '../api/queries/letters.ts';

const AGAIN_MS = 2000;

type State = Pick<Letter, 'status' | 'scheduled_for'>;

export function isUnderWay({ status }: Pick<Letter, 'status'>): boolean {
  return status === 'queued' || status === 'generating';
}

/** Of one that goes out later nothing is to be seen before. */
export function lookAgainAfter({ status, scheduled_for }: State): number | false {
  const waits = status === 'queued' && scheduled_for !== null
    && Date.parse(scheduled_for) > Date.now();

  return isUnderWay({ status }) && !waits ? AGAIN_MS : false;
}

export function useProgress(status: Letter['status'] | undefined) {
  const before = useRef(status);

  useEffect(() => {
    const moved = before.current !== undefined && isUnderWay({ status: before.current })
      && status !== undefined && status !== before.current;

    before.current = status;
    if (moved) void queryClient.invalidateQueries({ queryKey: letterKeys.all });
  }, [status]);
}
