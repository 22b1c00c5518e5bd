// SPDX-License-Identifier: MIT
/*
 * Four judges of each document: the server (lines of `lockstep validate
 * --output wire`), the emitted validator, the emitted zod schema, ajv.  Prints
 * a line of JSON for each difference, then the figures.
 *
 *   node compare.ts FOLDER DOCUMENTS JOBS
 *
 * JOBS is JSON: [[component, file of the server's lines], ...].
 *
 * The validator must tell the very issues of the server.  zod and ajv have an
 * order of their own: theirs is put into the server's first (array lengths
 * before items; members in the order of the document, then unknown ones, then
 * missing ones, then sizes).  Then the first must have the path and code of the
 * server's first; where the server tells several, each one's first must be
 * among those of the other.  ajv says of a union all that is wrong with any
 * branch: the server's choice must be among that.  The server speaks of NUL when
 * nothing else is wrong, and of the body's member; zod beside other issues, and
 * of a member of a body within a body.  ajv has its formats from
 * runtime/formats.ts, which have no other judge than the server here.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';

const [folder = '', documents = '', jobs = '[]'] = process.argv.slice(2);
const validators = await import(resolve(folder, 'validators.ts'));
const schemas = await import(resolve(folder, 'zod.ts'));
const formats = await import(resolve(folder, 'runtime/formats.ts'));

interface Issue {
  readonly path: readonly (string | number)[];
  readonly code: string;
  readonly keyword?: string;
  readonly group?: boolean;
}

interface Verdict {
  readonly valid: boolean;
  readonly issues: readonly Issue[];
}

/* ---- ajv ---- */

const codes: Record<string, string> = {
  type: 'invalid_type', required: 'invalid_type', dependentRequired: 'invalid_type', enum: 'invalid_value',
  const: 'invalid_value', minLength: 'too_small', maxLength: 'too_big', minimum: 'too_small', maximum: 'too_big',
  exclusiveMinimum: 'too_small', exclusiveMaximum: 'too_big', multipleOf: 'not_multiple_of', minItems: 'too_small',
  maxItems: 'too_big', uniqueItems: 'custom', minProperties: 'too_small', maxProperties: 'too_big',
  propertyNames: 'invalid_key', additionalProperties: 'unrecognized_keys', unevaluatedProperties: 'unrecognized_keys',
  contains: 'custom', pattern: 'invalid_format', format: 'invalid_format', anyOf: 'invalid_union',
  oneOf: 'invalid_union', not: 'custom', 'false schema': 'custom', items: 'custom', unevaluatedItems: 'custom',
};

function ajvNew(): any {
  const ajv = new Ajv2020({ allErrors: true, strict: false, verbose: true, ownProperties: true, multipleOfPrecision: 9, logger: false });

  for (const format of Object.values<any>(formats)) {
    if (typeof format === 'object') ajv.addFormat(format.name, { type: 'string', validate: format.holds });
  }
  return ajv;
}

function pathOf(pointer: string, document: unknown): (string | number)[] {
  let at: any = document;

  return pointer.split('/').slice(1).map((token) => {
    const name = token.replace(/~1/g, '/').replace(/~0/g, '~');
    const key = Array.isArray(at) ? Number(name) : name;

    at = at?.[key];
    return key;
  });
}

function ajvCode(error: any): string {
  const { minContains, maxContains } = error.parentSchema ?? {};

  if (error.keyword !== 'contains') return codes[error.keyword] ?? error.keyword;
  if (maxContains !== undefined && (minContains === undefined || minContains === 0)) {
    return error.params.minContains > 0 && !error.message.includes('and no more') ? 'custom' : 'contains';
  }
  return minContains === undefined ? 'custom' : maxContains === undefined ? 'too_small' : 'contains';
}

function ajvIssue(error: any, document: unknown, unions: readonly string[]): Issue {
  const path = pathOf(error.instancePath, document);
  const { missingProperty, limit, len } = error.params;
  const below = error.keyword === 'items' || error.keyword === 'unevaluatedItems' ? limit ?? len : missingProperty;
  const group = unions.some((union) => error.schemaPath === union || error.schemaPath.startsWith(union + '/'));

  return { path: below === undefined ? path : [...path, below], code: ajvCode(error), keyword: error.keyword, group };
}

function ajvJudge(validate: any, document: unknown): Verdict {
  if (validate(document)) return { valid: true, issues: [] };
  const errors: any[] = validate.errors.filter((error: any) => error.keyword !== 'if' &&
    (error.propertyName === undefined || error.keyword === 'propertyNames') && !/\/contains\/\w/.test(error.schemaPath) &&
    !error.schemaPath.includes('/propertyNames/'));
  const unions = errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf');
  /* A branch that is a reference has a path of its own. */
  const inUnion = (error: any): boolean => unions.some((union) => error.instancePath.startsWith(union.instancePath));
  const places = unions.map((union) => union.schemaPath);

  return { valid: false, issues: errors.map((error) => ({ ...ajvIssue(error, document, places), group: inUnion(error) })) };
}

/* ---- the others ---- */

function zodJudge(schema: any, document: unknown): Verdict {
  const result = schema.safeParse(document);

  const { issues = [] } = result.error ?? {};
  const others = issues.filter((issue: any) => issue.format !== 'syntax');

  return {
    valid: result.success,
    issues: others.length > 0 ? others : issues.map((issue: any) => ({ ...issue, path: issue.path.slice(0, 1) })),
  };
}

/*
 * What ajv is not asked about: it passes over a property that is named
 * __proto__; takes all items for evaluated beside `contains`, and members that
 * every object inherits a name of; divides doubles, so that it cannot tell
 * 0.7000000000000001 from a multiple of 0.1, nor what 1e300 is one of; and
 * knows nothing of a database that has no NUL.
 */
function isBeyondAjv(component: string, text: string): boolean {
  return component === 'Hostile' || component === 'Leftover' || /\.\d{15,}|e\+|\\u0000/.test(text) ||
    (component === 'Objects' && /"(?:__proto__|constructor)"/.test(text));
}

/* ---- order ---- */

const keywordRank = ['invalid_type', 'invalid_value', 'too_small', 'too_big', 'invalid_format', 'not_multiple_of'];

function rankAt(issue: Issue, depth: number, at: any): number[] {
  const key = issue.path[depth];

  if (Array.isArray(at)) {
    if (key !== undefined) return [2, Number(key)];
    return issue.code === 'too_small' || issue.code === 'too_big' ? [1, 0] : [issue.code === 'invalid_type' ? 0 : 3, 0];
  }
  if (typeof at === 'object' && at !== null) {
    const index = key === undefined ? -1 : Object.keys(at).indexOf(String(key));

    if (key !== undefined) return index >= 0 ? [2, index] : [4, 0];
    if (issue.code === 'invalid_type') return [0, 0];
    return issue.code === 'unrecognized_keys' ? [3, 0] : issue.code === 'invalid_key' ? [3, 1] : [5, 0];
  }
  const rank = keywordRank.indexOf(issue.code);

  return [rank < 0 ? 9 : rank, 0];
}

function before(a: Issue, b: Issue, document: unknown): number {
  let at: any = document;

  for (let depth = 0; ; depth++) {
    const [ranksA, ranksB] = [rankAt(a, depth, at), rankAt(b, depth, at)];
    const order = (ranksA[0] ?? 0) - (ranksB[0] ?? 0) || (ranksA[1] ?? 0) - (ranksB[1] ?? 0);

    if (order !== 0 || a.path[depth] === undefined || a.path[depth] !== b.path[depth]) return order;
    at = at?.[a.path[depth] as string];
  }
}

/* The server cuts long names. */
function keyOf(issue: Issue): string {
  return JSON.stringify([issue.path.map((key) => String(key).slice(0, 60)), issue.code]);
}

/* ajv does not say whether there are too few or too many that `contains` wants. */
function isSame(a: Issue, b: Issue): boolean {
  const counts = [a, b].some(({ code }) => code === 'contains') && [a, b].some(({ code }) => code.startsWith('too_'));

  return keyOf(a) === keyOf(b) || (counts && JSON.stringify(a.path) === JSON.stringify(b.path));
}

function isIn(list: readonly Issue[], issue: Issue): boolean {
  return list.some((one) => isSame(one, issue));
}

function agrees(server: Verdict & { issues_truncated?: boolean }, other: Verdict, document: unknown): boolean {
  if (server.valid !== other.valid) return false;
  if (server.valid || server.issues_truncated) return true;
  const [mine] = server.issues;
  const theirs = [...other.issues].sort((a, b) => before(a, b, document));
  const [first] = theirs;

  if (mine === undefined || first === undefined) return false;
  if (theirs.some((issue) => issue.group && isIn([issue], mine))) return true;
  return server.issues.length === 1 ? isIn([first], mine) : isIn(theirs, mine) && (first.group === true || isIn(server.issues, first));
}

/* ---- all ---- */

const figures = { documents: 0, valid: 0, differences: 0, keywords: {} as Record<string, number> };

function told(judge: string, component: string, text: string, server: unknown, other: Verdict): void {
  figures.differences++;
  if (figures.differences > 200) return;
  console.log(JSON.stringify({ judge, component, document: text, server, other: { valid: other.valid, issues: other.issues?.slice(0, 5) } }));
}

function valueName(component: string): string {
  const name = component.charAt(0).toLowerCase() + component.slice(1);

  return validators[name] === undefined ? name + '_' : name;
}

for (const [component, file] of JSON.parse(jobs)) {
  const texts = readFileSync(join(documents, `${component}.jsonl`), 'utf8').trimEnd().split('\n');
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const validate = ajvNew().compile(JSON.parse(readFileSync(join(documents, `${component}.json`), 'utf8')));
  const name = valueName(component);

  if (texts.length !== lines.length) throw new Error(`${file}: ${lines.length} lines for ${texts.length} documents`);
  texts.forEach((text, i) => {
    const { instance, line, ...server } = JSON.parse(lines[i] ?? '');
    const document = JSON.parse(text);
    const judged = validators[name].judge(document);
    const mine = judged.ok ? { valid: true } : { valid: false, issues: judged.issues, ...(judged.truncated ? { issues_truncated: true } : {}) };
    const zod = zodJudge(schemas[name], document);
    const ajv = ajvJudge(validate, document);

    figures.documents++;
    if (server.valid) figures.valid++;
    else for (const { keyword } of server.issues) figures.keywords[keyword] = (figures.keywords[keyword] ?? 0) + 1;
    if (JSON.stringify(mine) !== JSON.stringify(server)) told('validator', component, text, server, mine as Verdict);
    if (!agrees(server, zod, document)) told('zod', component, text, server, zod);
    if (!isBeyondAjv(component, text) && !agrees(server, ajv, document)) told('ajv', component, text, server, ajv);
  });
}
console.log(JSON.stringify(figures));
