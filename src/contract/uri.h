/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_URI_H
#define CONTRACT_URI_H

#include <stdbool.h>

#include "base/arena.h"

/*
 * URI references of RFC 3986, as texts.  What is no URI is not refused here:
 * it leads nowhere.  Private to contract/.
 */

/* Does it begin with a scheme ("urn:x", "https://...")? */
bool uri_has_scheme(const char *reference);

/*
 * The target URI of a reference against a base that has a scheme (section
 * 5.2), without fragment.  In the arena.
 */
const char *uri_resolve(struct arena *arena, const char *base,
    const char *reference);

/* Decodes %XX in place; false when an escape is broken or hides a NUL. */
bool uri_decode(char *s);

#endif
