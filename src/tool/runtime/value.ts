// SPDX-License-Identifier: MIT
/*
 * Values as JSON Schema sees them: what kind they are of, how long a text is,
 * equality, and numbers by their decimal digits, so that 0.07 is a multiple of
 * 0.01.  A number is the decimal that JavaScript writes for it.  Work on values
 * of any size is taken from a number of steps.
 */

/** 'none' is what JSON cannot say. */
export type Kind = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object' | 'none';

/** Steps that are left; who runs out of them knows nothing. */
export interface Steps {
  steps: number;
}

export function kindOf(value: unknown): Kind {
  switch (typeof value) {
    case 'string': return 'string';
    case 'boolean': return 'boolean';
    case 'number': return Number.isFinite(value) ? 'number' : 'none';
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return 'array';
      return typeof (value as { toJSON?: unknown }).toJSON === 'function' ? 'none' : 'object';
    default: return 'none';
  }
}

/** The members; one that is undefined is none, as JSON.stringify has it. */
export function membersOf(value: object): string[] {
  return Object.keys(value).filter((name) => (value as Record<string, unknown>)[name] !== undefined);
}

/** Code points. */
export function lengthOf(text: string): number {
  let pairs = 0;

  for (let i = 1; i < text.length; i++) {
    const low = text.charCodeAt(i);
    const high = text.charCodeAt(i - 1);

    if (low >= 0xdc00 && low < 0xe000 && high >= 0xd800 && high < 0xdc00) pairs++;
  }
  return text.length - pairs;
}

/** [digits, exponent]: what digits * 10^exponent is, but for the sign. */
function decimalOf(value: number): [digits: bigint, exponent: number] {
  const [mantissa = '0', exponent = '0'] = String(Math.abs(value)).split('e');
  const [whole = '0', fraction = ''] = mantissa.split('.');

  return [BigInt(whole + fraction), Number(exponent) - fraction.length];
}

export function isMultiple(value: number, divisor: number): boolean {
  if (Number.isSafeInteger(value) && Number.isSafeInteger(divisor)) return value % divisor === 0;
  const [a, exponentA] = decimalOf(value);
  const [b, exponentB] = decimalOf(divisor);
  const least = Math.min(exponentA, exponentB);
  const ten = BigInt(10);

  return a * ten ** BigInt(exponentA - least) % (b * ten ** BigInt(exponentB - least)) === BigInt(0);
}

function spend(left: Steps): boolean {
  left.steps = Math.max(0, left.steps - 1);
  return left.steps > 0;
}

type Json = Record<string, unknown>;

function objectsEqual(a: Json, b: Json, left: Steps, depth: number): boolean {
  const names = membersOf(a);

  return names.length === membersOf(b).length &&
    names.every((name) => Object.hasOwn(b, name) && equal(a[name], b[name], left, depth + 1));
}

/** Equal as JSON Schema has it: 1 is 1.0, and members come in any order. */
export function equal(a: unknown, b: unknown, left: Steps, depth = 0): boolean {
  if (!spend(left)) return false;
  if (a === b) return true;
  const kind = kindOf(a);

  if (kind !== kindOf(b) || depth > 200) return false;
  if (kind === 'array') {
    const [list, other] = [a as unknown[], b as unknown[]];

    return list.length === other.length && list.every((item, i) => equal(item, other[i], left, depth + 1));
  }
  return kind === 'object' && objectsEqual(a as Json, b as Json, left, depth);
}

/** A text that equal values share, and no others. */
function textOf(value: unknown, left: Steps, depth: number): string {
  const kind = kindOf(value);

  if (!spend(left) || depth > 200) return '';
  if (kind === 'number') return String(value === 0 ? 0 : value);
  if (kind === 'array') return `[${(value as unknown[]).map((item) => textOf(item, left, depth + 1)).join()}]`;
  if (kind !== 'object') return JSON.stringify(value) ?? '';
  const members = membersOf(value as Json).sort();

  return `{${members.map((name) =>
    `${JSON.stringify(name)}:${textOf((value as Json)[name], left, depth + 1)}`).join()}}`;
}

/** Is no item equal to another? */
export function differ(items: readonly unknown[], left: Steps): boolean {
  const texts = items.map((item) => textOf(item, left, 0));

  return left.steps > 0 && new Set(texts).size === items.length;
}

/** Is there a NUL in any text of the value? */
export function hasNul(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return value.includes('\0');
  if (depth > 200 || typeof value !== 'object' || value === null) return false;
  return Object.values(value).some((part) => hasNul(part, depth + 1));
}
