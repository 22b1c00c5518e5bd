// SPDX-License-Identifier: MIT
/*
 * Judges values by schemas, as the server does: the same verdict, the same
 * issues in the same order.  One walk serves three modes: `flag` stops at the
 * first broken rule, `count` weighs a branch of a union, `collect` writes
 * issues.
 *
 * Invariant: every judge... function returns whether to go on; in flag mode
 * false means that the value is not valid, in the others that the steps are
 * used up, or that there are issues enough.  Steps and depth are bounded, so
 * that no value, one that holds itself included, can hang or overflow it.
 *
 * Issues come in the order of the payload's members; then unknown members, then
 * missing ones in the schema's order, then those of in-place applicators, then
 * what was not evaluated.
 */
import { bits, programOf, spanParams } from './program.ts';
import type { ArrayRules, Discriminator, NumberRules, ObjectRules, Program, Span, StringRules, Union } from './program.ts';
import { cutName, issueOf, placeBelow } from './rules.ts';
import type { Params, Place, Rule } from './rules.ts';
import type { Judged, JudgeIssue, Schema, Validator } from './schema.ts';
import { differ, equal, hasNul, isMultiple, kindOf, lengthOf, membersOf } from './value.ts';
import type { Kind } from './value.ts';

const issuesMax = 20;
const stepsMax = 250_000;
const depthMax = 400;
const keysMax = 10;
/* A pattern may cost much more than its text is long. */
const matchedMax = 131_072;

type Mode = 'flag' | 'count' | 'collect';
type Json = Record<string, unknown>;

/** Which members or items were evaluated; kept where someone asks. */
interface Tracker {
  all: boolean;
  readonly seen: Set<string | number>;
}

/** What the runs of one judgement share. */
interface Shared {
  steps: number;
  depth: number;
  readonly issues: JudgeIssue[];
  truncated: boolean;
}

interface Run {
  readonly shared: Shared;
  readonly mode: Mode;
  readonly unionAt: Place | null;
  count: number;
  deepest: number;
  far: boolean;
  tracker: Tracker | null;
}

function runNew(shared: Shared, mode: Mode, unionAt: Place | null = null): Run {
  return { shared, mode, unionAt, count: 0, deepest: 0, far: false, tracker: null };
}

function spend(run: Run, steps: number): boolean {
  run.shared.steps = Math.max(0, run.shared.steps - steps);
  return run.shared.steps > 0;
}

const farRules: ReadonlySet<Rule> = /*#__PURE__*/ new Set<Rule>(['type', 'enum', 'const', 'false', 'anyOf', 'oneOf']);

function broken(run: Run, at: Place | null, rule: Rule, params: Params | null): boolean {
  const { shared } = run;

  /* Without steps left, what seems broken may not have been judged. */
  if (!spend(run, 1)) return false;
  run.count++;
  if (run.mode === 'flag') return false;
  if (run.mode === 'count') {
    run.deepest = Math.max(run.deepest, at?.depth ?? 0);
    if (at === run.unionAt && farRules.has(rule)) run.far = true;
    return true;
  }
  if (shared.issues.length < issuesMax) shared.issues.push(issueOf(at, rule, params));
  else shared.truncated = true;
  return !shared.truncated;
}

/** Is it valid?  What it evaluated goes to the run's tracker if it is. */
function holds(run: Run, schema: Schema, at: Place | null, value: unknown): boolean {
  const inner = runNew(run.shared, 'flag');

  if (run.tracker !== null) inner.tracker = { all: false, seen: new Set() };
  if (!judgeValue(inner, schema, at, value)) return false;
  if (run.tracker !== null && inner.tracker !== null) {
    run.tracker.all ||= inner.tracker.all;
    for (const key of inner.tracker.seen) run.tracker.seen.add(key);
  }
  return true;
}

/** Runs without a tracker: what is judged there is not of the value at hand. */
function apart<T>(run: Run, work: (tracker: Tracker | null) => T): T {
  const { tracker } = run;

  run.tracker = null;
  const result = work(tracker);

  run.tracker = tracker;
  return result;
}

function judgeSpan(run: Run, span: Span, at: Place | null, n: number): boolean {
  if (n < span.least && !broken(run, at, span.leastRule, span.leastRule === 'contains' ? null : spanParams(span, true))) {
    return false;
  }
  return n <= span.most || broken(run, at, span.mostRule, spanParams(span, false));
}

/* ---- strings and numbers ---- */

function matches(run: Run, expression: RegExp, text: string): boolean {
  if (!spend(run, text.length >> 5)) return false;
  return text.length <= matchedMax && expression.test(text);
}

function judgeString(run: Run, rules: StringRules, at: Place | null, text: string): boolean {
  const { format, length, pattern } = rules;

  if (!spend(run, text.length >> 5) || !judgeSpan(run, length, at, lengthOf(text))) return false;
  if (format !== null && !format.holds(text) && !broken(run, at, 'format', { format: format.name })) return false;
  return pattern === null || matches(run, pattern.expression, text) ||
    broken(run, at, 'pattern', { pattern: pattern.source });
}

function judgeNumber(run: Run, rules: NumberRules, at: Place | null, value: number): boolean {
  for (const bound of rules.bounds) {
    if (!bound.holds(value) && !broken(run, at, bound.rule, bound.params)) return false;
  }
  return rules.divisor === null || isMultiple(value, rules.divisor) ||
    broken(run, at, 'multipleOf', { divisor: rules.divisor });
}

/* ---- arrays ---- */

function judgeItems(run: Run, rules: ArrayRules, at: Place | null, items: readonly unknown[]): boolean {
  return apart(run, (tracker) => {
    for (const [i, item] of items.entries()) {
      const schema = i < rules.prefix.length ? rules.prefix[i] : rules.items;

      if (schema === null || schema === undefined) break;
      tracker?.seen.add(i);
      if (!judgeValue(run, schema, placeBelow(at, i), item)) return false;
    }
    return true;
  });
}

/** How many items satisfy `contains`; no more than are needed to know. */
function countMatches(run: Run, contains: Schema, span: Span, at: Place | null, items: readonly unknown[]): number {
  const enough = span.most < Infinity ? span.most + 1 : span.least;

  return apart(run, (tracker) => {
    let found = 0;

    for (const [i, item] of items.entries()) {
      if (found >= enough && tracker === null) break;
      if (!holds(run, contains, placeBelow(at, i), item)) continue;
      found++;
      tracker?.seen.add(i);
    }
    return found;
  });
}

function judgeArray(run: Run, rules: ArrayRules, at: Place | null, items: readonly unknown[]): boolean {
  if (!judgeSpan(run, rules.length, at, items.length)) return false;
  /* Nothing is gained by looking into more items than are taken. */
  if (items.length > rules.length.most) return true;
  if (!spend(run, items.length >> 3) || !judgeItems(run, rules, at, items)) return false;
  if (rules.contains !== null && !judgeSpan(run, rules.matches, at,
    countMatches(run, rules.contains, rules.matches, at, items))) {
    return false;
  }
  return !rules.unique || differ(items, run.shared) || broken(run, at, 'uniqueItems', null);
}

function judgeUnevaluatedItems(run: Run, schema: Schema, at: Place | null, items: readonly unknown[], tracker: Tracker): boolean {
  for (const [i, item] of items.entries()) {
    if (tracker.all || tracker.seen.has(i)) continue;
    if (!judgeValue(run, schema, placeBelow(at, i), item)) return false;
  }
  return true;
}

/* ---- objects ---- */

/** What an object's members were found to be. */
interface Members {
  readonly names: readonly string[];
  readonly unknown: string[];
  readonly misnamed: string[];
}

function brokenKeys(run: Run, at: Place | null, rule: Rule, names: readonly string[]): boolean {
  return broken(run, at, rule, { keys: names.slice(0, keysMax).map(cutName) });
}

/** Judges a member by its name and patterns, or else as an additional one. */
function judgeNamed(run: Run, rules: ObjectRules, member: Place, name: string, value: unknown, found: Members): { go: boolean; known: boolean } {
  const own = rules.names.get(name) ?? null;
  let known = own !== null;

  for (const [expression, schema] of rules.patterns) {
    if (!matches(run, expression, name)) continue;
    known = true;
    if (!judgeValue(run, schema, member, value)) return { go: false, known };
  }
  if (run.shared.steps === 0) return { go: false, known };
  if (!known && rules.closedBy !== null) {
    found.unknown.push(name);
    return { go: run.mode !== 'flag', known };
  }
  const schema = known ? own : rules.additional;

  return { go: schema === null || judgeValue(run, schema, member, value), known: known || schema !== null };
}

function judgeMember(run: Run, rules: ObjectRules, at: Place | null, name: string, value: unknown, found: Members): { go: boolean; known: boolean } {
  const member = placeBelow(at, name);

  if (rules.nameSchema !== null && !judgeValue(runNew(run.shared, 'flag'), rules.nameSchema, member, name)) {
    found.misnamed.push(name);
    if (run.mode === 'flag') return { go: false, known: false };
  }
  return judgeNamed(run, rules, member, name, value, found);
}

function judgeMembers(run: Run, rules: ObjectRules, at: Place | null, value: Json, found: Members): boolean {
  return apart(run, (tracker) => {
    for (const name of found.names) {
      const { go, known } = judgeMember(run, rules, at, name, value[name], found);

      if (known) tracker?.seen.add(name);
      if (!go) return false;
    }
    return true;
  });
}

function judgeRequired(run: Run, rules: ObjectRules, at: Place | null, seen: ReadonlySet<string>): boolean {
  for (const name of rules.required) {
    if (!seen.has(name) && !broken(run, placeBelow(at, name), 'required', { received: 'missing' })) return false;
  }
  for (const [name, needed] of rules.dependencies) {
    if (!seen.has(name)) continue;
    for (const other of needed) {
      if (!seen.has(other) && !broken(run, placeBelow(at, other), 'dependentRequired', { with: name })) return false;
    }
  }
  return true;
}

function judgeObject(run: Run, rules: ObjectRules, at: Place | null, value: Json): boolean {
  const found: Members = { names: membersOf(value), unknown: [], misnamed: [] };

  if (!spend(run, found.names.length >> 1) || !judgeMembers(run, rules, at, value, found)) return false;
  if (rules.closedBy !== null && found.unknown.length > 0 && !brokenKeys(run, at, rules.closedBy, found.unknown)) {
    return false;
  }
  if (found.misnamed.length > 0 && !brokenKeys(run, at, 'propertyNames', found.misnamed)) return false;
  return judgeRequired(run, rules, at, new Set(found.names)) && judgeSpan(run, rules.size, at, found.names.length);
}

function judgeUnevaluatedMembers(run: Run, schema: Schema, at: Place | null, value: Json, tracker: Tracker): boolean {
  const left = membersOf(value).filter((name) => !tracker.all && !tracker.seen.has(name));

  if (left.length > 0 && programOf(schema).never) return brokenKeys(run, at, 'unevaluatedProperties', left);
  return left.every((name) => judgeValue(run, schema, placeBelow(at, name), value[name]));
}

/* ---- in-place applicators ---- */

/** What is wrong with a branch of a union, and how near the value came. */
interface Weight {
  readonly schema: Schema;
  readonly count: number;
  readonly deepest: number;
  readonly far: boolean;
}

function weigh(run: Run, schema: Schema, at: Place | null, value: unknown): Weight {
  const inner = runNew(run.shared, 'count', at);

  if (spend(inner, 1)) judgeValue(inner, schema, at, value);
  return { schema, count: inner.count, deepest: inner.deepest, far: inner.far };
}

/** The one branch that is nearer than all others, or null. */
function nearestOf(weights: readonly Weight[]): Weight | null {
  const near = weights.filter((weight) => !weight.far);
  const deepest = Math.max(...near.map((weight) => weight.deepest));
  const deep = near.filter((weight) => weight.deepest === deepest);
  const fewest = Math.min(...deep.map((weight) => weight.count));
  const best = deep.filter((weight) => weight.count === fewest);

  return best.length === 1 ? best[0] ?? null : null;
}

/**
 * A union of which no branch, or more than one, holds: the issues of the
 * nearest branch when one is nearer than all others, else one issue.
 */
function brokenUnion(run: Run, union: Union, at: Place | null, value: unknown): boolean {
  const weights = union.schemas.map((schema) => weigh(run, schema, at, value));
  const held = weights.filter((weight) => weight.count === 0).length;
  const nearest = nearestOf(weights);

  if (run.shared.steps === 0) return false;
  if (held === 1 || (held > 1 && union.kind === 'anyOf')) return true;
  if (held > 0 || nearest === null) return broken(run, at, union.kind, null);
  if (run.mode === 'collect') return judgeValue(run, nearest.schema, at, value);
  run.count += nearest.count;
  run.deepest = Math.max(run.deepest, nearest.deepest);
  return true;
}

/** A union told apart by a member: only the branch that it chooses counts. */
function judgeChosen(run: Run, chosen: Discriminator, at: Place | null, value: unknown): boolean {
  if (kindOf(value) !== 'object') return broken(run, at, 'type', { expected: 'object' });
  const told = Object.hasOwn(value as Json, chosen.member) ? (value as Json)[chosen.member] : undefined;
  const member = placeBelow(at, chosen.member);

  if (told === undefined) return broken(run, member, 'required', { received: 'missing' });
  const branch = typeof told === 'string' ? chosen.branches.get(told) : undefined;

  if (branch === undefined) return broken(run, member, 'enum', { values: [...chosen.branches.keys()] });
  return judgeValue(run, branch, at, value);
}

/** Does the union hold?  All branches are asked when they are tracked. */
function unionHolds(run: Run, union: Union, at: Place | null, value: unknown): boolean {
  let held = 0;

  for (const schema of union.schemas) {
    if (!holds(run, schema, at, value)) continue;
    if (union.kind === 'anyOf' && run.tracker === null) return true;
    if (++held > 1 && union.kind === 'oneOf') return false;
  }
  return held > 0;
}

function judgeUnion(run: Run, union: Union, at: Place | null, value: unknown): boolean {
  if (union.discriminator !== null) return judgeChosen(run, union.discriminator, at, value);
  if (run.mode === 'flag') return unionHolds(run, union, at, value);
  if (run.tracker !== null && unionHolds(run, union, at, value)) return true;
  const goOn = apart(run, () => brokenUnion(run, union, at, value));

  /* What a broken union would have evaluated, nobody can tell. */
  if (run.tracker !== null) run.tracker.all = true;
  return goOn;
}

function judgeCondition(run: Run, condition: NonNullable<Program['condition']>, at: Place | null, value: unknown): boolean {
  const [test, then, otherwise] = condition;
  const next = holds(run, test, at, value) ? then : otherwise;

  return next === null || judgeValue(run, next, at, value);
}

function judgeApplied(run: Run, p: Program, at: Place | null, value: unknown): boolean {
  const { condition, not } = p;

  if (!p.all.every((schema) => judgeValue(run, schema, at, value))) return false;
  if (!p.unions.every((union) => judgeUnion(run, union, at, value))) return false;
  if (condition !== null && !judgeCondition(run, condition, at, value)) return false;
  if (not !== null && apart(run, () => holds(run, not, at, value)) && !broken(run, at, 'not', null)) return false;
  return kindOf(value) !== 'object' || p.dependents.every(([name, schema]) =>
    !Object.hasOwn(value as Json, name) || (value as Json)[name] === undefined || judgeValue(run, schema, at, value));
}

/* ---- values ---- */

function isOneOf(choice: readonly unknown[], value: unknown, run: Run): boolean {
  return choice.some((one) => equal(one, value, run.shared));
}

function judgeByKind(run: Run, p: Program, at: Place | null, kind: Kind, value: unknown): boolean {
  if (kind === 'string') return p.string === null || judgeString(run, p.string, at, value as string);
  if (kind === 'number') return p.number === null || judgeNumber(run, p.number, at, value as number);
  if (kind === 'array') return p.array === null || judgeArray(run, p.array, at, value as unknown[]);
  return kind !== 'object' || p.object === null || judgeObject(run, p.object, at, value as Json);
}

/** What a schema asks of a value, but for what was not evaluated. */
function judgeRules(run: Run, p: Program, at: Place | null, kind: Kind, value: unknown): boolean {
  if (p.enumeration !== null && !isOneOf(p.enumeration, value, run) &&
    !broken(run, at, 'enum', { values: p.enumeration })) {
    return false;
  }
  if (p.constant !== null && !isOneOf(p.constant, value, run) &&
    !broken(run, at, 'const', { values: p.constant })) {
    return false;
  }
  return judgeByKind(run, p, at, kind, value) && judgeApplied(run, p, at, value);
}

/**
 * A schema that asks for what was not evaluated has a tracker of its own: it
 * sees what it applies itself, not what is beside it.
 */
function judgeTracked(run: Run, p: Program, at: Place | null, kind: Kind, value: unknown, rest: Schema): boolean {
  const own: Tracker = { all: false, seen: new Set() };
  const outer = run.tracker;

  run.tracker = own;
  let goOn = judgeRules(run, p, at, kind, value);

  run.tracker = null;
  if (goOn) {
    goOn = kind === 'array'
      ? judgeUnevaluatedItems(run, rest, at, value as unknown[], own)
      : judgeUnevaluatedMembers(run, rest, at, value as Json, own);
  }
  run.tracker = outer;
  if (outer !== null) outer.all = true;
  return goOn;
}

function typeHolds(types: number, kind: Kind, value: unknown): boolean {
  if (kind === 'none') return false;
  if (types === 0 || (types & bits[kind]) !== 0) return true;
  return kind === 'number' && (types & bits.integer) !== 0 && Number.isInteger(value);
}

function judgeEntered(run: Run, p: Program, at: Place | null, kind: Kind, value: unknown): boolean {
  const rest = kind === 'object' ? p.unevaluatedMembers : kind === 'array' ? p.unevaluatedItems : null;

  return rest !== null ? judgeTracked(run, p, at, kind, value, rest) : judgeRules(run, p, at, kind, value);
}

function judgeValue(run: Run, schema: Schema, at: Place | null, value: unknown): boolean {
  const p = programOf(schema);
  const { shared } = run;

  if (!spend(run, 1)) return false;
  if (p.never) return broken(run, at, 'false', null);
  const kind = kindOf(value);

  /* Of a value of the wrong type nothing else is worth saying. */
  if (!typeHolds(p.types, kind, value)) {
    return broken(run, at, 'type', { expected: p.types === 0 ? 'JSON' : p.expected });
  }
  if (shared.depth === depthMax) {
    shared.steps = 0;
    return false;
  }
  shared.depth++;
  const goOn = judgeEntered(run, p, at, kind, value);

  shared.depth--;
  return goOn;
}

/* ---- validators ---- */

/** Flag mode first; issues are collected only when that failed. */
export function judge(schema: Schema, value: unknown): { valid: boolean; issues: JudgeIssue[]; truncated: boolean } {
  const shared: Shared = { steps: stepsMax, depth: 0, issues: [], truncated: false };
  const run = runNew(shared, 'flag');

  if (judgeValue(run, schema, null, value) && shared.steps > 0) return { valid: true, issues: [], truncated: false };
  const collecting = runNew(shared, 'collect');

  shared.depth = 0;
  judgeValue(collecting, schema, null, value);
  if (collecting.count === 0) shared.issues.push(issueOf(null, 'complexity', null));
  else if (shared.steps === 0) shared.truncated = true;
  return { valid: false, issues: shared.issues, truncated: shared.truncated };
}

type Judge<T> = (value: unknown) => Judged<T>;

function validatorOf<T>(schema: Schema, judgeIt: Judge<T>): Validator<T> {
  return {
    schema,
    judge: judgeIt,
    is: (value): value is T => judgeIt(value).ok,
    '~standard': {
      version: 1,
      vendor: 'lockstep',
      validate: (value) => {
        const judged = judgeIt(value);

        return judged.ok ? { value: judged.value } : { issues: judged.issues };
      },
    },
  };
}

export function validator<T>(schema: Schema): Validator<T> {
  return validatorOf(schema, (value) => {
    const { valid, issues, truncated } = judge(schema, value);

    return valid ? { ok: true, value: value as T } : { ok: false, issues, truncated };
  });
}

/** What an operation takes as its body, whose texts go to a database that has no NUL. */
export function bodyValidator<T>(schema: Schema): Validator<T> {
  return validatorOf(schema, (value) => {
    const judged = judge(schema, value);
    const issues = judged.valid ? judgeStored(schema, value) : judged.issues;

    return issues.length === 0 ? { ok: true, value: value as T } : { ok: false, issues, truncated: judged.truncated };
  });
}

function judgeStored(schema: Schema, value: unknown): JudgeIssue[] {
  const names = [...(programOf(schema).object?.names.keys() ?? [])];

  return names.filter((name) => Object.hasOwn(value as Json, name) && hasNul((value as Json)[name])).map((name) =>
    issueOf(placeBelow(null, name), 'syntax', { expected: 'text without NUL' })).slice(0, issuesMax);
}
