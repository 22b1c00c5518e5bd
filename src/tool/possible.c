/* SPDX-License-Identifier: MIT */
/*
 * Twenty problems that every operation has would hide the three that are its
 * own.  A contract of one operation has all of them in common, but those that
 * the contract itself declares.
 */
#include "tool/possible.h"

#include <string.h>

static bool
has(const struct possible *all, size_t count, const struct possible *one)
{
	for (size_t i = 0; i < count; i++)
		if (all[i].problem == one->problem &&
		    all[i].status == one->status &&
		    strcmp(all[i].code, one->code) == 0)
			return true;
	return false;
}

/* Keeps of `list` what is in the other (`in`), or what is not. */
static size_t
sift(struct possible *list, size_t count, const struct possible *other,
    size_t other_count, bool in)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (has(other, other_count, &list[i]) == in)
			list[kept++] = list[i];
	return kept;
}

static struct possible *
copy(struct arena *arena, const struct possible *list, size_t count)
{
	struct possible *ret = arena_alloc(arena,
	    (count + 1) * sizeof(*ret));

	memcpy(ret, list, count * sizeof(*ret));
	return ret;
}

const struct possible *
possible_common(const struct contract *contract, struct arena *arena,
    size_t *ret_count)
{
	static const struct possible none[1];
	size_t operations, count, other_count, kept = 0;
	const struct operation *op = contract_operations(contract,
	    &operations);
	const struct possible *first, *other;
	struct possible *list;

	*ret_count = 0;
	if (operations == 0)
		return none;
	first = tool_problems(contract, op, arena, &count);
	list = copy(arena, first, count);
	for (size_t i = 0; i < count; i++)
		if (list[i].problem != PROBLEM_DECLARED)
			list[kept++] = list[i];
	for (size_t i = 1; i < operations; i++) {
		other = tool_problems(contract, &op[i], arena, &other_count);
		kept = sift(list, kept, other, other_count, true);
	}
	*ret_count = kept;
	return list;
}

const struct possible *
possible_own(const struct contract *contract, const struct operation *op,
    const struct possible *common, size_t common_count, struct arena *arena,
    size_t *ret_count)
{
	size_t count;
	const struct possible *all = tool_problems(contract, op, arena,
	    &count);
	struct possible *list = copy(arena, all, count);

	*ret_count = sift(list, count, common, common_count, false);
	return list;
}
