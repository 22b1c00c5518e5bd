// SPDX-License-Identifier: MIT
//
// Which letters the tray shows, as the list operation is asked for them.

import type { Letter, letters } from '../api/index.ts';
import { createStore } from '../store.ts';

export interface Filter {
  status: Letter['status'] | null;
  search: string;
}

export const ALL: Filter = { status: null, search: '' };

export const filter = createStore<Filter>(ALL);

export function queryOf({ status, search }: Filter) {
  return {
    ...(status && { where: { status: { eq: status } } }),
    ...(search && { search }),
    limit: 20,
  } as const satisfies letters.ListQuery;
}
