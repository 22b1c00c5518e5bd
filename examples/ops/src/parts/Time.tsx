// SPDX-License-Identifier: MIT
import { useNow } from '../live.ts';
import { ago, moment } from '../words.ts';

/** How long ago, with the exact time for who points at it. */
export function Ago({ at }: { at: string | null }) {
  const now = useNow(1000);

  if (at === null) return <span className="soft">–</span>;
  return <time dateTime={at} title={moment(at)}>{ago(at, now)}</time>;
}
