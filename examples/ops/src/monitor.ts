// SPDX-License-Identifier: MIT
//
// What all sections look at: the checks and the figures of the routes. They are
// asked for in one place, the frame of the page, and kept for the charts.

import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { client } from './api.ts';
import { routesOptions, statusOptions } from './api/queries/monitor.ts';
import { keepChecks, keepFigures } from './figures.ts';
import { useLive } from './live.ts';

const CHECKS_MS = 3000, FIGURES_MS = 5000;

/** Asks again and again, for the frame alone. */
export function useWatch() {
  const checks = useLive(statusOptions(client), CHECKS_MS);
  const figures = useLive(routesOptions(client), FIGURES_MS);

  useEffect(() => {
    if (checks.data) keepChecks(checks.data.data);
  }, [checks.data]);
  useEffect(() => {
    if (figures.data) keepFigures(figures.data.data);
  }, [figures.data]);
  return checks;
}

/** What the frame knows. */
export function useChecks() {
  return useQuery({ ...statusOptions(client), enabled: false });
}
