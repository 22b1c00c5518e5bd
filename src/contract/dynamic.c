/* SPDX-License-Identifier: MIT */
/*
 * $dynamicRef.  It refers to the $dynamicAnchor of the outermost resource on
 * the way that led to it, so every resource in use that has the anchor is a
 * candidate.  With one, which is the usual case, it is a plain reference; and
 * also when the resource that every run begins with has the anchor.  Else a run
 * keeps a stack of the resources that it entered, which costs only schemas that
 * were made in a compilation like that.
 */
#include "contract/compile.h"

#include <string.h>

/* Makes each schema of a resource in use with that anchor; counts them. */
static size_t
make_candidates(struct schema_set *set, const struct dynamic_ref *ref,
    const struct schema **ret)
{
	size_t count = 0;
	const struct schema_resource *r = set->library.resources;

	for (; r != NULL; r = r->next) {
		const struct anchor *anchor = r->used ?
		    resource_anchor(r, ref->anchor, true) : NULL;
		const struct schema *made;

		if (anchor == NULL)
			continue;
		made = schema_make(set, &anchor->spot, anchor->value,
		    ref->variant);
		if (ret != NULL)
			ret[count] = made;
		count++;
	}
	return count;
}

/* Making candidates may bring new resources into use, and new references. */
static void
make_all(struct schema_set *set)
{
	const struct schema *newest;

	do {
		newest = set->schemas;
		for (const struct dynamic_ref *ref = set->dynamic; ref != NULL;
		     ref = ref->next)
			(void)make_candidates(set, ref, NULL);
	} while (set->schemas != newest);
}

/*
 * The resource that every run begins with: the root's, unless an example of
 * another one is judged by itself.
 */
static const struct schema_resource *
outermost(const struct schema_set *set, const struct schema *root)
{
	for (const struct example *e = set->examples; e != NULL; e = e->next)
		if (e->schema->resource != root->resource)
			return NULL;
	return root->resource;
}

/* What a reference means in any run, or NULL: all[0] is its plain meaning. */
static const struct schema *
only_target(const struct schema *const *all, size_t count,
    const struct schema_resource *begin)
{
	for (size_t i = 1; i < count; i++)
		if (all[i]->resource == begin)
			return all[i];
	return count == 2 && all[1] == all[0] ? all[0] : NULL;
}

/* The one that a plain reference would mean stays the first. */
static void
complete(struct schema_set *set, const struct dynamic_ref *ref,
    const struct schema_resource *begin)
{
	struct applicator *a = ref->applicator;
	const struct schema *first = a->schemas[0], *only, **all;
	size_t count = make_candidates(set, ref, NULL);

	all = arena_alloc(set->library.arena, (count + 1) * sizeof(*all));
	(void)make_candidates(set, ref, all + 1);
	all[0] = first;
	a->schemas = all;
	a->count = count + 1;
	if ((only = only_target(all, count + 1, begin)) != NULL) {
		all[0] = only;
		a->count = 1;
		a->kind = APPLY_ALL;
	}
}

void
schema_settle_dynamic(struct schema_set *set, const struct schema *root,
    struct schema *until)
{
	const struct schema_resource *begin = outermost(set, root);
	bool open = false;

	make_all(set);
	for (const struct dynamic_ref *ref = set->dynamic; ref != NULL;
	     ref = ref->next) {
		complete(set, ref, begin);
		open = open || ref->applicator->kind == APPLY_DYNAMIC;
	}
	for (struct schema *s = set->schemas; open && s != until; s = s->next)
		s->entered = s->resource;
}
