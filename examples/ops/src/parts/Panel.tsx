// SPDX-License-Identifier: MIT
import { useId, type ReactNode } from 'react';

/** A part of a section, with a name and what may be done with all of it. */
export function Panel({ title, note, tools, children }: {
  title: string;
  note?: ReactNode;
  tools?: ReactNode;
  children: ReactNode;
}) {
  const id = useId();

  return (
    <section className="panel" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {note && <p className="soft">{note}</p>}
        {tools && <div className="tools">{tools}</div>}
      </header>
      {children}
    </section>
  );
}

/** Rows that wait outside of a held list. */
export function Waiting({ count, onLetIn }: { count: number; onLetIn(): void }) {
  return (
    <div className="waiting" aria-live="polite">
      {count > 0 && (
        <button type="button" className="small" onClick={onLetIn}>
          Show {count} new
        </button>
      )}
    </div>
  );
}
