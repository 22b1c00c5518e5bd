// SPDX-License-Identifier: MIT
//
// A script of its own, before the page's.  zod, which the viewer has in it, would
// try whether it may compile code, and the Content-Security-Policy report that.

globalThis.__zod_globalConfig = { jitless: true };
