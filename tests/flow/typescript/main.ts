// SPDX-License-Identifier: MIT
import { run } from './tap.ts';
import { tell } from './world.ts';

for (const name of process.argv.slice(2))
  await import(`./${name}.ts`);
await run();
tell();
// A case that failed may have left a timer or a socket.
process.exit();
