// SPDX-License-Identifier: MIT
// Types of the runtime that index.ts does not tell.
export type { Client } from '../api/index.ts';
export type { Letter } from '../api/types.ts';
export type { Page } from '../api/runtime/query.ts';
