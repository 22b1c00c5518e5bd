// SPDX-License-Identifier: MIT
//
// Schemas of zod 4 as files of a contract: node -e THIS FILE OUT [force] [dry].
// Each schema that FILE exports is one of JSON Schema by z.toJSONSchema, as a
// client sends it (io: input), and then held to what a contract takes. What is
// lost on the way, as refinements are, is told; what was there is left alone.

import fs from 'node:fs';
import path from 'node:path';
import url from 'node:url';

const KEYWORDS = new Set(`$schema $ref $defs $comment title description default
  examples deprecated readOnly writeOnly type enum const minLength maxLength
  pattern format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf
  properties patternProperties additionalProperties propertyNames required
  minProperties maxProperties prefixItems items contains minContains
  maxContains minItems maxItems uniqueItems allOf anyOf oneOf not if then else
  contentEncoding contentMediaType`.split(/\s+/));
const FORMATS = new Set(`date-time date time duration email hostname ipv4 ipv6
  uri uuid`.split(/\s+/));
const LISTS = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const MAPS = ['$defs', 'properties', 'patternProperties'];
const ONES = ['additionalProperties', 'propertyNames', 'items', 'contains',
  'not', 'if', 'then', 'else'];

/** "NewLetterSchema" -> "new_letter". */
function fileName(name) {
  return name.replace(/Schema$/, '').replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_').toLowerCase();
}

/** "new_letter" -> "NewLetter". */
function titleOf(name) {
  return fileName(name).split('_').map((word) =>
    word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

// ---- What zod knows and JSON Schema does not.

/** What JSON has in place of types of JavaScript. */
const INSTEAD = {
  date: { type: 'string', format: 'date-time', maxLength: 40 },
  bigint: {
    type: 'integer', minimum: Number.MIN_SAFE_INTEGER,
    maximum: Number.MAX_SAFE_INTEGER,
  },
};
const WITHOUT_JSON = new Set(['symbol', 'undefined', 'void', 'map', 'set',
  'transform', 'nan', 'custom', 'function', 'promise', 'file']);

/** Looks at a schema of zod while it becomes one of JSON Schema. */
function override(notes) {
  return ({ zodSchema, jsonSchema, path: at }) => {
    const { def } = zodSchema._zod;
    const checks = (def.checks ?? []).map((check) => check._zod.def);
    const place = at.filter((step) => step !== 'properties').join('.') ||
      'itself';
    if (def.type in INSTEAD) {
      Object.assign(jsonSchema, INSTEAD[def.type]);
      notes.add(`${place}: a ${def.type} is taken as ${
        jsonSchema.format ?? jsonSchema.type}`);
    }
    if (WITHOUT_JSON.has(def.type))
      notes.add(`${place}: a ${def.type} has no JSON; anything is taken`);
    if (checks.some(({ check }) => check === 'custom'))
      notes.add(`${place}: a refinement is not taken; a CHECK of the table ` +
        'could ask it');
    if (checks.some(({ check }) => check === 'overwrite'))
      notes.add(`${place}: texts are taken as they are sent, not trimmed or ` +
        'changed');
    for (const { format, pattern } of checks)
      if (format === 'regex' && pattern.flags.replace('u', '') !== '')
        notes.add(`${place}: the flags of ${pattern} are not taken`);
  };
}

// ---- What a contract takes.

/** anyOf of one type and null -> a type that may be null. */
function withNull(schema) {
  const [one, none, ...more] = schema.anyOf ?? [];
  if (none?.type !== 'null' || more.length > 0 || !('type' in one) ||
    Array.isArray(one.type) || 'const' in one)
    return schema;
  const { anyOf, ...rest } = schema;
  return {
    ...rest, ...one, type: [one.type, 'null'],
    ...one.enum && { enum: [...one.enum, null] },
  };
}

/** A format says all that zod's own pattern for it does. */
function withFormat(schema, notes) {
  if (schema.format === undefined)
    return schema;
  const { format, pattern, ...rest } = schema;
  if (FORMATS.has(format))
    return { ...rest, format };
  if (pattern === undefined)
    notes.add(`the format ${format} is not taken`);
  return pattern === undefined ? rest : { ...rest, pattern };
}

/** zod drops members that it does not know; a contract refuses them. */
function closed(schema) {
  return schema.type === 'object' && 'properties' in schema &&
    !('additionalProperties' in schema)
    ? { ...schema, additionalProperties: false } : schema;
}

function known(schema, notes) {
  const kept = Object.entries(schema).filter(([name]) => {
    if (!KEYWORDS.has(name) && name !== 'id')
      notes.add(`${name} is not taken`);
    return KEYWORDS.has(name);
  });
  return Object.fromEntries(kept);
}

/** A schema and all within it. */
function taken(schema, notes) {
  if (typeof schema !== 'object' || schema === null)
    return schema;
  const within = (value) => taken(value, notes);
  const made = closed(withNull(withFormat(known(schema, notes), notes)));
  for (const name of LISTS)
    if (name in made)
      made[name] = made[name].map(within);
  for (const name of MAPS)
    if (name in made)
      made[name] = Object.fromEntries(Object.entries(made[name]).map(
        ([key, value]) => [key, within(value)]));
  for (const name of ONES)
    if (name in made)
      made[name] = within(made[name]);
  return made;
}

// ---- Files.

function write(file, text, { force, dry }) {
  if (dry)
    return console.log(`\n==> ${file} <==\n${text.trimEnd()}`);
  const there = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : null;
  if (there === text)
    return console.log(`  the same  ${file}`);
  if (there !== null && !force)
    return console.log(`  left      ${file}, which is there already; ` +
      '--force replaces it');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
  return console.log(`  ${there === null ? 'wrote   ' : 'replaced'}  ${file}`);
}

/** One export; false where it cannot be taken. */
function importOne(z, name, schema, out, options) {
  const notes = new Set();
  console.log(name);
  try {
    const json = z.toJSONSchema(schema, {
      io: 'input', target: 'draft-2020-12', unrepresentable: 'any',
      override: override(notes),
    });
    const { $schema, title = titleOf(name), description, ...rest } =
      taken(json, notes);
    if (Object.keys(rest).length === 0)
      throw new Error(`a ${schema._zod.def.type} has no JSON`);
    write(path.join(out, `${fileName(name)}.json`), JSON.stringify(
      { $schema, title, description, ...rest }, null, 2) + '\n', options);
  } catch (error) {
    console.log(`  left out  ${error.message}`);
    return false;
  }
  for (const note of notes)
    console.log(`  note      ${note}`);
  return true;
}

async function load(file, what) {
  try {
    return await import(file);
  } catch (error) {
    console.error(`lockstep: ${what}: ${error.message}`);
    process.exit(2);
  }
}

const [file, out, ...words] = process.argv.slice(1);
const options = { force: words.includes('force'), dry: words.includes('dry') };
const exported = await load(url.pathToFileURL(file).href, file);
const { z } = await load('zod', 'zod 4 beside the file');
const schemas = Object.entries(exported).filter(([, value]) => value?._zod);
if (schemas.length === 0) {
  console.error(`lockstep: ${file} exports no schema of zod 4`);
  process.exit(2);
}
const made = schemas.map(([name, schema]) =>
  importOne(z, name, schema, out, options));
process.exitCode = made.every(Boolean) ? 0 : 1;
