// SPDX-License-Identifier: MIT
//
// What a list is asked for, typed by what the contract allows, and its words
// on the wire: PostgREST's grammar. A value in brackets ends at a comma or a
// bracket, so one that holds such is quoted; a bare one goes as it stands.

/** The words that a filter may have. */
export type Operator = 'eq' | 'neq' | 'gt' | 'gte' | 'lt' | 'lte' | 'like'
  | 'ilike' | 'in' | 'is';

/** What each operator compares a field of the type V with. */
interface Operands<V> {
  eq: V;
  neq: V;
  gt: V;
  gte: V;
  lt: V;
  lte: V;
  /** A pattern; `*` stands for any text. */
  like: string;
  ilike: string;
  /** One value at least. */
  in: readonly V[];
  is: null | 'not_null' | Extract<V, boolean>;
}

type Comparison<V, O extends Operator> = { [K in O]?: Operands<V>[K] };

/** Conditions on one field, which must all hold. */
export type Filter<V, O extends Operator> =
  Comparison<V, O> & { not?: Comparison<V, O> };

export type TextFilter<V = string> = Filter<V, Operator>;
export type NumberFilter<V = number> =
  Filter<V, Exclude<Operator, 'like' | 'ilike'>>;
export type FlagFilter<V = boolean> = Filter<V, 'eq' | 'neq' | 'in' | 'is'>;

/**
 * Conditions that must all hold; F is a field's name -> its filter. `or` wants
 * one of its conditions to hold, `and` all of them, `not` that not all hold.
 */
export type Condition<F> = { [K in keyof F]?: F[K] | undefined } & Groups<F>;

export interface Groups<F> {
  or?: readonly Condition<F>[] | undefined;
  and?: readonly Condition<F>[] | undefined;
  not?: Condition<F> | undefined;
}

/** What may be filtered by. */
export interface Filtered<F> extends Groups<F> {
  where?: Condition<F> | undefined;
}

/** A field to sort by; with `-`, from the last to the first. */
export type Order<S extends string> = S | `-${S}`;

export interface Sorted<S extends string> {
  order?: Order<S> | readonly Order<S>[] | undefined;
}

export interface Paged {
  /** Rows of a page, at most. */
  limit?: number | undefined;
  /** The cursor of the page before: its `meta.page.next`. */
  after?: string | null | undefined;
}

export interface Searched {
  /** Words to find, as a search engine takes them. */
  search?: string | undefined;
}

export interface Counted {
  /** Tells `meta.page.total`. */
  count?: 'exact' | 'estimated' | undefined;
}

/** Related rows that may be told beside a row: one (or null), or many. */
export interface One<Row, Related = {}> {
  row: Row;
  related: Related;
  told: 'one';
}
export interface Many<Row, Related = {}> {
  row: Row;
  related: Related;
  told: 'many';
}
interface Relation {
  row: unknown;
  related: unknown;
  told: 'one' | 'many';
}

/**
 * What is told of a row: names of its members, '*' for all of them, and of
 * related rows the same: `['id', { owner: ['id', 'display_name'] }]`.
 */
export type Select<Row, Related> = readonly (
  | '*'
  | (keyof Row & string)
  | SelectBeside<Related>
)[];

/** Without relations it is never, since any text would be a `{}`. */
type SelectBeside<Related> = [keyof Related] extends [never] ? never : {
  readonly [K in keyof Related]?: Related[K] extends Relation
    ? Select<Related[K]['row'], Related[K]['related']> : never;
};

/** All members, and no related rows. */
export type All = readonly ['*'];

export interface Selecting<Row, Related, S extends Select<Row, Related>> {
  select?: S | undefined;
}

type Flat<T> = { [K in keyof T]: T[K] };
type Both<U> = (U extends unknown ? (u: U) => void : never) extends
  (u: infer I) => void ? I : never;

type Columns<Row, I> = '*' extends I ? Row : Pick<Row, Extract<I, keyof Row>>;

type Beside<Related, I> = Both<{} | (I extends string ? never : {
  [K in keyof I & keyof Related]: Related[K] extends Relation
    ? I[K] extends Select<Related[K]['row'], Related[K]['related']>
      ? Related[K]['told'] extends 'one'
        ? Selected<Related[K]['row'], Related[K]['related'], I[K]> | null
        : Selected<Related[K]['row'], Related[K]['related'], I[K]>[]
      : never
    : never;
})>;

/**
 * The row that a select leaves. Of one whose length only the run knows, any
 * member may be absent.
 */
export type Selected<Row, Related, S extends Select<Row, Related>> =
  S extends All ? Row
  : number extends S['length']
    ? Partial<Flat<Columns<Row, S[number]> & Beside<Related, S[number]>>>
    : Flat<Columns<Row, S[number]> & Beside<Related, S[number]>>;

/** Parameters of a query in the order in which they are written. */
export type Parameters = [name: string, value: string][];

/** Thrown where an input cannot be written; call() makes a failure of it. */
export class Unwritable {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

type Members = Record<string, unknown>;

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A scalar as the path and the query have it. */
export function scalarText(value: unknown, where: string): string {
  if (typeof value === 'string' || typeof value === 'boolean'
    || typeof value === 'bigint' || Number.isFinite(value))
    return String(value);
  throw new Unwritable(`${where} must be a string, a number or a boolean.`);
}

/** A value in brackets; quoted where it would end too early, or be nothing. */
function quoted(text: string): string {
  if (text !== '' && !/[,()"\\]/.test(text))
    return text;
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function inText(values: unknown, field: string): string {
  if (!Array.isArray(values) || values.length === 0)
    throw new Unwritable(`${field}: in takes one value at least.`);
  return `(${values.map((v) => quoted(scalarText(v, field))).join(',')})`;
}

/** "eq.draft"; `inside` brackets a value is quoted where it must be. */
function comparisonText(
  field: string, operator: string, operand: unknown, inside: boolean,
): string {
  if (operator === 'in')
    return `in.${inText(operand, field)}`;
  if (operator === 'is' && operand === null)
    return 'is.null';
  const text = scalarText(operand, `${field}: ${operator}`);
  return `${operator}.${inside ? quoted(text) : text}`;
}

/** The members that are there: undefined is not said. */
function said(value: unknown, where: string): [string, unknown][] {
  if (!isObject(value))
    throw new Unwritable(`${where} must be an object.`);
  return Object.entries(value).filter(([, v]) => v !== undefined);
}

/** A condition of its own: a parameter at the top, a part within brackets. */
interface Part {
  /** "status", or "or", "and", "not.and" with brackets behind. */
  name: string;
  text: string;
  isGroup: boolean;
}

function partText(part: Part): string {
  return part.isGroup ? part.name + part.text : `${part.name}.${part.text}`;
}

function group(name: string, parts: Part[]): Part {
  if (parts.length === 0)
    throw new Unwritable(`${name} wants one condition at least.`);
  return { name, text: `(${parts.map(partText).join(',')})`, isGroup: true };
}

/** Not all of them: one is negated itself, several are in brackets. */
function negated(field: string, comparisons: unknown, inside: boolean): Part[] {
  const all = said(comparisons, `${field}: not`);
  const [only, ...more] = all;
  if (only === undefined)
    return [];
  if (more.length === 0)
    return [{
      name: field,
      text: `not.${comparisonText(field, only[0], only[1], inside)}`,
      isGroup: false,
    }];
  return [group('not.and', all.map(([operator, operand]) => ({
    name: field,
    text: comparisonText(field, operator, operand, true),
    isGroup: false,
  })))];
}

function fieldParts(field: string, filter: unknown, inside: boolean): Part[] {
  return said(filter, field).flatMap(([operator, operand]) =>
    operator === 'not' ? negated(field, operand, inside) : [{
      name: field,
      text: comparisonText(field, operator, operand, inside),
      isGroup: false,
    }]);
}

/** One of a group's conditions: what is several is an `and` of its own. */
function memberPart(condition: unknown): Part {
  const parts = conditionParts(condition, true);
  const [only, ...more] = parts;
  return only !== undefined && more.length === 0 ? only : group('and', parts);
}

function listed(name: string, conditions: unknown): unknown[] {
  if (!Array.isArray(conditions))
    throw new Unwritable(`${name} must be an array of conditions.`);
  return conditions;
}

/** The members of a condition that are no fields. */
const groupWriters: Record<string, (value: unknown) => Part[]> = {
  or: (value) => [group('or', listed('or', value).map(memberPart))],
  // All of none hold, so an empty `and` says nothing; an empty `or` would
  // hold for no row, and is refused rather than passed over.
  and: (value) => listed('and', value).length === 0 ? []
    : [group('and', listed('and', value).map(memberPart))],
  not: (value) => [group('not.and', conditionParts(value, true))],
};

function groupWriter(name: string) {
  return Object.hasOwn(groupWriters, name) ? groupWriters[name] : undefined;
}

function conditionParts(condition: unknown, inside: boolean): Part[] {
  return said(condition, 'A condition').flatMap(([name, value]) =>
    groupWriter(name)?.(value) ?? fieldParts(name, value, inside));
}

function conditions(value: unknown): Parameters {
  return conditionParts(value, false).map(({ name, text }) => [name, text]);
}

function orderText(order: unknown): string {
  const names = Array.isArray(order) ? order : [order];
  return names.map((name) => {
    const text = scalarText(name, 'order');
    return text.startsWith('-') ? `${text.slice(1)}.desc` : text;
  }).join(',');
}

function selectText(items: unknown): string {
  if (!Array.isArray(items) || items.length === 0)
    throw new Unwritable('select wants one member at least.');
  return items.flatMap((item) => typeof item === 'string' ? [item]
    : said(item, 'select').map(([name, inner]) =>
      `${name}(${selectText(inner)})`)).join(',');
}

/** The members of a list's query; those with null are no parameters. */
const writers: Record<string, ((value: unknown) => Parameters) | null> = {
  where: conditions,
  or: (value) => conditions({ or: value }),
  and: (value) => conditions({ and: value }),
  not: (value) => conditions({ not: value }),
  search: (value) => [['search', scalarText(value, 'search')]],
  order: (value) => [value].flat().length === 0 ? []
    : [['order', orderText(value)]],
  limit: (value) => [['limit', scalarText(value, 'limit')]],
  after: (value) => value === null ? []
    : [['after', scalarText(value, 'after')]],
  select: selectParameters,
  count: null, // a header field
};

export function selectParameters(value: unknown): Parameters {
  return value === undefined ? [] : [['select', selectText(value)]];
}

export function listParameters(query: unknown): Parameters {
  return said(query, 'A query').flatMap(([name, value]) => {
    const write = Object.hasOwn(writers, name) ? writers[name] : undefined;
    if (write === undefined)
      throw new Unwritable(`A list takes no ${name}.`);
    return write === null ? [] : write(value);
  });
}
