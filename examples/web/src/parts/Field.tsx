// SPDX-License-Identifier: MIT
//
// A label, a control and what is wrong with it, told to eyes and screen readers
// alike. The control spreads what it is given and adds what react-hook-form says.

import { useId, type ReactNode } from 'react';
import { sentence } from '../words.ts';

interface Control {
  id: string;
  'aria-invalid': boolean;
  'aria-describedby': string;
}

interface FieldProps {
  label: string;
  hint?: string;
  /** An error of react-hook-form, or a tree of them where one control holds many
   * values (the lines of an address). */
  error: unknown;
  children: (control: Control) => ReactNode;
}

export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const wrong = firstMessage(error);

  return (
    <div className="field">
      <label htmlFor={id}>{label}{hint && <small> {hint}</small>}</label>
      {children({
        id, 'aria-invalid': wrong !== null, 'aria-describedby': `${id}-wrong`,
      })}
      <p id={`${id}-wrong`} className="wrong">{wrong && sentence(wrong)}</p>
    </div>
  );
}

function firstMessage(error: unknown): string | null {
  if (typeof error !== 'object' || error === null) return null;
  if ('message' in error && typeof error.message === 'string') return error.message;
  for (const [name, value] of Object.entries(error)) {
    // `ref` is the control itself, a tree without an end.
    const found = name === 'ref' ? null : firstMessage(value);

    if (found !== null) return found;
  }
  return null;
}
