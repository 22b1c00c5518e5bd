/* SPDX-License-Identifier: MIT */
/*
 * What processes and threads are made of when they begin.
 */
#include "base/room.h"

#include <stdlib.h>

void *
room(size_t count, size_t size)
{
	void *ret = calloc(count > 0 ? count : 1, size);

	if (ret == NULL)
		abort();
	return ret;
}
