// SPDX-License-Identifier: MIT
/*
 * The official suite of JSON Schema 2020-12 by runtime/judge.ts: what a
 * contract can hold of it.  Writes a line of JSON a case that has another
 * verdict, then the figures.
 *
 *   node suite.ts FOLDER SUITE
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const [folder = '', suite = ''] = process.argv.slice(2);
const { judge } = await import(resolve(folder, 'runtime/judge.ts'));
const formats = await import(resolve(folder, 'runtime/formats.ts'));
const byName = new Map(Object.values(formats).filter((f) => typeof f === 'object').map((f: any) => [f.name, f]));

/* What no component has: other documents, anchors, dynamic references. */
const beyond = /"\$(dynamicRef|dynamicAnchor|anchor|id|vocabulary|schema)"\s*:(?!\s*"https:\/\/json-schema.org\/draft\/2020-12\/schema")|"dependencies"|"\$ref"\s*:\s*"[^#]/;
const lists = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);
const maps = new Set(['properties', 'patternProperties', 'dependentSchemas']);
const ones = new Set(['items', 'contains', 'additionalProperties', 'propertyNames', 'unevaluatedItems',
  'unevaluatedProperties', 'not', 'if', 'then', 'else']);

/** JSON Schema as data of the judge. */
function dataOf(root: unknown, assertFormats: boolean): (schema: unknown) => unknown {
  const known = new Map<unknown, unknown>();
  const at = (pointer: string): unknown => pointer.split('/').slice(1).reduce((value: any, token) =>
    value?.[decodeURIComponent(token).replace(/~1/g, '/').replace(/~0/g, '~')], root);
  const data = (schema: any): unknown => {
    if (typeof schema !== 'object' || schema === null) return schema;
    if (known.has(schema)) return known.get(schema);
    const out: Record<string, unknown> = {};

    known.set(schema, out);
    for (const [name, value] of Object.entries<any>(schema)) {
      if (lists.has(name)) out[name] = value.map(data);
      else if (maps.has(name)) out[name] = Object.keys(value).map((key) => [key, data(value[key])]);
      else if (ones.has(name)) out[name] = data(value);
      else if (name === 'dependentRequired') out[name] = Object.entries(value);
      else if (name === '$ref') out[name] = () => data(at(value.slice(1)));
      else if (name !== 'format') out[name] = value;
      else if (assertFormats && byName.has(value)) out[name] = byName.get(value);
    }
    return out;
  };

  return data;
}

let cases = 0;
let skipped = 0;
let wrong = 0;

function run(file: string, assertFormats: boolean): void {
  for (const group of JSON.parse(readFileSync(file, 'utf8'))) {
    if (beyond.test(JSON.stringify(group.schema))) {
      skipped += group.tests.length;
      continue;
    }
    const schema = dataOf(group.schema, assertFormats)(group.schema);

    for (const test of group.tests) {
      const found = judge(schema, test.data);

      cases++;
      if (found.valid === test.valid) continue;
      wrong++;
      console.log(JSON.stringify([file.slice(suite.length), group.description, test.description, found]));
    }
  }
}

const directory = join(suite, 'tests/draft2020-12');

for (const name of readdirSync(directory).filter((n) => n.endsWith('.json')).sort()) run(join(directory, name), false);
for (const name of readdirSync(join(directory, 'optional/format')).sort()) {
  run(join(directory, 'optional/format', name), true);
}
console.log(JSON.stringify({ cases, skipped, wrong }));
