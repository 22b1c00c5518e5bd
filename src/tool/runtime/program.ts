// SPDX-License-Identifier: MIT
/*
 * A schema as the judge runs it: made when it is first needed, and kept as long
 * as the schema.  Here is what only the schema decides: names and their
 * numbers, which member tells the branches of a union apart, and which
 * unevaluated... keywords come to what additionalProperties and items are.
 *
 * Only in-place applicators are followed, which the contract does not let go
 * round in circles.
 */
import type { Format, Keywords, Pairs, Schema, TypeName } from './schema.ts';
import type { Params, Rule } from './rules.ts';

/** Types as bits; 0 is any. */
export const bits: Readonly<Record<TypeName, number>> = {
  null: 1,
  boolean: 2,
  integer: 4,
  number: 8,
  string: 16,
  array: 32,
  object: 64,
};

export interface Span {
  readonly least: number;
  readonly most: number;
  readonly leastRule: Rule;
  readonly mostRule: Rule;
  readonly origin: string;
}

export interface Bound {
  readonly rule: Rule;
  readonly holds: (value: number) => boolean;
  readonly params: Params;
}

export interface StringRules {
  readonly length: Span;
  readonly format: Format | null;
  readonly pattern: Pattern | null;
}

export interface Pattern {
  readonly source: string;
  readonly expression: RegExp;
}

export interface NumberRules {
  readonly bounds: readonly Bound[];
  readonly divisor: number | null;
}

export interface ArrayRules {
  length: Span;
  prefix: readonly Schema[];
  items: Schema | null;
  contains: Schema | null;
  matches: Span;
  unique: boolean;
}

/** A name that nothing but `required` knows has no schema. */
export interface ObjectRules {
  names: Map<string, Schema | null>;
  required: readonly string[];
  patterns: readonly (readonly [RegExp, Schema])[];
  closedBy: Rule | null;
  additional: Schema | null;
  nameSchema: Schema | null;
  dependencies: Pairs<readonly string[]>;
  size: Span;
}

export interface Discriminator {
  readonly member: string;
  readonly branches: ReadonlyMap<string, Schema>;
}

export interface Union {
  readonly kind: 'anyOf' | 'oneOf';
  readonly schemas: readonly Schema[];
  readonly discriminator: Discriminator | null;
}

export interface Program {
  readonly never: boolean;
  readonly types: number;
  readonly expected: string;
  readonly enumeration: readonly unknown[] | null;
  readonly constant: readonly unknown[] | null;
  readonly string: StringRules | null;
  readonly number: NumberRules | null;
  array: ArrayRules | null;
  object: ObjectRules | null;
  readonly all: readonly Schema[];
  unions: readonly Union[];
  readonly condition: readonly [Schema, Schema | null, Schema | null] | null;
  readonly not: Schema | null;
  readonly dependents: Pairs<Schema>;
  unevaluatedMembers: Schema | null;
  unevaluatedItems: Schema | null;
}

const programs = /*#__PURE__*/ new WeakMap<Keywords, Program>();
const always: Program = /*#__PURE__*/ programNew({}, false);
const never: Program = /*#__PURE__*/ programNew({}, true);

export function programOf(schema: Schema): Program {
  if (typeof schema === 'boolean') return schema ? always : never;
  const known = programs.get(schema);

  if (known !== undefined) return known;
  const program = programNew(schema, false);

  programs.set(schema, program);
  program.unions = unionsOf(schema);
  settleMembers(program);
  settleItems(program);
  return program;
}

function spanOf(least: number | undefined, most: number | undefined, rules: readonly [Rule, Rule], origin: string): Span {
  return { least: least ?? 0, most: most ?? Infinity, leastRule: rules[0], mostRule: rules[1], origin };
}

export function patternOf(source: string): Pattern {
  return { source, expression: new RegExp(source, 'u') };
}

function stringRules(k: Keywords): StringRules | null {
  if (k.minLength === undefined && k.maxLength === undefined && k.pattern === undefined && k.format === undefined) {
    return null;
  }
  return {
    length: spanOf(k.minLength, k.maxLength, ['minLength', 'maxLength'], 'string'),
    format: k.format ?? null,
    pattern: k.pattern === undefined ? null : patternOf(k.pattern),
  };
}

function limitParams(name: string, limit: number, inclusive: boolean, origin: string): Params {
  return { [name]: limit, inclusive, origin };
}

export function spanParams(span: Span, least: boolean): Params {
  return least
    ? limitParams('minimum', span.least, true, span.origin)
    : limitParams('maximum', span.most, true, span.origin);
}

function boundsOf(k: Keywords): Bound[] {
  const { minimum, exclusiveMinimum, maximum, exclusiveMaximum } = k;
  const bounds: Bound[] = [];
  const add = (rule: Rule, name: string, limit: number, inclusive: boolean, holds: Bound['holds']): void => {
    bounds.push({ rule, holds, params: limitParams(name, limit, inclusive, 'number') });
  };

  if (minimum !== undefined) add('minimum', 'minimum', minimum, true, (n) => n >= minimum);
  if (exclusiveMinimum !== undefined) {
    add('exclusiveMinimum', 'minimum', exclusiveMinimum, false, (n) => n > exclusiveMinimum);
  }
  if (maximum !== undefined) add('maximum', 'maximum', maximum, true, (n) => n <= maximum);
  if (exclusiveMaximum !== undefined) {
    add('exclusiveMaximum', 'maximum', exclusiveMaximum, false, (n) => n < exclusiveMaximum);
  }
  return bounds;
}

function numberRules(k: Keywords): NumberRules | null {
  const bounds = boundsOf(k);

  return bounds.length === 0 && k.multipleOf === undefined ? null : { bounds, divisor: k.multipleOf ?? null };
}

function matchesOf(k: Keywords): Span {
  const span = spanOf(k.minContains, k.maxContains, ['minContains', 'maxContains'], 'array');

  return k.minContains === undefined ? { ...span, least: 1, leastRule: 'contains' } : span;
}

function arrayRules(k: Keywords): ArrayRules | null {
  if (k.items === undefined && k.prefixItems === undefined && k.contains === undefined &&
    k.minItems === undefined && k.maxItems === undefined && k.uniqueItems === undefined) {
    return null;
  }
  return {
    length: spanOf(k.minItems, k.maxItems, ['minItems', 'maxItems'], 'array'),
    prefix: k.prefixItems ?? [],
    items: k.items ?? null,
    contains: k.contains ?? null,
    matches: matchesOf(k),
    unique: k.uniqueItems === true,
  };
}

/** Properties first, in their order, then names that others bring. */
function namesOf(k: Keywords): Map<string, Schema | null> {
  const names = new Map<string, Schema | null>(k.properties);
  const add = (name: string): void => {
    if (!names.has(name)) names.set(name, null);
  };

  for (const name of k.required ?? []) add(name);
  for (const [name, list] of k.dependentRequired ?? []) [name, ...list].forEach(add);
  return names;
}

function objectRules(k: Keywords): ObjectRules | null {
  const names = namesOf(k);
  const needed = new Set(k.required);

  if (names.size === 0 && k.properties === undefined && k.patternProperties === undefined &&
    k.additionalProperties === undefined && k.propertyNames === undefined &&
    k.minProperties === undefined && k.maxProperties === undefined) {
    return null;
  }
  return {
    names,
    required: [...names.keys()].filter((name) => needed.has(name)),
    patterns: (k.patternProperties ?? []).map(([source, schema]) => [patternOf(source).expression, schema] as const),
    closedBy: k.additionalProperties === false ? 'additionalProperties' : null,
    additional: k.additionalProperties === false ? null : k.additionalProperties ?? null,
    nameSchema: k.propertyNames ?? null,
    dependencies: k.dependentRequired ?? [],
    size: spanOf(k.minProperties, k.maxProperties, ['minProperties', 'maxProperties'], 'object'),
  };
}

function typeList(k: Keywords): readonly TypeName[] {
  if (k.type === undefined) return [];
  return typeof k.type === 'string' ? [k.type] : k.type;
}

function programNew(k: Keywords, isNever: boolean): Program {
  const types = typeList(k);

  return {
    never: isNever,
    types: types.reduce((all, name) => all | bits[name], 0),
    expected: types.join(' or '),
    enumeration: k.enum ?? null,
    constant: k.const === undefined ? null : [k.const],
    string: stringRules(k),
    number: numberRules(k),
    array: arrayRules(k),
    object: objectRules(k),
    all: k.$ref === undefined ? k.allOf ?? [] : [...(k.allOf ?? []), k.$ref()],
    unions: [],
    condition: k.if === undefined ? null : [k.if, k.then ?? null, k.else ?? null],
    not: k.not ?? null,
    dependents: k.dependentSchemas ?? [],
    unevaluatedMembers: k.unevaluatedProperties ?? null,
    unevaluatedItems: k.unevaluatedItems ?? null,
  };
}

/* ---- unions ---- */

function unionsOf(k: Keywords): Union[] {
  const unions: Union[] = [];

  for (const kind of ['anyOf', 'oneOf'] as const) {
    const schemas = k[kind];

    if (schemas !== undefined) unions.push({ kind, schemas, discriminator: discriminatorOf(schemas) });
  }
  return unions;
}

function typesOfValue(value: unknown): number {
  if (value === null) return bits.null;
  if (Array.isArray(value)) return bits.array;
  if (typeof value === 'number') return Number.isInteger(value) ? bits.integer : bits.number;
  return typeof value === 'boolean' ? bits.boolean : typeof value === 'string' ? bits.string : bits.object;
}

function bothTypes(a: number, b: number): number {
  const widened = (types: number): number => ((types & bits.number) === 0 ? types : types | bits.integer);
  const both = widened(a) & widened(b);

  if (a === 0 || b === 0) return a | b;
  return (both & bits.number) === 0 ? both : both & ~bits.integer;
}

/** The types that a value can have, by all that is known; 0 is any. */
function knownTypes(schema: Schema): number {
  const p = programOf(schema);
  let types = p.types;

  if (types === 0) {
    for (const value of p.enumeration ?? p.constant ?? []) types |= typesOfValue(value);
  }
  for (const sub of p.all) types = bothTypes(types, knownTypes(sub));
  for (const union of p.unions) {
    const of = union.schemas.filter((sub) => !programOf(sub).never).map(knownTypes);

    if (!of.includes(0)) types = bothTypes(types, of.reduce((all, one) => all | one, 0));
  }
  return types;
}

function requires(schema: Schema, name: string): boolean {
  const p = programOf(schema);

  return p.object?.required.includes(name) === true || p.all.some((sub) => requires(sub, name));
}

/** The values of an enum or const, when all of them are strings. */
function stringsOf(schema: Schema): readonly string[] | null {
  const p = programOf(schema);
  const choice = p.constant ?? p.enumeration;

  if (choice !== null) return choice.every((value) => typeof value === 'string') ? choice : null;
  return typeof schema === 'object' && schema.$ref !== undefined ? stringsOf(schema.$ref()) : null;
}

function memberStrings(schema: Schema, name: string): readonly string[] | null {
  const p = programOf(schema);
  const member = p.object?.names.get(name) ?? null;
  let found = member === null ? null : stringsOf(member);

  for (const sub of p.all) found ??= memberStrings(sub, name);
  return found;
}

/** The branches by the values of a member, when it tells all of them apart. */
function branchesBy(schemas: readonly Schema[], name: string): Map<string, Schema> | null {
  const branches = new Map<string, Schema>();

  for (const schema of schemas) {
    const strings = memberStrings(schema, name);

    if (knownTypes(schema) !== bits.object || !requires(schema, name) || strings === null) return null;
    for (const text of new Set(strings)) {
      if (branches.has(text)) return null;
      branches.set(text, schema);
    }
  }
  return branches.size === 0 ? null : branches;
}

function membersOf(schema: Schema): string[] {
  const p = programOf(schema);

  return [...(p.object?.names.keys() ?? []), ...p.all.flatMap(membersOf)];
}

function discriminatorOf(schemas: readonly Schema[]): Discriminator | null {
  if (schemas.length < 2) return null;
  for (const member of membersOf(schemas[0] ?? true)) {
    const branches = branchesBy(schemas, member);

    if (branches !== null) return { member, branches };
  }
  return null;
}

/* ---- what is evaluated in any case ---- */

interface Evaluated {
  all: boolean;
  open: boolean;
  readonly names: Set<string>;
  readonly patterns: RegExp[];
  items: number;
}

function contributes(schema: Schema, members: boolean): boolean {
  const p = programOf(schema);
  const o = p.object;
  const a = p.array;
  const own = members
    ? p.unevaluatedMembers !== null || (o !== null &&
      (o.closedBy !== null || o.additional !== null || o.patterns.length > 0 ||
        [...o.names.values()].some((sub) => sub !== null)))
    : p.unevaluatedItems !== null || (a !== null && (a.items !== null || a.contains !== null || a.prefix.length > 0));

  return own || appliedBy(p).some((sub) => contributes(sub, members));
}

/** All that is applied to the same value, but for what is under `not`. */
function appliedBy(p: Program): Schema[] {
  const branches = [...p.unions.flatMap((union) => union.schemas), ...(p.condition ?? [])];

  return [...p.all, ...branches.filter((sub) => sub !== null), ...p.dependents.map(([, sub]) => sub)];
}

function gatherOwn(e: Evaluated, p: Program, members: boolean): void {
  if (members && p.object !== null) {
    e.all ||= p.object.closedBy !== null || p.object.additional !== null;
    for (const [name, schema] of p.object.names) if (schema !== null) e.names.add(name);
    e.patterns.push(...p.object.patterns.map(([expression]) => expression));
  }
  if (!members && p.array !== null) {
    e.all ||= p.array.items !== null;
    e.open ||= p.array.contains !== null;
    e.items = Math.max(e.items, p.array.prefix.length);
  }
}

function gather(e: Evaluated, p: Program, members: boolean): void {
  const rest = appliedBy(p).slice(p.all.length);

  gatherOwn(e, p, members);
  for (const schema of p.all) {
    const sub = programOf(schema);

    if ((members ? sub.unevaluatedMembers : sub.unevaluatedItems) !== null) e.all = true;
    else gather(e, sub, members);
  }
  e.open ||= rest.some((sub) => contributes(sub, members));
}

function gathered(p: Program, members: boolean): Evaluated {
  const e: Evaluated = { all: false, open: false, names: new Set(), patterns: [], items: 0 };

  gather(e, p, members);
  return e;
}

function settleMembers(p: Program): void {
  const sub = p.unevaluatedMembers;

  if (sub === null) return;
  const e = gathered(p, true);
  const o = p.object ?? objectRules({ properties: [] });

  if (e.all || !e.open) p.unevaluatedMembers = null;
  if (e.all || e.open || o === null) return;
  const names = new Map(o.names);

  for (const name of e.names) names.set(name, o.names.get(name) ?? true);
  p.object = {
    ...o,
    names,
    patterns: [...o.patterns, ...e.patterns.slice(o.patterns.length).map((one) => [one, true] as const)],
    closedBy: programOf(sub).never ? 'unevaluatedProperties' : null,
    additional: programOf(sub).never ? null : sub,
  };
}

function settleItems(p: Program): void {
  const sub = p.unevaluatedItems;

  if (sub === null) return;
  const e = gathered(p, false);
  const a = p.array ?? arrayRules({ minItems: 0 });

  if (e.all || !e.open) p.unevaluatedItems = null;
  if (e.all || e.open || a === null) return;
  p.array = { ...a, prefix: Array.from({ length: e.items }, (_, i) => a.prefix[i] ?? true), items: sub };
}
