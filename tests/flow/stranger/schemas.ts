// SPDX-License-Identifier: MIT
//
// Schemas of zod 4 as a team has them, to be imported: with what JSON Schema takes
// along, and with what it does not.

import { z } from 'zod';
const Address = z.object({ street: z.string().max(80), city: z.string().min(1).max(60) });
export const CustomerSchema = z.object({
  id: z.uuid().meta({ readOnly: true }),
  email: z.email().max(254),
  name: z.string().trim().min(1).max(120),
  nick: z.string().max(20).nullable(),
  tone: z.enum(['formal', 'friendly']).default('formal'),
  age: z.int().min(0).max(150).optional(),
  born: z.date().optional(),
  tags: z.array(z.string().max(20)).max(5),
  address: Address.optional(),
  site: z.url().optional(),
  code: z.string().regex(/^[a-z]+$/i),
  even: z.number().refine((n) => n % 2 === 0),
  big: z.bigint().optional(),
  shape: z.discriminatedUnion('kind', [z.object({ kind: z.literal('a'), x: z.number() }), z.object({ kind: z.literal('b') })]),
  when: z.iso.datetime(),
  nano: z.nanoid(),
  extra: z.record(z.string(), z.number()),
}).describe('Who buys.');
interface C { name: string; sub: C[] }
export const Tree: z.ZodType<C> = z.object({ name: z.string().max(5), get sub() { return z.array(Tree) } }).meta({ id: 'Tree' });
export const NotOne = z.map(z.string(), z.number());
export const other = 3;
