// SPDX-License-Identifier: MIT
/*
 * Writes documents of each component, a line each, and its schema as a file of
 * its own.  The schemas are those of `lockstep gen openapi`, which those of
 * validators.ts must be.
 *
 *   node make.ts FOLDER OPENAPI OUT SEED COUNT
 *
 * FOLDER is what `lockstep gen typescript` made.  Prints {"component": count}.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { Maker, randomNew, textOf } from './documents.ts';
import type { Json, Schema } from './documents.ts';
import { componentsOf, plainOf } from './components.ts';

const [folder = '', openapi = '', out = '', seed = '1', count = '200'] = process.argv.slice(2);
const validators = await import(resolve(folder, 'validators.ts'));
const published = JSON.parse(readFileSync(openapi, 'utf8')).components.schemas;
const components = componentsOf(validators, published);
/* Operations take these as their body: no text of them may have a NUL, and an array is rows. */
const bodies = new Set(Array.from(JSON.stringify(JSON.parse(readFileSync(openapi, 'utf8')).paths)
  .matchAll(/"requestBody":.*?#\/components\/schemas\/(\w+)/g), ([, name]) => name));
const root = { components: { schemas: Object.fromEntries([...components].map(([name, { schema }]) => [name, schema])) } };
const figures: Record<string, number> = {};

/** Some documents that should be valid, then what breaks them, each once. */
function documentsOf(schema: Schema, seedOf: number, isBody: boolean): string[] {
  const random = randomNew(seedOf);
  const maker = new Maker(root, random);
  const bases = Array.from({ length: Math.ceil(Number(count) / 8) }, () => maker.value(schema));
  const found = new Set<string>(bases.map((value) => textOf(value, random)));
  const broken = bases.map((value) => maker.broken(schema, value));
  const wanted = Number(count);

  /* A row at a time of each, so that no document hides the others. */
  for (let tries = 0; found.size < wanted && tries < 8 * wanted; tries++) {
    const list = broken[tries % broken.length] ?? [];

    if (list.length > 0) found.add(textOf(list.splice(random(list.length), 1)[0] as Json, random));
  }
  /* Halves of characters and very long strings are refused before; names of digits are reordered. */
  return [...found].filter((text) => Buffer.byteLength(text) < 130_000 && !/\\ud[89a-f]|"\d+":|\\u0000(?:[^"\\]|\\.)*":/i.test(text) &&
    (isBody ? !text.startsWith('[') : !text.includes('\\u0000')));
}

/** A component has the same documents whatever others there are. */
function numberOf(name: string): number {
  return Array.from(name).reduce((number, letter) => (number * 31 + letter.charCodeAt(0)) >>> 0, 7);
}

mkdirSync(out, { recursive: true });

for (const [name, { schema }] of components) {
  const lines = documentsOf(schema, Number(seed) * 1000 + numberOf(name), bodies.has(name));

  writeFileSync(join(out, `${name}.jsonl`), lines.join('\n') + '\n');
  writeFileSync(join(out, `${name}.json`), JSON.stringify(plainOf(schema, root)));
  figures[name] = lines.length;
}
console.log(JSON.stringify(figures));
