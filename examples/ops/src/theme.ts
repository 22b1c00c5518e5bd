// SPDX-License-Identifier: MIT
//
// Light, dark, or as the machine is. Kept for the next time; it is no secret.

import { createStore } from './store.ts';

const THEMES = ['auto', 'light', 'dark'] as const;

export type Theme = (typeof THEMES)[number];

const KEY = 'lockstep.ops.theme';

export const theme = createStore<Theme>(
  THEMES.find((name) => name === localStorage.getItem(KEY)) ?? 'auto');

function show(): void {
  document.documentElement.dataset['theme'] = theme.get();
}

theme.subscribe(() => {
  localStorage.setItem(KEY, theme.get());
  show();
});
show();

export function nextTheme(): void {
  theme.set(THEMES[(THEMES.indexOf(theme.get()) + 1) % THEMES.length] ?? 'auto');
}
