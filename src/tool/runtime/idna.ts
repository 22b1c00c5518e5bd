// SPDX-License-Identifier: MIT
/*
 * Host names with U-labels and A-labels, as IDNA2008 lets them be registered
 * (RFC 5891, section 4), and Punycode (RFC 3492).  Nothing is mapped.  The bidi
 * rule (RFC 5893) holds for every label once one of them is written from right
 * to left; so it is judged at the end.
 */
import { traitRuns, traitValues, viramas } from './idna_table.ts';

export const labelMax = 63;
export const nameMax = 253;

/** ascii: A-labels alone; strict: both; mail: U-labels need no NFC (RFC 6531). */
export type IdnaMode = 'ascii' | 'strict' | 'mail';

/* Bits of a code point's traits. */
const statusMask = 3;
const valid = 1;
const joinsLeft = 1 << 5;
const joinsRight = 2 << 5;
const joinsBoth = 3 << 5;
const joinsThrough = 4 << 5;
const joiningMask = 7 << 5;
const scriptMask = 3 << 8;
const greek = 1 << 8;
const hebrew = 2 << 8;
const kanaOrHan = 3 << 8;
const mark = 1 << 10;

/* Classes of the bidi rule, as bits. */
const classL = 1;
const classR = 2;
const classAN = 4;
const classEN = 8;
const classNSM = 16;

interface Table {
  readonly starts: readonly number[];
  readonly values: readonly number[];
}

let table: Table | null = null;

function tableRead(): Table {
  const starts: number[] = [];
  const values: number[] = [];
  let at = 0;

  for (const [, step = '', letter = ''] of traitRuns.matchAll(/([0-9a-z]*)([A-Z])/g)) {
    at += step === '' ? 1 : parseInt(step, 36);
    starts.push(at);
    values.push(traitValues[letter.charCodeAt(0) - 65] ?? 0);
  }
  return { starts, values };
}

function traitsOf(codePoint: number): number {
  table ??= tableRead();
  let low = 0;
  let high = table.starts.length;

  while (high - low > 1) {
    const middle = (low + high) >> 1;

    if ((table.starts[middle] ?? 0) <= codePoint) low = middle;
    else high = middle;
  }
  return table.values[low] ?? 0;
}

function classOf(codePoint: number): number {
  return 1 << ((traitsOf(codePoint) >> 2) & 7);
}

/* What is known of a name so far. */
interface Name {
  readonly mode: IdnaMode;
  octets: number;
  bidi: boolean;
  ordered: boolean;
}

/** The bidi rule, RFC 5893, section 2. */
function judgeBidi(name: Name, label: readonly number[]): void {
  const classes = label.map(classOf);
  const first = classes[0] ?? 0;
  const last = classes.filter((one) => one !== classNSM).at(-1) ?? first;
  const seen = classes.reduce((all, one) => all | one, 0);
  const both = classEN | classAN;
  const holds = first === classR
    ? (seen & classL) === 0 && (seen & both) !== both && (last & (classR | both)) !== 0
    : first === classL && (seen & (classR | classAN)) === 0 && (last & (classL | classEN)) !== 0;

  name.ordered &&= holds;
  name.bidi ||= (seen & (classR | classAN)) !== 0;
}

/** RFC 5892, appendix A.1: a joiner between letters that join across it. */
function joins(label: readonly number[], i: number): boolean {
  const next = (from: number, step: number): number => {
    let at = from + step;

    while (at >= 0 && at < label.length && (traitsOf(label[at] ?? 0) & joiningMask) === joinsThrough) at += step;
    return at >= 0 && at < label.length ? traitsOf(label[at] ?? 0) & joiningMask : 0;
  };
  const before = next(i, -1);
  const after = next(i, 1);

  return (before === joinsLeft || before === joinsBoth) && (after === joinsRight || after === joinsBoth);
}

function hasRange(label: readonly number[], first: number, last: number): boolean {
  return label.some((c) => c >= first && c <= last);
}

/** The rules of RFC 5892, appendix A, for what needs its context. */
function contextHolds(label: readonly number[], i: number): boolean {
  const at = label[i] ?? 0;
  const before = label[i - 1] ?? 0;
  const after = label[i + 1] ?? 0;

  switch (at) {
    case 0x200c: return viramas.includes(before) || joins(label, i);
    case 0x200d: return viramas.includes(before);
    case 0xb7: return before === 0x6c && after === 0x6c;
    case 0x375: return (traitsOf(after) & scriptMask) === greek;
    case 0x5f3:
    case 0x5f4: return (traitsOf(before) & scriptMask) === hebrew;
    case 0x30fb: return label.some((c) => (traitsOf(c) & scriptMask) === kanaOrHan);
    /* Arabic-Indic digits, and the extended ones. */
    default: return at < 0x6f0 ? !hasRange(label, 0x6f0, 0x6f9) : !hasRange(label, 0x660, 0x669);
  }
}

/** RFC 5891, section 4.2, but for the length. */
function labelHolds(name: Name, label: readonly number[], nfc: boolean): boolean {
  const hyphen = 0x2d;
  const text = String.fromCodePoint(...label);

  if (label.length === 0 || label[0] === hyphen || label.at(-1) === hyphen ||
    (label.length > 3 && label[2] === hyphen && label[3] === hyphen) ||
    (traitsOf(label[0] ?? 0) & mark) !== 0) {
    return false;
  }
  for (const [i, c] of label.entries()) {
    const status = traitsOf(c) & statusMask;

    if (status === 0 || (status !== valid && !contextHolds(label, i))) return false;
  }
  judgeBidi(name, label);
  return !nfc || text.normalize('NFC') === text;
}

/* ---- Punycode ---- */

const digits = 'abcdefghijklmnopqrstuvwxyz0123456789';
const codeMax = 0x10ffff;

/** RFC 3492, section 6.1. */
function adapt(delta: number, count: number, first: boolean): number {
  let left = Math.floor(delta / (first ? 700 : 2));
  let k = 0;

  left += Math.floor(left / count);
  for (; left > 455; k += 36) left = Math.floor(left / 35);
  return k + Math.floor((36 * left) / (left + 38));
}

function threshold(k: number, bias: number): number {
  return k <= bias + 1 ? 1 : k >= bias + 26 ? 26 : k - bias;
}

/** Section 6.2; null when it is none.  Nothing may leave 32 bits. */
function punycodeDecode(text: string): number[] | null {
  const hyphen = text.lastIndexOf('-');
  const label = hyphen < 0 ? [] : [...text.slice(0, hyphen)].map((c) => c.charCodeAt(0));
  let [at, code, bias, i] = [hyphen + 1, 0x80, 72, 0];

  if (hyphen === 0) return null;
  while (at < text.length) {
    const before = i;
    let weight = 1;

    if (label.length === labelMax) return null;
    for (let k = 36; ; k += 36) {
      const digit = at < text.length ? digits.indexOf(text.charAt(at++)) : -1;
      const t = threshold(k, bias);

      i += digit * weight;
      if (digit < 0 || i > 0xffffffff) return null;
      if (digit < t) break;
      weight *= 36 - t;
      if (weight > 0xffffffff) return null;
    }
    bias = adapt(i - before, label.length + 1, before === 0);
    code += Math.floor(i / (label.length + 1));
    if (code > codeMax) return null;
    i %= label.length + 1;
    label.splice(i++, 0, code);
  }
  return label;
}

function deltaText(delta: number, bias: number): string {
  let text = '';
  let left = delta;

  for (let k = 36; ; k += 36) {
    const t = threshold(k, bias);

    if (left < t) return text + digits.charAt(left);
    text += digits.charAt(t + ((left - t) % (36 - t)));
    left = Math.floor((left - t) / (36 - t));
  }
}

/** Section 6.3. */
function punycodeEncode(label: readonly number[]): string {
  const basic = label.filter((c) => c < 0x80);
  let text = basic.length === 0 ? '' : String.fromCharCode(...basic) + '-';
  let [code, bias, delta, done] = [0x80, 72, 0, basic.length];

  for (; done < label.length; delta++, code++) {
    const from = code;
    const next = Math.min(...label.filter((c) => c >= from));

    delta += (next - code) * (done + 1);
    code = next;
    for (const c of label) {
      if (c < code) delta++;
      if (c !== code) continue;
      text += deltaText(delta, bias);
      bias = adapt(delta, done + 1, done === basic.length);
      delta = 0;
      done++;
    }
  }
  return text;
}

/* ---- names ---- */

/** What follows "xn--". */
function aLabelHolds(name: Name, text: string): boolean {
  const label = punycodeDecode(text);

  return label !== null && hasRange(label, 0x80, codeMax) && !hasRange(label, 0xd800, 0xdfff) &&
    labelHolds(name, label, true) && punycodeEncode(label) === text;
}

/**
 * A label of ASCII.  "--" as third and fourth is reserved for prefixes, and
 * "xn--" is the only one there is (RFC 5890, section 2.3.1).
 */
function asciiLabelHolds(name: Name, text: string): boolean {
  const lower = text.toLowerCase();

  if (text.length < 1 || text.length > labelMax || text.startsWith('-') || text.endsWith('-')) return false;
  name.octets += text.length + 1;
  if (text.startsWith('--', 2)) return lower.startsWith('xn') && aLabelHolds(name, lower.slice(4));
  if (!/^[a-z]/.test(lower)) name.ordered = false;
  return true;
}

function uLabelHolds(name: Name, text: string): boolean {
  const label = Array.from(text, (c) => c.codePointAt(0) ?? 0);

  if (label.length > labelMax || hasRange(label, 0xd800, 0xdfff) || !labelHolds(name, label, name.mode !== 'mail')) {
    return false;
  }
  const encoded = punycodeEncode(label);

  name.octets += encoded.length + 5;
  return encoded.length + 4 <= labelMax;
}

/** Is the text a host name? */
export function idnaHolds(text: string, mode: IdnaMode): boolean {
  const name: Name = { mode, octets: 0, bidi: false, ordered: true };

  /* A character is an octet at least; so what follows is bounded. */
  if (text.length > 2 * nameMax) return false;
  for (const label of text.split(mode === 'strict' ? /[.\u3002\uff0e\uff61]/u : '.')) {
    const ascii = /^[A-Za-z0-9-]*$/.test(label);
    const holds = ascii ? asciiLabelHolds(name, label) : mode !== 'ascii' && uLabelHolds(name, label);

    if (!holds || name.octets > nameMax + 1) return false;
  }
  return !name.bidi || name.ordered;
}
