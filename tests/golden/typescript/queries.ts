// SPDX-License-Identifier: MIT
// Options for TanStack Query; see bodies.ts.
import { QueryClient, QueryObserver } from '@tanstack/react-query';
import { createClient } from '../api/index.ts';
import type { Client, Letter, Page } from './page.ts';
import * as affiliates from '../api/queries/affiliates.ts';
import * as letters from '../api/queries/letters.ts';
import * as users from '../api/queries/users.ts';

const client: Client = createClient();
const queryClient = new QueryClient();

export const list = letters.listOptions(client, { limit: 5 });
//! TS2322 export const list = letters.listOptions(client, { limit: '5' });
//! TS2353 export const list = letters.listOptions(client, { where: { body: { eq: 'x' } } });
export const pages = letters.infiniteOptions(client, { select: ['id'] });
//! TS2322 export const pages = letters.infiniteOptions(client, { select: ['number'] });
export const read = letters.readOptions(client, 'x');
//! TS2345 export const read = letters.readOptions(client, 7);
export const me = users.meOptions(client);
export const earnings = affiliates.earningsOptions(client, { id: 'x' });
//! TS2345 export const earnings = affiliates.earningsOptions(client, {});

export async function rows(): Promise<Letter[]> {
  return (await queryClient.fetchQuery(list)).data;
  //! TS2740 return await queryClient.fetchQuery(list);
}

export function title(): string | undefined {
  const page = queryClient.getQueryData(list.queryKey);
  return page?.data[0]?.title;
  //! TS2551 return page?.data[0]?.titles;
}

export function known(page: Page<Letter>): void {
  queryClient.setQueryData(list.queryKey, page);
  //! TS2345 queryClient.setQueryData(list.queryKey, [page]);
}

export function failed(): string | undefined {
  const result = new QueryObserver(queryClient, read).getCurrentResult();
  return result.error?.code === 'not_found' ? result.error.message : undefined;
  //! TS2367 return result.error?.code === 'coupon_expired' ? result.error.message : undefined;
}

type Variables<O> = O extends { mutationFn?: infer F } ?
  NonNullable<F> extends (variables: infer V, ...rest: never[]) => unknown ? V : never : never;

export const create = letters.createOptions(client, queryClient);
export const variables: Variables<typeof create> = { body: { title: 'a', recipient: { name: 'b' } } };
//! TS2741 export const variables: Variables<typeof create> = { body: { title: 'a' } };
export const update = letters.updateOptions(client, queryClient);
export const change: Variables<typeof update> = { id: 'x', body: { title: 'a' }, match: '"t"' };
//! TS2322 export const change: Variables<typeof update> = { body: { title: 'a' }, match: '"t"' };
export const remove = letters.deleteOptions(client, queryClient);
export const send = letters.sendOptions(client, queryClient);
