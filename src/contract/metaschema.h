/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_METASCHEMA_H
#define CONTRACT_METASCHEMA_H

/* The metaschemas of 2020-12.  Private to contract/. */
struct metaschema {
	const char *uri;
	const char *text;	/* JSON */
};

/* The one of that URI, or NULL. */
const struct metaschema *metaschema_find(const char *uri);

#endif
