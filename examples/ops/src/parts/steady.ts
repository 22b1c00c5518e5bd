// SPDX-License-Identifier: MIT
//
// Rows that do not jump: while somebody points at a list, or is in it with the
// keyboard, rows keep their places. What they say is renewed, what is gone stays
// where it was, marked, and what is new waits to be let in.

import { useRef, useState } from 'react';

export type Key = string | number;

export interface Steady<Row> {
  rows: { row: Row; key: Key; gone: boolean }[];
  /** How many rows wait. */
  waiting: number;
  letIn(): void;
  /** To be spread on the element around the rows. */
  hold: {
    onPointerEnter(): void;
    onPointerLeave(): void;
    onFocus(): void;
    onBlur(event: React.FocusEvent<HTMLElement>): void;
  };
}

export function useSteady<Row>(
  fresh: readonly Row[], keyOf: (row: Row) => Key, topic: string,
): Steady<Row> {
  const [pointed, setPointed] = useState(false);
  const [entered, setEntered] = useState(false);
  const shown = useRef<{ topic: string; rows: Row[] }>({ topic, rows: [] });
  const [, again] = useState(0);
  const byKey = new Map(fresh.map((row) => [keyOf(row), row]));
  const isHeld = (pointed || entered) && shown.current.topic === topic &&
    shown.current.rows.length > 0;

  if (!isHeld) shown.current = { topic, rows: [...fresh] };
  const kept = shown.current.rows;
  const known = new Set(kept.map(keyOf));

  return {
    rows: kept.map((row) => ({
      row: byKey.get(keyOf(row)) ?? row,
      key: keyOf(row),
      gone: !byKey.has(keyOf(row)),
    })),
    waiting: fresh.filter((row) => !known.has(keyOf(row))).length,
    letIn() {
      shown.current = { topic, rows: [...fresh] };
      again((n) => n + 1);
    },
    hold: {
      onPointerEnter: () => setPointed(true),
      onPointerLeave: () => setPointed(false),
      onFocus: () => setEntered(true),
      onBlur: (event) => {
        if (!event.currentTarget.contains(event.relatedTarget))
          setEntered(false);
      },
    },
  };
}
