// SPDX-License-Identifier: MIT
/*
 * The rules that a value can break, and how an issue is told.  The rows are
 * those of the server's table; {name} in a sentence stands for the parameter of
 * that name, {name:thing} is "1 thing" or "2 things".  A value is never told,
 * only what the contract says of it.
 */
import type { JudgeCode, JudgeIssue } from './schema.ts';

const nameBytes = 128;
const messageBytes = 300;
const paramBytes = 8192;

type Row = readonly [code: JudgeCode, keyword: string, sentence: string];

const rules = {
  type: ['invalid_type', 'type', 'must be {expected}'],
  required: ['invalid_type', 'required', 'is required'],
  enum: ['invalid_value', 'enum', 'must be one of {values}'],
  const: ['invalid_value', 'const', 'must be {values}'],
  minLength: ['too_small', 'minLength', 'must have at least {minimum:character}'],
  maxLength: ['too_big', 'maxLength', 'must have at most {maximum:character}'],
  minimum: ['too_small', 'minimum', 'must be at least {minimum}'],
  maximum: ['too_big', 'maximum', 'must be at most {maximum}'],
  exclusiveMinimum: ['too_small', 'exclusiveMinimum', 'must be greater than {minimum}'],
  exclusiveMaximum: ['too_big', 'exclusiveMaximum', 'must be less than {maximum}'],
  multipleOf: ['not_multiple_of', 'multipleOf', 'must be a multiple of {divisor}'],
  minItems: ['too_small', 'minItems', 'must have at least {minimum:item}'],
  maxItems: ['too_big', 'maxItems', 'must have at most {maximum:item}'],
  uniqueItems: ['custom', 'uniqueItems', 'must not repeat an item'],
  minProperties: ['too_small', 'minProperties', 'must have at least {minimum:member}'],
  maxProperties: ['too_big', 'maxProperties', 'must have at most {maximum:member}'],
  propertyNames: ['invalid_key', 'propertyNames', 'has a member name that is not allowed'],
  additionalProperties: ['unrecognized_keys', 'additionalProperties', 'has members that are not allowed: {keys}'],
  unevaluatedProperties: ['unrecognized_keys', 'unevaluatedProperties', 'has members that are not allowed: {keys}'],
  contains: ['custom', 'contains', 'must have an item of the kind that is asked for'],
  minContains: ['too_small', 'minContains', 'must have at least {minimum:item} of the kind that is asked for'],
  maxContains: ['too_big', 'maxContains', 'must have at most {maximum:item} of the kind that is asked for'],
  pattern: ['invalid_format', 'pattern', 'must match the pattern {pattern}'],
  format: ['invalid_format', 'format', 'must be a valid {format}'],
  anyOf: ['invalid_union', 'anyOf', 'must match one of the alternatives'],
  oneOf: ['invalid_union', 'oneOf', 'must match exactly one of the alternatives'],
  not: ['custom', 'not', 'is not allowed'],
  dependentRequired: ['invalid_type', 'dependentRequired', 'is required with {with}'],
  false: ['custom', 'false', 'is not allowed'],
  complexity: ['custom', 'complexity', 'takes too long to judge'],
  syntax: ['invalid_format', 'syntax', 'must be {expected}'],
} as const satisfies Record<string, Row>;

export type Rule = keyof typeof rules;
export type Params = Readonly<Record<string, unknown>>;

/** Where in a value: the innermost member or item first; null is the value. */
export interface Place {
  readonly up: Place | null;
  readonly key: string | number;
  readonly depth: number;
}

export function placeBelow(up: Place | null, key: string | number): Place {
  return { up, key, depth: (up?.depth ?? 0) + 1 };
}

function bytesOf(codePoint: number): number {
  return codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
}

/** A name, cut before the character that would make it too long. */
export function cutName(name: string): string {
  let bytes = 0;
  let end = 0;

  if (name.length * 3 <= nameBytes) return name;
  for (const character of name) {
    bytes += bytesOf(character.codePointAt(0) ?? 0);
    if (bytes > nameBytes) return name.slice(0, end);
    end += character.length;
  }
  return name;
}

function pathOf(place: Place | null): (string | number)[] {
  const path: (string | number)[] = [];

  for (let at = place; at !== null; at = at.up) {
    path.push(typeof at.key === 'string' ? cutName(at.key) : at.key);
  }
  return path.reverse();
}

function pointerOf(path: readonly (string | number)[]): string {
  return path.map((key) => '/' + String(key).replace(/~/g, '~0').replace(/\//g, '~1')).join('');
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function slot(params: Params, name: string, thing: string | undefined): string {
  const value = params[name];
  const text = Array.isArray(value) ? value.map(plain).join(', ') : plain(value);

  return thing === undefined ? text : `${text} ${thing}${text === '1' ? '' : 's'}`;
}

/** What a character takes in JSON. */
function jsonBytes(character: string): number {
  const codePoint = character.codePointAt(0) ?? 0;

  return codePoint < 0x20 || character === '"' || character === '\\'
    ? JSON.stringify(character).length - 2
    : bytesOf(codePoint);
}

function capped(message: string): string {
  let bytes = 0;
  let end = 0;
  let keep = 0;

  if (message.length * 6 <= messageBytes) return message;
  for (const character of message) {
    bytes += jsonBytes(character);
    end += character.length;
    if (bytes <= messageBytes - 3) keep = end;
    if (bytes > messageBytes) return message.slice(0, keep) + '...';
  }
  return message;
}

function utf8Length(text: string): number {
  let bytes = 0;

  for (const character of text) bytes += bytesOf(character.codePointAt(0) ?? 0);
  return bytes;
}

function isTold(value: unknown): boolean {
  const text = JSON.stringify(value);

  return text.length * 3 <= paramBytes || utf8Length(text) <= paramBytes;
}

function toldParams(params: Params): Params {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => isTold(value)));
}

export function issueOf(place: Place | null, rule: Rule, params: Params | null): JudgeIssue {
  const [code, keyword, sentence] = rules[rule];
  const path = pathOf(place);
  const message = capped(sentence.replace(/\{(\w+)(?::(\w+))?\}/g,
    (_, name: string, thing: string | undefined) => slot(params ?? {}, name, thing)));
  const issue = { path, pointer: pointerOf(path), code, keyword, message };

  return params === null ? issue : { ...issue, params: toldParams(params) };
}
