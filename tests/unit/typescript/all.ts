// SPDX-License-Identifier: MIT
import './repeats.ts';
import './calls.ts';
import './tokens.ts';
import './lists.ts';
import './hostile.ts';
import './caches.ts';
import { run } from './tap.ts';

await run();
// A case that failed may have left a timer or a socket.
process.exit();
