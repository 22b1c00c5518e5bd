// SPDX-License-Identifier: MIT
//
// The corner of an envelope says how far its letter is: a place for a stamp
// (draft), a stamp (queued, being written, ready), a stamp with a postmark (sent),
// or what came back.
// The stamp is blue for email and red for post.

import type { Letter } from '../api/index.ts';

const NAMES = {
  draft: 'Draft', queued: 'On its way', generating: 'Being written', ready: 'Ready',
  sent: 'Sent', failed: 'Returned',
};

type State = Pick<Letter, 'status' | 'channel' | 'sent_at'>;

export function Stamp({ letter }: { letter: State }) {
  return (
    <span className="stamp" data-status={letter.status}>
      <StampPicture letter={letter} />
      <span className="stamp-name">{NAMES[letter.status]}</span>
    </span>
  );
}

export function StampPicture({ letter: { status, channel, sent_at } }: { letter: State }) {
  return (
    <svg viewBox="0 0 84 60" width="84" height="60" aria-hidden="true">
      {status === 'draft'
        ? <rect x="38" y="2" width="44" height="56" className="stamp-place" />
        : <Picture channel={channel} />}
      {status === 'sent' && sent_at && <Postmark time={sent_at} />}
      {status === 'failed' && <path d="m34 50 50-40M34 10l50 40" className="stamp-cross" />}
    </svg>
  );
}

function Picture({ channel }: { channel: Letter['channel'] }) {
  return (
    <g className={channel === 'post' ? 'by-post' : 'by-email'}>
      <rect x="37" y="1" width="46" height="58" className="stamp-paper" />
      <rect x="41.5" y="5.5" width="37" height="49" className="stamp-frame" />
      {channel === 'post'
        ? <path d="M48 22h24v17H48zm0 1 12 9 12-9" className="stamp-line" />
        : <path d="m46 30 28-12-9 25-6-9zm13 4 15-16" className="stamp-line" />}
      <rect x="37" y="1" width="46" height="58" className="stamp-holes" />
    </g>
  );
}

/** The day of sending, as a post office would strike it. */
function Postmark({ time }: { time: string }) {
  const date = new Date(time);
  const month = date.toLocaleDateString('en', { month: 'short' }).toUpperCase();

  return (
    <g className="postmark">
      <circle cx="22" cy="32" r="20" />
      <circle cx="22" cy="32" r="16.5" />
      <path d="M42 24q5-4 9 0t9 0 9 0M43 31q5-4 9 0t9 0 9 0M42 38q5-4 9 0t9 0 9 0" />
      <text x="22" y="31">{date.getDate()} {month}</text>
      <text x="22" y="41">{date.getFullYear()}</text>
    </g>
  );
}
