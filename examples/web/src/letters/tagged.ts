// SPDX-License-Identifier: MIT
import type { Letter } from '../api/index.ts';

/** A letter with the tag of its state, which a change of it is to be based on. */
export interface Tagged {
  letter: Letter;
  etag: string;
}
