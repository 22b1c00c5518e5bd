/* SPDX-License-Identifier: MIT */
#ifndef BASE_ROOM_H
#define BASE_ROOM_H

#include <stddef.h>

/*
 * Memory of a process, for as long as it lives or until free(3): `count` times
 * `size` zero bytes, one at least.  Never NULL: without memory at its start a
 * process ends.  What a request needs comes from its arena.
 */
void *room(size_t count, size_t size);

#endif
