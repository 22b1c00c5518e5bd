/* SPDX-License-Identifier: MIT */
/*
 * What is told of a page beside its rows: in meta, for clients that read JSON,
 * and in the header fields Link and Content-Range, for those that do not.
 */
#include "serve/internal.h"

#include <string.h>

#include "base/text.h"

/*
 * An estimate, or a count of another moment, may be less than the rows that
 * are here, which no client should have to make sense of.
 */
static uint64_t
total_of(const struct outcome *out)
{
	return out->total > out->rows ? out->total : out->rows;
}

void
page_write(const struct visit *visit, struct buf *b)
{
	const struct outcome *out = &visit->outcome;

	buf_string(b, ",\"page\":{\"limit\":");
	buf_int(b, input_plan(visit->input)->limit);
	buf_string(b, ",\"next\":");
	if (out->next != NULL)
		buf_json_string(b, out->next);
	else
		buf_string(b, "null");
	if (out->total_known) {
		buf_string(b, ",\"total\":");
		buf_int(b, (int64_t)total_of(out));
	}
	if (out->total_known && out->total_estimated)
		buf_string(b, ",\"total_estimated\":true");
	buf_char(b, '}');
}

/*
 * Adds text of a target as it was sent.  nginx takes bytes there that no URI
 * has (RFC 3986), of which ">" would end the link.
 */
static void
write_raw(struct buf *b, const char *at, size_t length)
{
	for (; length > 0; at++, length--) {
		if (*at > ' ' && *at < 0x7f &&
		    strchr("\"<>\\^`{|}", *at) == NULL)
			buf_char(b, *at);
		else
			buf_format(b, "%%%02X", (unsigned char)*at);
	}
}

static bool
is_after(struct scope *sc, const char *piece, size_t length)
{
	size_t named = strcspn(piece, "=");
	const char *name = text_percent_decode(sc->arena, piece,
	    named < length ? named : length, true);

	return name != NULL && strcmp(name, "after") == 0;
}

/* The target of this request, with another cursor. */
static void
write_next(struct scope *sc, const struct request *rq, const char *next,
    struct buf *b)
{
	const char *at = rq->query;
	char joint = '?';

	write_raw(b, rq->target, strcspn(rq->target, "?"));
	while (*at != '\0') {
		size_t length = strcspn(at, "&");

		if (length > 0 && !is_after(sc, at, length)) {
			buf_char(b, joint);
			write_raw(b, at, length);
			joint = '&';
		}
		at += length;
		at += *at == '&';
	}
	buf_char(b, joint);
	buf_string(b, "after=");
	buf_string(b, next);
}

/* RFC 8288; a cursor is base64url, so it stands as it is. */
static void
tell_link(struct scope *sc, const struct request *rq, const char *next,
    struct reply *rp)
{
	struct buf *b = reply_value(rp, "Link");

	buf_char(b, '<');
	write_next(sc, rq, next, b);
	buf_string(b, ">; rel=\"next\"");
	reply_value_end(rp);
}

/*
 * "0-19/137" as PostgREST has it.  Behind a cursor nobody knows how many rows
 * came before, so there only the total can be told.
 */
static void
tell_range(const struct visit *visit, struct reply *rp)
{
	const struct outcome *out = &visit->outcome;
	bool first = input_plan(visit->input)->after == NULL;
	struct buf *b;

	if (!first && !out->total_known)
		return;
	b = reply_value(rp, "Content-Range");
	if (first && out->rows > 0) {
		buf_string(b, "0-");
		buf_int(b, (int64_t)out->rows - 1);
	} else {
		buf_char(b, '*');
	}
	buf_char(b, '/');
	if (out->total_known)
		buf_int(b, (int64_t)total_of(out));
	else
		buf_char(b, out->rows > 0 ? '*' : '0');
	reply_value_end(rp);
}

void
page_tell(const struct visit *visit, struct scope *sc,
    const struct request *rq, struct reply *rp)
{
	if (visit->outcome.next != NULL)
		tell_link(sc, rq, visit->outcome.next, rp);
	tell_range(visit, rp);
}
