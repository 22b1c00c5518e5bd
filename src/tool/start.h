/* SPDX-License-Identifier: MIT */
#ifndef TOOL_START_H
#define TOOL_START_H

#include <stdbool.h>
#include <stdio.h>

#include "base/attribute.h"

/* A project that begins: what its files say. */
struct start_options {
	const char *directory;		/* not there, or empty */
	const char *name;		/* of the API */
	const char *const *roles;	/* of callers; "anon" is nobody */
	size_t role_count;
	const char *database;		/* its name; NULL: not known */
	const char *serve, *migrate;	/* connection strings */
	const char *owner;		/* who migrates; NULL: not known */
	bool supabase;			/* the database is a project's of it */
	const char *nginx;		/* where its template is installed */
	FILE *told;
};

/*
 * Writes them.  false: the directory has something in it already, or one cannot
 * be written; then one sentence says so on standard error.
 */
bool tool_start(const struct start_options *options) MUST_CHECK;

#endif
