// SPDX-License-Identifier: MIT
/* The components of a contract, as the published documents have them. */
import type { Schema } from './documents.ts';

export interface Component {
  readonly name: string;
  readonly value: string;
  readonly schema: Schema;
}

const annotations = new Set(['title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly',
  'contentEncoding', 'contentMediaType', 'contentSchema', '$comment', 'discriminator']);
const lists = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);
const maps = new Set(['properties', 'patternProperties', 'dependentSchemas']);
const ones = new Set(['items', 'contains', 'additionalProperties', 'propertyNames', 'unevaluatedItems',
  'unevaluatedProperties', 'not', 'if', 'then', 'else']);

/** An object without a prototype, so that "__proto__" is a name like others. */
function record(pairs: readonly (readonly [string, unknown])[]): object {
  const out = {};

  for (const [name, value] of pairs) Object.defineProperty(out, name, { value, enumerable: true, configurable: true, writable: true });
  return out;
}

/** The data of a validator as JSON Schema again. */
function jsonOf(data: any, nameOf: (schema: unknown) => string): Schema {
  if (typeof data !== 'object') return data;
  const to = (sub: unknown): Schema => jsonOf(sub, nameOf);

  return record(Object.entries<any>(data).map(([name, value]) => {
    if (name === '$ref') return [name, `#/components/schemas/${nameOf(value())}`];
    if (name === 'format') return [name, value.name];
    if (name === 'dependentRequired') return [name, record(value)];
    if (lists.has(name)) return [name, value.map(to)];
    if (maps.has(name)) return [name, record(value.map(([key, sub]: [string, unknown]) => [key, to(sub)]))];
    return [name, ones.has(name) ? to(value) : value];
  }));
}

/** A published schema without what is not judged. */
function judgedOf(schema: any): Schema {
  if (typeof schema !== 'object' || schema === null) return schema;
  return record(Object.entries<any>(schema).filter(([name]) => !annotations.has(name) && !name.startsWith('x-')).map(([name, value]) => {
    if (lists.has(name)) return [name, value.map(judgedOf)];
    if (maps.has(name)) return [name, record(Object.entries(value).map(([key, sub]) => [key, judgedOf(sub)]))];
    return [name, ones.has(name) ? judgedOf(value) : value];
  }));
}

function sorted(value: any): any {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return record(Object.keys(value).sort().map((name) => [name, sorted(value[name])]));
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

/** Every validator's schema is the published one of its name. */
export function componentsOf(validators: Record<string, any>, published: Record<string, Schema>): Map<string, Component> {
  const values = Object.keys(validators).filter((value) => validators[value]?.schema !== undefined);
  const names = new Map(values.map((value) => [validators[value].schema, nameOf(value)]));
  const components = new Map<string, Component>();

  for (const value of values) {
    const name = nameOf(value);
    /* What calls take as parameters is published as such. */
    const isParameters = published[name] === undefined && name.endsWith('Query');
    const schema = isParameters ? jsonOf(validators[value].schema, () => '?') : judgedOf(published[name]);
    const made = jsonOf(validators[value].schema, (one) => names.get(one) ?? '?');
    if (schema === undefined) throw new Error(`${name} is not published`);
    if (!same(made, schema)) throw new Error(`${name} is not as published: ${JSON.stringify(made)} ${JSON.stringify(schema)}`);
    components.set(name, { name, value, schema });
  }
  return components;
}

export function nameOf(value: string): string {
  return value.charAt(0).toUpperCase() + value.slice(1).replace(/_$/, '');
}

/** A schema alone, with all that it may refer to below $defs. */
export function plainOf(schema: Schema, root: Schema): Schema {
  const text = JSON.stringify({ ...schema, $defs: root.components.schemas });

  return JSON.parse(text.replaceAll('"#/components/schemas/', '"#/$defs/'));
}
