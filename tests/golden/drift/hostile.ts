// SPDX-License-Identifier: MIT
/*
 * Values that would hang a judge, overflow it or change it.  Prints what was
 * found of each as JSON; the caller knows what must be.
 *
 *   node hostile.ts FOLDER
 */
import { resolve } from 'node:path';

const [folder = ''] = process.argv.slice(2);
const { judge } = await import(resolve(folder, 'runtime/judge.ts'));
const { tree } = await import(resolve(folder, 'validators.ts'));
const zod = await import(resolve(folder, 'zod.ts'));

const round: any = { name: 'x' };
round.children = [round];
let deep: any = { name: 'x' };
for (let i = 0; i < 20_000; i++) deep = { name: 'x', left: { size: 1, tree: deep } };
const list: any[] = [];
list.push(list, list);

const unique = { uniqueItems: true };
const pairs = { anyOf: [{ enum: [{ a: [list] }] }, { type: 'object' }] };
const cases: Record<string, () => unknown> = {
  round: () => judge(tree.schema, round),
  deep: () => judge(tree.schema, deep),
  roundItems: () => judge(unique, [list, list]),
  roundEnum: () => judge(pairs, list),
  manyItems: () => judge(unique, Array.from({ length: 5_000 }, (_, i) => ({ i }))),
  longText: () => judge({ type: 'string', maxLength: 10, pattern: '^(a|b)*$' }, 'a'.repeat(5_000_000)),
  longNames: () => judge({ additionalProperties: false }, { ['n'.repeat(1_000_000)]: 1 }),
  manyIssues: () => judge({ items: { type: 'string' } }, Array.from({ length: 100_000 }, () => 1)),
  noJson: () => [undefined, () => 1, Symbol('x'), 1n, NaN, Infinity, new Date()].map((value) => judge({ type: ['object', 'number'] }, value).valid),
  prototype: () => judge({ required: ['toString', '__proto__'], properties: [['constructor', false]] }, {}),
  absent: () => judge({ properties: [['a', { type: 'string' }]], required: ['a'] }, { a: undefined }),
  polluted: () => [JSON.parse('{"__proto__":{"x":1}}')].map((value) => [judge({ additionalProperties: false }, value).valid, ({} as any).x])[0],
  zodRound: () => zod.tree.safeParse(JSON.parse('{"name":"x","children":[{"name":"y","children":[{"name":""}]}]}')).error?.issues,
};

for (const [name, work] of Object.entries(cases)) {
  const start = process.cpuUsage();
  let told: any;

  try {
    told = work();
  } catch (error) {
    told = `thrown: ${(error as Error).name}`;
  }
  const { user } = process.cpuUsage(start);
  const issues = told?.issues?.slice(0, 2).map(({ path, code, keyword }: any) => [path, code, keyword]);

  console.log(JSON.stringify({ name, seconds: user / 1e6, valid: told?.valid, count: told?.issues?.length, issues, truncated: told?.truncated, told: told?.issues === undefined ? told : undefined }));
}
