// SPDX-License-Identifier: MIT
/*
 * What zod lacks, for zod.ts: rules judged as the server judges them, raised as
 * issues of zod's own shapes.
 *
 * A check runs beside issues of members, as the server tells both; of a value
 * of the wrong type it says nothing, as the schema has said so already.
 */
import * as z from 'zod';

import { judge } from './judge.ts';
import { hasNul, kindOf } from './value.ts';
import type { JudgeIssue, Schema } from './schema.ts';

type RawIssue = z.core.$ZodRawIssue;

/** The issue as zod would raise it, in the server's words. */
function rawOf(issue: JudgeIssue, input: unknown): RawIssue {
  const raw = { path: [...issue.path], message: issue.message, input, continue: true };

  switch (issue.code) {
    case 'invalid_key': return { ...raw, code: issue.code, origin: 'record', issues: [] };
    case 'invalid_union': return { ...raw, code: issue.code, errors: [] };
    case 'custom': return { ...raw, code: issue.code, params: { keyword: issue.keyword, ...issue.params } };
    case 'invalid_format':
      return { ...raw, code: issue.code, format: issue.keyword === 'pattern' ? 'regex' : '', ...issue.params } as RawIssue;
    default: return { ...raw, code: issue.code, ...issue.params } as RawIssue;
  }
}

function checkNew(work: (payload: z.core.ParsePayload<unknown>) => void): z.core.$ZodCheck<unknown> {
  const check = new z.core.$ZodCheck({ check: 'custom', when: () => true });

  check._zod.check = work;
  return check;
}

/** Judges a value, of the kinds that the schema names, by it. */
export function more(schema: Schema): z.core.$ZodCheck<unknown> {
  return checkNew((payload) => {
    const { issues } = judge(schema, payload.value);
    const [first] = issues;

    if (first?.keyword === 'type' && first.path.length === 0) return;
    payload.issues.push(...issues.map((issue) => rawOf(issue, payload.value)));
  });
}

/** A type that the judge alone judges; read when it is first needed. */
export function fits<T>(schema: () => Schema): z.ZodType<T, T> {
  const check = checkNew((payload) => {
    payload.issues.push(...judge(schema(), payload.value).issues.map((issue) => rawOf(issue, payload.value)));
  });

  return z.unknown().check(check) as unknown as z.ZodType<T, T>;
}

/** What is stored has no NUL, which no database takes; asked of what is valid otherwise. */
function storable(partsOf: (value: unknown) => [path: string[], part: unknown][]): z.core.$ZodCheck<unknown> {
  const check = checkNew(({ value, issues }) => {
    for (const [path, input] of partsOf(value)) {
      if (!hasNul(input)) continue;
      issues.push({ code: 'invalid_format', format: 'syntax', path, input, message: 'must be text without NUL', continue: true } as RawIssue);
    }
  });

  check._zod.def.when = ({ issues }) => issues.length === 0;
  return check;
}

/** An operation's body that is no plain object to zod: its members are. */
export function stored(): z.core.$ZodCheck<unknown> {
  return storable((value) => Object.entries(value as object).map(([name, member]) => [[name], member]));
}

/**
 * What an operation takes.  Each member is asked for what can be stored, not
 * the object: one with checks of its own could not be picked from.
 */
export function body<S extends z.core.$ZodLooseShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  const members = {};

  for (const name of Object.keys(shape)) {
    Object.defineProperty(members, name, {
      enumerable: true,
      get: () => {
        const member = shape[name] as z.ZodType;

        return member._zod.values === undefined ? member.check(storable((value) => [[[], value]])) : member;
      },
    });
  }
  return z.strictObject(members as S);
}

/** A number without a fraction; of another one nothing else is worth saying. */
export function whole(): z.ZodNumber {
  return z.number().check((payload) => {
    if (Number.isInteger(payload.value)) return;
    payload.issues.push({ code: 'invalid_type', expected: 'int', input: payload.value });
  });
}

type Choice<T extends string> = z.ZodPipe<z.ZodType<T, T>, z.ZodEnum<{ [K in T]: K }>>;

/** Some strings; what is no string is of the wrong type.  See `.out.options`. */
export function choice<const T extends string>(values: readonly T[]): Choice<T> {
  const pipe = z.pipe(z.string(), z.enum(values as readonly [T, ...T[]]));

  /* By these a union finds its branch. */
  Object.defineProperty(pipe._zod, 'values', { value: new Set(values) });
  return pipe as unknown as Choice<T>;
}

/** A member that may be missing; undefined is missing, as in JSON. */
export function maybe<T extends z.ZodType>(schema: T): z.ZodExactOptional<T> {
  return z.optional(schema) as unknown as z.ZodExactOptional<T>;
}

/** An object that takes and keeps other members, which its type does not tell of. */
export function open<S extends z.core.$ZodLooseShape>(shape: S): z.ZodObject<S, z.core.$strip> {
  return z.looseObject(shape) as unknown as z.ZodObject<S, z.core.$strip>;
}

type Options = readonly [z.core.$ZodTypeDiscriminable, ...z.core.$ZodTypeDiscriminable[]];
type Chosen<D extends string, O extends Options> =
  z.ZodPipe<z.ZodType<z.output<O[number]>, z.input<O[number]>>, z.ZodDiscriminatedUnion<O, D>>;

/**
 * A union whose branches are told apart by a member.  A member that is missing
 * or chooses none is told at its place, as the server does.
 */
export function chosen<const D extends string, const O extends Options>(member: D, options: O): Chosen<D, O> {
  const union = z.discriminatedUnion(member, options);
  const check = checkNew((payload) => {
    const { value } = payload;
    const at = kindOf(value) === 'object' ? (value as Record<string, unknown>)[member] : null;
    const values = [...(union._zod.propValues[member] ?? [])] as z.core.util.Primitive[];

    if (at === null && kindOf(value) !== 'object') {
      payload.issues.push({ code: 'invalid_type', expected: 'object', input: value, path: [] });
    } else if (at === undefined) {
      payload.issues.push({ code: 'invalid_type', expected: 'string', input: at, path: [member] });
    } else if (!values.includes(at as z.core.util.Primitive)) {
      payload.issues.push({ code: 'invalid_value', values, input: at, path: [member] });
    }
  });

  return z.pipe(z.unknown().check(check), union) as unknown as Chosen<D, O>;
}
