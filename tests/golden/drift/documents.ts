// SPDX-License-Identifier: MIT
/*
 * Makes documents of JSON Schemas: such as should be valid, and each of them
 * broken in one place.  Nobody vouches for either: the judges say what they
 * are, and must only agree.  The same seed makes the same documents.
 *
 * Left out is what JSON.parse changes: names of digits, whose order it does not
 * keep, and numbers that no double holds.
 */
import { badFormats, goodFormats, texts } from './texts.ts';
import { matching } from './pattern.ts';

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Schema = any;

export interface Random {
  (below: number): number;
}

/** xorshift32, of a seed that is not 0. */
export function randomNew(seed: number): Random {
  let state = seed | 1;

  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % Math.max(1, below);
  };
}

export class Maker {
  readonly root: Schema;
  readonly random: Random;

  constructor(root: Schema, random: Random) {
    this.root = root;
    this.random = random;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.random(list.length)] as T;
  }

  resolve(schema: Schema): Schema {
    for (let hops = 0; hops < 20 && schema?.$ref !== undefined; hops++) {
      const target = schema.$ref.split('/').slice(1).reduce((value: any, token: string) => value[token], this.root);
      const { $ref, ...rest } = schema;

      schema = { ...target, ...rest };
    }
    return schema;
  }

  /* ---- values that should be valid ---- */

  value(given: Schema, depth = 0): Json {
    const schema = this.resolve(given);

    if (typeof schema !== 'object' || schema === null) return this.pick([1, 'x', null]);
    if (schema.const !== undefined) return schema.const;
    if (schema.enum !== undefined) return this.pick(schema.enum);
    const own = this.typed(schema, depth);
    const parts = this.applied(schema).map((part) => this.value(part, depth));

    return parts.reduce<Json>((all, part) => merged(all, part), own);
  }

  /** Schemas of the same value, a branch of each union. */
  applied(schema: Schema): Schema[] {
    const list: Schema[] = [...(schema.allOf ?? [])];

    for (const union of [schema.anyOf, schema.oneOf]) if (union !== undefined) list.push(this.pick(union));
    if (schema.if !== undefined && this.random(2) === 0) {
      list.push(schema.if);
      if (schema.then !== undefined) list.push(schema.then);
    } else if (schema.else !== undefined) {
      list.push(schema.else);
    }
    return list.filter((part) => typeof part === 'object');
  }

  typeOf(schema: Schema): string {
    if (Array.isArray(schema.type)) return this.pick(schema.type);
    if (schema.type !== undefined) return schema.type;
    if (schema.properties ?? schema.required ?? schema.additionalProperties ?? schema.patternProperties) return 'object';
    if (schema.items ?? schema.prefixItems ?? schema.contains) return 'array';
    if (schema.minimum ?? schema.maximum ?? schema.multipleOf) return 'number';
    if (schema.anyOf ?? schema.oneOf ?? schema.allOf ?? schema.if) return 'nothing';
    return this.pick(['string', 'string', 'integer', 'null', 'object']);
  }

  typed(schema: Schema, depth: number): Json {
    switch (this.typeOf(schema)) {
      case 'null': return null;
      case 'boolean': return this.random(2) === 0;
      case 'string': return this.string(schema);
      case 'integer': return this.number(schema, true);
      case 'number': return this.number(schema, false);
      case 'array': return this.array(schema, depth);
      case 'nothing': return {};
      default: return this.object(schema, depth);
    }
  }

  length(least: number | undefined, most: number | undefined, cap: number): number {
    const low = least ?? 0;
    const high = Math.max(low, Math.min(most ?? low + 4, cap));

    return this.pick([low, high, low + this.random(high - low + 1)]);
  }

  string(schema: Schema): string {
    if (schema.format !== undefined) return this.pick(goodFormats[schema.format] ?? ['x']);
    if (schema.pattern !== undefined) return matching(schema.pattern, this.random);
    return padded(this.pick(texts), this.length(schema.minLength, schema.maxLength, 600));
  }

  number(schema: Schema, whole: boolean): number {
    const low = schema.minimum ?? schema.exclusiveMinimum ?? Math.min(-5, (schema.maximum ?? schema.exclusiveMaximum ?? 5) - 10);
    const high = schema.maximum ?? schema.exclusiveMaximum ?? low + 1000;
    const step = schema.multipleOf ?? (whole ? 1 : this.pick([1, 0.5, 0.01]));
    const some = low + Math.floor((this.random(1001) / 1000) * (high - low) / step) * step;
    const all = [low, high, some].map((n) => Number((Math.round(n / step) * step).toPrecision(15)));

    return this.pick(all.map((n) => (whole ? Math.round(n) : n)));
  }

  array(schema: Schema, depth: number): Json[] {
    const prefix: Schema[] = schema.prefixItems ?? [];
    const count = this.length(Math.max(schema.minItems ?? 0, this.random(prefix.length + 1)), schema.maxItems, depth > 3 ? 1 : 12);
    const items: Json[] = [];

    for (let i = 0; i < count; i++) {
      const item = prefix[i] ?? schema.items ?? schema.contains ?? true;

      if (item === false) break;
      for (let tries = 0; tries < 20; tries++) {
        items[i] = this.value(item, depth + 1);
        if (!schema.uniqueItems || items.findIndex((one) => JSON.stringify(one) === JSON.stringify(items[i])) === i) break;
      }
    }
    if (schema.contains !== undefined && items.length > 0 && this.random(4) > 0) items[0] = this.value(schema.contains, depth + 1);
    return items;
  }

  object(schema: Schema, depth: number): Json {
    const required = new Set<string>(schema.required);
    const mood = this.random(4);
    const out: { [name: string]: Json } = {};
    const add = (name: string, value: Json): void => {
      Object.defineProperty(out, name, { value, enumerable: true, configurable: true, writable: true });
    };

    for (const [name, sub] of Object.entries(schema.properties ?? {})) {
      const wanted = mood === 0 || (mood > 1 && this.random(2) === 0 && depth < 6);

      if (required.has(name) || wanted) add(name, this.value(sub, depth + 1));
    }
    for (const name of required) if (!Object.hasOwn(out, name)) add(name, this.pick([1, 'x', null, true]));
    for (const [pattern, sub] of Object.entries(schema.patternProperties ?? {})) {
      if (this.random(2) === 0) add(matching(pattern, this.random), this.value(sub, depth + 1));
    }
    const more = schema.additionalProperties;

    for (let n = typeof more === 'object' ? this.length(schema.minProperties, schema.maxProperties, 4) : 0; n > 0; n--) {
      add(this.name(schema.propertyNames), this.value(more, depth + 1));
    }
    return out;
  }

  name(names: Schema): string {
    return names === undefined ? this.pick(['more', 'other', 'é', 'a/b~c', '__proto__', 'x y']) : String(this.string(this.resolve(names)));
  }

  /* ---- values that are broken in one place ---- */

  /** Other values for the one at hand, then for those inside it. */
  broken(given: Schema, value: Json, depth = 0): Json[] {
    const schema = this.resolve(given);

    if (typeof schema !== 'object' || schema === null || depth > 7) return [];
    const list = [...this.wrongTypes(schema, value), ...this.wrongValues(schema, value)];

    if (typeof value === 'string') list.push(...this.wrongStrings(schema, value));
    if (typeof value === 'number') list.push(...this.wrongNumbers(schema, value));
    if (Array.isArray(value)) list.push(...this.wrongArrays(schema, value, depth));
    else if (typeof value === 'object' && value !== null) list.push(...this.wrongObjects(schema, value, depth));
    for (const part of this.inPlace(schema)) list.push(...this.broken(part, value, depth + 1));
    return list;
  }

  inPlace(schema: Schema): Schema[] {
    const branches = [schema.allOf, schema.anyOf, schema.oneOf, Object.values(schema.dependentSchemas ?? {})];

    return [...branches.flatMap((list) => list ?? []), schema.if, schema.then, schema.else, schema.not]
      .filter((part) => typeof part === 'object');
  }

  wrongTypes(schema: Schema, value: Json): Json[] {
    return schema.type === undefined && this.random(3) > 0 ? []
      : [null, true, 7, 1.5, 'x', [], {}].filter((one) => typeof one !== typeof value || this.random(4) === 0);
  }

  wrongValues(schema: Schema, value: Json): Json[] {
    const listed: Json[] = schema.enum ?? (schema.const === undefined ? [] : [schema.const]);

    return listed.length === 0 ? []
      : [...listed.slice(0, 4), ...listed.slice(0, 2).map((one) => (typeof one === 'string' ? one.toUpperCase() + 'x' : 12345)), 'other', '', 0, value];
  }

  wrongStrings(schema: Schema, value: string): string[] {
    const list: string[] = [];

    for (const [bound, ends] of [['minLength', [-1, 0, 1]], ['maxLength', [-1, 0, 1]]] as const) {
      if (schema[bound] === undefined) continue;
      for (const end of ends) {
        if (schema[bound] + end < 0) continue;
        list.push(padded(value, schema[bound] + end), padded('\u{1f600}', schema[bound] + end), padded('e\u0301', schema[bound] + end));
      }
    }
    if (this.random(3) === 0) list.push('\0' + value.slice(1), value.slice(0, -1) + '\0');
    if (schema.pattern !== undefined) list.push(value + '\n', value + '!', ' ' + value, value.toUpperCase(), value.slice(1), '', '\u{1f600}', matching(schema.pattern, this.random));
    if (schema.format !== undefined) {
      list.push(...[...(badFormats[schema.format] ?? []), ...(goodFormats[schema.format] ?? [])].filter(() => this.random(3) === 0), value + 'x', value.slice(0, -1), value + '\n');
    }
    return list;
  }

  wrongNumbers(schema: Schema, value: number): number[] {
    const list: number[] = schema.type === 'integer' ? [value + 0.5, 1e300, -1e300] : [value + 0.001];

    for (const bound of ['minimum', 'exclusiveMinimum', 'maximum', 'exclusiveMaximum']) {
      const n = schema[bound];

      if (n !== undefined) list.push(n, n + 1, n - 1, n + 0.01, n - 0.01);
    }
    if (schema.multipleOf !== undefined) list.push(value + schema.multipleOf / 2, schema.multipleOf * 7, Number((schema.multipleOf * 3).toPrecision(12)), 0, -schema.multipleOf);
    return list;
  }

  wrongArrays(schema: Schema, value: Json[], depth: number): Json[] {
    const list: Json[] = [];
    const item = schema.items ?? schema.contains ?? true;
    const grown = (count: number): Json[] => {
      const out = value.slice(0, count);

      for (let tries = 0; out.length < count && tries < 3 * count + 9; tries++) {
        const one = this.value(item === false ? true : item, depth + 1);

        if (!schema.uniqueItems || tries > 2 * count || !out.some((other) => JSON.stringify(other) === JSON.stringify(one))) out.push(one);
      }
      return out;
    };

    for (const bound of [schema.minItems, schema.maxItems, schema.minContains, schema.maxContains, schema.prefixItems?.length]) {
      if (bound !== undefined && bound < 1200) for (const n of [bound - 1, bound, bound + 1]) if (n >= 0) list.push(grown(n));
    }
    if (value.length > 0) list.push([...value, value[0] as Json], [...value].reverse(), []);
    if (value.length > 0 && schema.contains !== undefined) list.push(value.map(() => 'other'), [value[0] as Json, ...value.map(() => 1)]);
    for (const i of value.keys()) {
      if (i > 2 && i < value.length - 1) continue;
      const sub = schema.prefixItems?.[i] ?? (schema.items ?? schema.contains);

      for (const other of this.broken(sub ?? true, value[i] as Json, depth + 1)) list.push(value.map((one, j) => (j === i ? other : one)));
    }
    return list;
  }

  wrongObjects(schema: Schema, value: { [name: string]: Json }, depth: number): Json[] {
    const list: Json[] = Object.keys(value).map((name) => without(value, name));
    const extra = ['unknown', '', 'a/b~c', '__proto__', 'constructor', 'n'.repeat(130), '\u00e9'.repeat(70)];

    for (const name of extra.slice(0, 2 + this.random(6))) list.push(withMember(value, name, this.pick([1, 'x', null])));
    if (schema.propertyNames !== undefined) {
      for (const name of this.wrongStrings(this.resolve(schema.propertyNames), 'name')) {
        if (!/^\d+$/.test(name) && name.length <= 64) list.push(withMember(value, name, this.value(schema.additionalProperties ?? true, depth + 1)));
      }
    }
    for (const pattern of Object.keys(schema.patternProperties ?? {})) list.push(withMember(value, matching(pattern, this.random), this.pick([1, 'x', null])));
    if (schema.maxProperties !== undefined && schema.maxProperties < 100) {
      for (const count of [schema.maxProperties, schema.maxProperties + 1]) list.push(this.filled(schema, value, count, depth));
    }
    for (const name of Object.keys(schema.dependentRequired ?? {})) list.push(withMember(value, name, this.value(schema.properties?.[name] ?? true, depth + 1)));
    for (const sub of this.inPlace(schema)) if (this.random(2) === 0) list.push(merged(value, this.value(sub, depth + 1)));
    for (const name of Object.keys(value)) {
      const sub = schema.properties?.[name] ?? Object.entries(schema.patternProperties ?? {}).find(([p]) => new RegExp(p, 'u').test(name))?.[1] ?? schema.additionalProperties;

      for (const other of this.broken(sub ?? true, value[name] as Json, depth + 1)) list.push(withMember(value, name, other));
    }
    return list;
  }

  filled(schema: Schema, value: { [name: string]: Json }, count: number, depth: number): Json {
    let out = value;

    for (let i = 0; Object.keys(out).length < count && i < 2 * count; i++) {
      out = withMember(out, `m${i}`, this.value(schema.additionalProperties ?? true, depth + 1));
    }
    return out;
  }
}

/* ---- values, their members in order, "__proto__" like any other ---- */

function withMember(value: { [name: string]: Json }, name: string, member: Json): { [name: string]: Json } {
  const out = { ...value };

  Object.defineProperty(out, name, { value: member, enumerable: true, configurable: true, writable: true });
  return out;
}

function without(value: { [name: string]: Json }, name: string): Json {
  const out = { ...value };

  delete out[name];
  return out;
}

function isObject(value: Json): value is { [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a later schema says counts, but for members that both have. */
function merged(a: Json, b: Json): Json {
  if (!isObject(a) || !isObject(b)) return isObject(b) && Object.keys(b).length === 0 ? a : b;
  let out = a;

  for (const [name, value] of Object.entries(b)) {
    const before = out[name];

    out = withMember(out, name, Object.hasOwn(out, name) && isObject(before as Json) ? merged(before as Json, value) : value);
  }
  return out;
}

/** So many code points of the text, again and again. */
export function padded(text: string, count: number): string {
  const characters = [...(text === '' ? 'x' : text)];

  return Array.from({ length: count }, (_, i) => characters[i % characters.length]).join('');
}

/** JSON text; integers are at times written with a fraction or an exponent. */
export function textOf(value: Json, random: Random): string {
  if (typeof value === 'number' && Number.isSafeInteger(value) && random(12) === 0) {
    return value % 10 === 0 && value !== 0 ? `${value / 10}e1` : `${Object.is(value, -0) ? '-0' : value}.0`;
  }
  if (Array.isArray(value)) return `[${value.map((item) => textOf(item, random)).join()}]`;
  if (!isObject(value)) return JSON.stringify(value);
  return `{${Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${textOf(member, random)}`).join()}}`;
}
