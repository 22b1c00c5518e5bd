// SPDX-License-Identifier: MIT
//
// What operations give, by the operation: the contract has the names of schemas.

import type { monitor } from './api/index.ts';

export type { Export, Job, Rollup } from './api/index.ts';

type Given<F extends (...input: never) => Promise<unknown>> =
  Extract<Awaited<ReturnType<F>>, { ok: true; data: unknown }>['data'];

export type Checks = Given<typeof monitor.status>;
export type Check = Checks['checks'][number];
export type Figures = Given<typeof monitor.routes>;
export type RouteFigures = Figures['routes'][number];
