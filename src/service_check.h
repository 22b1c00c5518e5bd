/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_CHECK_H
#define SERVICE_CHECK_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/attribute.h"
#include "base/buf.h"
#include "contract/contract.h"
#include "serve/serve.h"

/*
 * `lockstep check`, as the server does it: serve/ may not know tool/, so this
 * stands between them.
 */
struct service_check {
	const struct contract *contract;
	const char *directory;		/* of the contract */
	const char *database;		/* connection string */
	char *const *words;		/* of the command that serves */
	int count;
};

/* The setting's word; false when it is none. */
bool service_check_of(const char *word, enum serve_check *ret) MUST_CHECK;

/* Can check.json be read?  false with its faults, one a line. */
bool service_accepts(const char *directory, struct arena *arena,
    struct buf *faults) MUST_CHECK;

/*
 * Looks at the database.  Unsafe findings that check.json does not accept become
 * words; of the harmless ones those that are errors or warnings are warned of
 * in the log, a line each, unless ret->quiet.
 */
void service_check(const struct service_check *check, struct serve_look *ret);

#endif
