/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_OUTLINE_H
#define CONTRACT_OUTLINE_H

#include "contract/compile.h"
#include "contract/keyword.h"

/*
 * A compiled schema once more, as its author wrote it: the text of the schemas
 * that can be met on the way, keyword by keyword.  What must tell where each
 * keyword stands (annotate.c) walks it; judging never does.  Private to
 * contract/.
 */

/* A keyword of a schema object. */
struct word {
	enum keyword keyword;		/* KEYWORD_COUNT: one not in use */
	const char *name;
	struct json_object *value;
	const struct schema *alone;	/* a schema of this keyword and nothing
					 * else, if it asserts; or NULL */
	const char *annotation;		/* JSON text of the value if that is
					 * one; or NULL */
	size_t size;			/* of the value as JSON text, if it
					 * annotates or asserts */
	const struct node *target;	/* of $ref; of $dynamicRef at first */
	const char *anchor;		/* of $dynamicRef, or NULL */
	const struct schema_pattern **patterns;	/* of patternProperties, in
					 * the order of its members */
};

/* An object, array or boolean of a document; a schema once it was reached. */
struct node {
	struct node *chain;		/* of a bucket */
	struct json_object *value;
	const struct node *up;		/* what it is in; NULL: a document */
	const char *name;		/* there; NULL: by index */
	size_t index;
	const struct schema_resource *resource;	/* of a schema, else NULL */
	/*
	 * Keywords in use in the text's order, unevaluated... last; after
	 * them what is not in use.
	 */
	const struct word *words;
	size_t used_count, word_count;
	struct node *next;		/* to be read, while it is made */
};

struct outline;

/*
 * The outline of a schema of the set and of all that it refers to; it belongs
 * to the set.  For a set by the plain standard, not for a contract's.
 */
const struct outline *outline_new(struct schema_set *set,
    const struct schema *schema, struct buf *faults);

/* The schema that it was made of. */
const struct node *outline_top(const struct outline *outline);

/* The node of a value of the schema's text; NULL when it has none. */
const struct node *outline_find(const struct outline *outline,
    const struct json_object *value);

/* The keyword if the schema has it and it is in use, or NULL. */
const struct word *node_word(const struct node *node, enum keyword k);

/* Is it in a file whose URI is only where it lies, for want of an $id? */
bool node_is_nameless(const struct node *node);

/*
 * Adds the URI of a schema, or of a keyword of it when `word` is not NULL: that
 * of its resource, with a JSON pointer as its fragment.
 */
void node_locate(const struct node *node, const struct word *word,
    struct buf *b);

/* Adds "/" and a token of a JSON pointer (RFC 6901). */
void pointer_add(struct buf *b, const char *token);
void pointer_add_index(struct buf *b, size_t index);

#endif
