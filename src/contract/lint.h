/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_LINT_H
#define CONTRACT_LINT_H

#include <json-c/json.h>

#include "base/arena.h"
#include "base/json.h"
#include "contract/contract.h"

/*
 * The profile of contracts: what keeps a schema portable between front end,
 * server and database, beyond being right.  Private to contract/.
 */

/* A file of schemas/, read and placed. */
struct lint_file {
	const char *file;		/* relative to the directory */
	struct json_object *root;
	struct json_places *places;
};

/* All files that are looked at, and what was found. */
struct lint {
	struct arena *arena;
	struct lint_file *files;
	size_t file_count;
	struct finding *findings;
	size_t finding_count, finding_room;
};

/* Looks at the schemas of a file, and adds what it finds. */
void lint_schemas(struct lint *lint, const struct lint_file *file);

/*
 * Adds a finding; the texts are constants or in the arena.  Beyond what can be
 * told (a thousand) nothing is added.
 */
void lint_add(struct lint *lint, const struct finding *finding);

#endif
