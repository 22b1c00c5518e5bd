// SPDX-License-Identifier: MIT
/*
 * What the files of schemas, validators and the judge agree on: the data that a
 * schema is written as, and what is told of a value that breaks it.
 *
 * Maps are lists of pairs, and not objects: an object would not keep the order
 * of names such as "1", nor hold one that is "__proto__".  A reference is a
 * function, so that schemas may refer to each other in any order.
 */

export type TypeName = 'null' | 'boolean' | 'integer' | 'number' | 'string' | 'array' | 'object';

/** A format that strings are held against. */
export interface Format {
  readonly name: string;
  readonly holds: (text: string) => boolean;
}

export type Pairs<T> = readonly (readonly [name: string, value: T])[];

/** A JSON Schema of 2020-12, its annotations aside. */
export interface Keywords {
  readonly $ref?: () => Schema;
  readonly type?: TypeName | readonly TypeName[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: Format;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly prefixItems?: readonly Schema[];
  readonly items?: Schema;
  readonly contains?: Schema;
  readonly minContains?: number;
  readonly maxContains?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly unevaluatedItems?: Schema;
  readonly properties?: Pairs<Schema>;
  readonly patternProperties?: Pairs<Schema>;
  readonly additionalProperties?: Schema;
  readonly propertyNames?: Schema;
  readonly required?: readonly string[];
  readonly dependentRequired?: Pairs<readonly string[]>;
  readonly dependentSchemas?: Pairs<Schema>;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly unevaluatedProperties?: Schema;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly not?: Schema;
  readonly if?: Schema;
  readonly then?: Schema;
  readonly else?: Schema;
}

export type Schema = boolean | Keywords;

/** Codes of issues; they are zod's. */
export type JudgeCode =
  | 'invalid_type'
  | 'invalid_value'
  | 'too_small'
  | 'too_big'
  | 'not_multiple_of'
  | 'invalid_format'
  | 'invalid_key'
  | 'unrecognized_keys'
  | 'invalid_union'
  | 'custom';

/** One broken rule, as the server tells it. */
export interface JudgeIssue {
  readonly path: (string | number)[];
  readonly pointer: string;
  readonly code: JudgeCode;
  readonly keyword: string;
  readonly message: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** Part of version 1 of https://standardschema.dev, which forms and routers take. */
export interface StandardSchema<Input, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly JudgeIssue[] };

export type Judged<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: JudgeIssue[]; readonly truncated: boolean };

/** Judges a value as the server does: same verdict, same issues. */
export interface Validator<T> extends StandardSchema<T> {
  readonly schema: Schema;
  judge(value: unknown): Judged<T>;
  is(value: unknown): value is T;
}
