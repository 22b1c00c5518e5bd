// SPDX-License-Identifier: MIT
//
// The form of a letter: what its controls hold, all of it text, and what the
// service takes. The names are the service's own, so an issue's path, whoever
// found it, is the name of the field where it belongs.

import { standardSchemaResolver } from '@hookform/resolvers/standard-schema';
import type { FieldPath, UseFormReturn } from 'react-hook-form';
import type { Letter, LetterCreate, LetterUpdate } from '../api/index.ts';
import { letterCreate } from '../api/validators.ts';
import { isProblem } from '../words.ts';

export interface Fields {
  title: string;
  body: string;
  tone: Letter['tone'];
  locale: string;
  reference: string;
  /** Words with commas or spaces between. */
  tags: string;
  recipient: {
    name: string;
    email: string;
    /** One line each. */
    address: Record<'lines' | 'postal_code' | 'city' | 'region' | 'country', string>;
  };
}

export type LetterForm = UseFormReturn<Fields, unknown, LetterCreate>;

/** From the top of the form to its foot. */
const NAMES: readonly FieldPath<Fields>[] = [
  'recipient.name', 'recipient.email', 'recipient.address.lines',
  'recipient.address.postal_code', 'recipient.address.city',
  'recipient.address.region', 'recipient.address.country', 'title', 'body', 'tone',
  'locale', 'reference', 'tags',
];

export function toFields(letter: Letter | null): Fields {
  const { name = '', email = '', address } = letter?.recipient ?? {};

  return {
    title: letter?.title ?? '',
    body: letter?.body ?? '',
    tone: letter?.tone ?? 'neutral',
    locale: letter?.locale ?? 'en',
    reference: letter?.reference ?? '',
    tags: letter?.tags.join(', ') ?? '',
    recipient: {
      name,
      email,
      address: {
        lines: address?.lines.join('\n') ?? '',
        postal_code: address?.postal_code ?? '',
        city: address?.city ?? '',
        region: address?.region ?? '',
        country: address?.country ?? '',
      },
    },
  };
}

/** What is empty is left out; an address is there when a part of it is. */
export function toInput(fields: Fields): LetterCreate {
  const { name, email, address } = fields.recipient;
  const { region, ...place } = address;
  const lines = parts(address.lines, /\n/);
  const addressed = Object.values(address).some((text) => text.trim() !== '');

  return {
    ...fields,
    reference: fields.reference || null,
    tags: parts(fields.tags, /[\s,]+/),
    recipient: {
      name,
      ...(email && { email }),
      ...(addressed && { address: { ...place, lines, ...(region && { region }) } }),
    },
  };
}

function parts(text: string, between: RegExp): string[] {
  return text.split(between).map((part) => part.trim()).filter(Boolean);
}

/** The members of a letter that the form would change. */
export function changes(before: Letter, input: LetterCreate): LetterUpdate {
  const was = toInput(toFields(before));
  const changed = Object.entries(input).filter(
    ([name, value]) => JSON.stringify(value) !==
      JSON.stringify(Object.entries(was).find(([other]) => other === name)?.[1]));

  return Object.fromEntries(changed);
}

/** The generated validator, for what the form holds. */
export const resolver = standardSchemaResolver<Fields, unknown, LetterCreate>({
  '~standard': {
    version: 1,
    vendor: 'letters-web',
    validate: (value) => letterCreate['~standard'].validate(
      isFields(value) ? toInput(value) : value),
  },
});

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && 'recipient' in value;
}

/** Puts what the server found at the fields, and tells the topmost of them. */
export function placeIssues(form: LetterForm, problem: unknown): FieldPath<Fields> | null {
  if (!isProblem(problem) || !('issues' in problem)) return null;
  const found = NAMES.filter((name) => {
    const issue = problem.issues?.find(({ path }) =>
      `${path.join('.')}.`.startsWith(`${name}.`));

    if (issue) form.setError(name, { type: issue.code, message: issue.message });
    return issue !== undefined;
  });

  return found[0] ?? null;
}
