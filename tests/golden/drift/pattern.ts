// SPDX-License-Identifier: MIT
/*
 * Strings that match a pattern, as far as patterns of contracts go: classes,
 * groups, alternatives, repetitions, anchors.  What comes out is tried with
 * RegExp; where nothing matches after some tries, the last is taken all the
 * same.
 */
import type { Random } from './documents.ts';

const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).concat(['é', '漢', '\u{1d4b3}']);

class Reader {
  at = 0;
  readonly source: string;
  readonly random: Random;

  constructor(source: string, random: Random) {
    this.source = source;
    this.random = random;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.random(list.length)] as T;
  }

  take(text: string): boolean {
    if (!this.source.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  /** All alternatives are read, one of them is taken. */
  alternatives(): string {
    const all = [this.sequence()];

    while (this.take('|')) all.push(this.sequence());
    return this.pick(all);
  }

  sequence(): string {
    let text = '';

    while (this.at < this.source.length && !/[|)]/.test(this.source[this.at] ?? '')) text += this.repeated();
    return text;
  }

  repeated(): string {
    const start = this.at;
    let text = this.atom();
    const end = this.at;
    const [least, most] = this.quantifier();
    const after = this.at;

    if (least === 1 && most === 1) return text;
    text = '';
    for (let n = this.pick([least, most, least + this.random(most - least + 1)]); n > 0; n--) {
      this.at = start;
      text += this.atom();
      this.at = end;
    }
    this.at = after;
    return text;
  }

  quantifier(): [number, number] {
    const match = /^(?:\{(\d+)(,(\d*))?\}|[*+?])\??/.exec(this.source.slice(this.at));

    if (match === null) return [1, 1];
    this.at += match[0].length;
    if (match[0].startsWith('*')) return [0, 4];
    if (match[0].startsWith('+')) return [1, 5];
    if (match[0].startsWith('?')) return [0, 1];
    const least = Number(match[1]);

    return [least, match[2] === undefined ? least : match[3] === '' ? least + 3 : Number(match[3])];
  }

  atom(): string {
    if (this.take('^') || this.take('$')) return '';
    if (this.take('(')) {
      const around = /^\?(?:[=!]|<[=!])/.exec(this.source.slice(this.at));

      this.at += /^\?(?::|<\w+>|[=!]|<[=!])/.exec(this.source.slice(this.at))?.[0].length ?? 0;
      const text = this.alternatives();

      this.take(')');
      return around === null ? text : '';
    }
    if (this.take('[')) return this.class();
    if (this.take('.')) return this.pick(printable);
    return this.take('\\') ? this.escaped() : this.character();
  }

  character(): string {
    const character = String.fromCodePoint(this.source.codePointAt(this.at) ?? 0);

    this.at += character.length;
    return character;
  }

  escaped(): string {
    const letter = this.character();

    if (letter === 'p' || letter === 'P') {
      const end = this.source.indexOf('}', this.at) + 1;
      const expression = new RegExp(`\\${letter}${this.source.slice(this.at, end)}`, 'u');

      this.at = end;
      return this.pick([...printable, '１', 'ß', 'Σ'].filter((c) => expression.test(c)));
    }
    if (letter === 'b' || letter === 'B') return '';
    if (/[dDwWsS]/.test(letter)) return this.pick(printable.filter((c) => new RegExp(`\\${letter}`, 'u').test(c)));
    return { n: '\n', t: '\t', r: '\r', f: '\f', v: '\v' }[letter] ?? letter;
  }

  class(): string {
    let end = this.at;

    while (this.source[end] !== ']') end += this.source[end] === '\\' ? 2 : 1;
    const expression = new RegExp(`[${this.source.slice(this.at, end)}]`, 'u');

    this.at = end + 1;
    return this.pick(printable.filter((c) => expression.test(c)));
  }
}

export function matching(pattern: string, random: Random): string {
  const expression = new RegExp(pattern, 'u');
  let text = '';

  for (let tries = 0; tries < 30; tries++) {
    text = new Reader(pattern, random).alternatives() ?? '';
    if (expression.test(text)) return text;
  }
  return text;
}
