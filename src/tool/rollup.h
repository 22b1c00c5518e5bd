/* SPDX-License-Identifier: MIT */
#ifndef TOOL_ROLLUP_H
#define TOOL_ROLLUP_H

#include "base/arena.h"
#include "contract/contract.h"
#include "store/store.h"

/*
 * The SQL of a rollup: what gen writes and check holds the database against.
 * Private to tool/.
 */
enum rollup_part {
	ROLLUP_WRITE, ROLLUP_FOLD, ROLLUP_RECOUNT, ROLLUP_COMPARE,
	ROLLUP_FUNCTION_COUNT,
	ROLLUP_MIGRATION = ROLLUP_FUNCTION_COUNT, ROLLUP_POLICIES,
	ROLLUP_PART_COUNT
};

/* What a rollup is made with, in the arena. */
struct rollup_draft {
	struct arena *arena;
	const struct rollup *rollup;
	const struct catalog_table *source;
	const struct catalog *catalog;
};

/* company_events_fold; of the parts that are functions. */
const char *rollup_function(struct arena *arena, const struct rollup *r,
    enum rollup_part part);

/* A part's text; of a function its body. */
const char *rollup_text(const struct rollup_draft *d, enum rollup_part part);

/* The tables and the view that it makes, by number; NULL = there are no more. */
const char *rollup_relation(struct arena *arena, const struct rollup *r,
    size_t number);

/* Is there a measure of the kind, or a min or a max? */
bool rollup_has(const struct rollup *r, enum measure_kind kind);
bool rollup_has_extremes(const struct rollup *r);

/* The columns of the source that it looks at, each once. */
const struct field *const *rollup_fields(struct arena *arena,
    const struct rollup *r, size_t *ret_count);

/*
 * Why it cannot be kept of this table: a sentence, or NULL when it can.  *ret
 * names the column.
 */
const char *rollup_refusal(const struct rollup_draft *d, const char **ret);

/* Is it one of ours, which count rows and are no callers? */
bool rollup_is_own_role(const char *role);

/* Does the policy of the source hold reading for a role that callers have? */
bool rollup_is_for_callers(const struct rollup_draft *d,
    const struct catalog_policy *policy);

/*
 * Does the role, by its number in the catalog, read the figures?  It does when
 * a policy lets it read rows and it may select every column that is looked at.
 */
bool rollup_reads(const struct rollup_draft *d, size_t role);

/* The first of these columns that the role may not select, or NULL. */
const char *rollup_unselectable(const struct rollup_draft *d, size_t role);

/*
 * The first of these columns that a role may not select which a policy lets
 * read and which may select others of them; NULL when there is none.
 */
const char *rollup_kept_from(const struct rollup_draft *d, size_t role);

/*
 * Why figures cannot be kept from whom this policy keeps the rows, in words that
 * follow its name; NULL when they can.
 */
const char *rollup_policy_refusal(const struct rollup_draft *d,
    const struct catalog_policy *policy);

#endif
