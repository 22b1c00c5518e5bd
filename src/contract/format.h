/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_FORMAT_H
#define CONTRACT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

/* The formats that are asserted.  Private to contract/. */
struct format {
	const char *name;
	bool (*holds)(const char *s, size_t length);
	unsigned weight;	/* steps of the judge for 16 bytes */
};

/* The format of that name, or NULL.  formats_all() ends with a NULL name. */
const struct format *format_find(const char *name);
const struct format *formats_all(void);

#endif
