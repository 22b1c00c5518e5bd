// SPDX-License-Identifier: MIT
//
// A question before something is done. The browser keeps the focus inside and
// gives it back; Escape says no.

import { useEffect, useRef, type ReactNode } from 'react';

export function Dialog({ title, children, act, danger = false, busy = false,
  refused, onAct, onClose }: {
  title: string;
  children: ReactNode;
  /** What the button says; none: there is nothing to be done. */
  act: string | null;
  danger?: boolean;
  busy?: boolean;
  refused?: string | null;
  onAct(): void;
  onClose(): void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);

  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby="dialog-title" onClose={onClose}>
      <form method="dialog" onSubmit={(event) => {
        event.preventDefault();
        onAct();
      }}>
        <h2 id="dialog-title">{title}</h2>
        {children}
        {refused && <p className="wrong" role="alert">{refused}</p>}
        <div className="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            {act === null ? 'Close' : 'Cancel'}
          </button>
          {act !== null && (
            <button type="submit" className={danger ? 'danger' : 'main'}
              disabled={busy}>{busy ? 'Working…' : act}</button>
          )}
        </div>
      </form>
    </dialog>
  );
}
