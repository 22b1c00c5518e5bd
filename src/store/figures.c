/* SPDX-License-Identifier: MIT */
/*
 * What a host's servers counted, told to the database as the login itself: no
 * caller has a part in it.
 */
#include "store/talk.h"

enum problem
store_note_routes(struct scope *sc, struct store *st, const char *host,
    const char *figures)
{
	const char *params[] = { host, figures };
	const PGresult *rows;

	return talk_ask(sc, st, "select lockstep.note_routes($1, $2::jsonb)",
	    countof(params), params, &rows);
}
