// SPDX-License-Identifier: MIT
/*
 * Texts that are nearly of a format, by the server and by runtime/formats.ts.
 *
 *   node formats.ts make SEED COUNT          a line of JSON each: {"uuid": "..."}
 *   node formats.ts compare FOLDER TEXTS SERVER   prints what differs, then figures
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { randomNew } from './documents.ts';
import type { Random } from './documents.ts';
import { badFormats, goodFormats } from './texts.ts';

const alphabet = [...'aZ09-.:/@[]%_~!$&\'()*+,;=?#{}|^`\\"<> \n\tTzP1WDé\u{1f600}·א٠\u200d\u0300ß。xn--IPv6:'];
const blocks = [[0, 0x250], [0x300, 0x600], [0x600, 0x900], [0x900, 0x3100], [0x4e00, 0x9fff], [0x10000, 0x10ffff]] as const;

function character(random: Random): string {
  const [first, last] = blocks[random(blocks.length)] ?? blocks[0];

  return random(3) > 0 ? alphabet[random(alphabet.length)] ?? 'x' : String.fromCodePoint(first + random(last - first));
}

function changed(text: string, random: Random): string {
  const characters = [...text];

  for (let n = random(3) + 1; n > 0; n--) {
    const at = random(characters.length + 1);

    if (random(3) === 0) characters.splice(at, 1);
    else characters.splice(at, random(2), character(random));
  }
  return characters.join('');
}

function make(seed: number, count: number): void {
  const random = randomNew(seed);

  for (const format of Object.keys(goodFormats)) {
    const texts = [...(goodFormats[format] ?? []), ...(badFormats[format] ?? [])];
    const lines = new Set(texts);

    while (lines.size < count) {
      const text = changed(texts[random(texts.length)] ?? '', random);

      if (text.isWellFormed() && !text.includes('\0') && [...text].length <= 100) lines.add(text);
    }
    for (const text of lines) console.log(JSON.stringify({ [format.replaceAll('-', '_')]: text }));
  }
}

async function compare(folder: string, texts: string, server: string): Promise<void> {
  const all = Object.values<any>(await import(resolve(folder, 'runtime/formats.ts'))).filter((one) => typeof one === 'object');
  const lines = readFileSync(server, 'utf8').trimEnd().split('\n');
  const figures = { texts: 0, valid: 0, differences: 0 };

  readFileSync(texts, 'utf8').trimEnd().split('\n').forEach((line, i) => {
    const [[member, text]] = Object.entries<string>(JSON.parse(line)) as [[string, string]];
    const holds = all.find(({ name }) => name === member.replaceAll('_', '-')).holds(text);
    const { valid } = JSON.parse(lines[i] ?? '');

    figures.texts++;
    figures.valid += valid ? 1 : 0;
    if (holds === valid) return;
    figures.differences++;
    console.log(JSON.stringify({ member, text, server: valid }));
  });
  console.log(JSON.stringify(figures));
}

const [what, ...words] = process.argv.slice(2);

if (what === 'make') make(Number(words[0]), Number(words[1]));
else await compare(words[0] ?? '', words[1] ?? '', words[2] ?? '');
