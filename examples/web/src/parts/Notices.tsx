// SPDX-License-Identifier: MIT
import { useEffect } from 'react';
import { dismiss, notice } from '../notices.ts';
import { useStore } from '../store.ts';

const SHOWN_MS = 5000;

/** The region is always there: screen readers tell what changes in it. */
export function Notices() {
  const shown = useStore(notice);

  useEffect(() => {
    if (shown?.kind !== 'done') return;
    const timer = setTimeout(dismiss, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [shown]);
  return (
    <div className="notices" role="status" aria-live="polite">
      {shown && (
        <p key={shown.number} className={`notice ${shown.kind}`}>
          <span>{shown.text}</span>
          <button type="button" aria-label="Dismiss" onClick={dismiss}>×</button>
        </p>
      )}
    </div>
  );
}
