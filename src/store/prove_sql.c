/* SPDX-License-Identifier: MIT */
/*
 * The proof's words of SQL, and how it asks.  Names and values are quoted here
 * and nowhere else.  A statement that fails spoils the transaction up to the
 * savepoint before it, so whoever asks what may fail sets one.
 */
#include "store/prove.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- Words of SQL. ---- */

static const char *
quoted(struct proof *p, const char *text, char quote)
{
	char *ret = arena_alloc(p->arena, 2 * strlen(text) + 3), *at = ret;

	*at++ = quote;
	for (; *text != '\0'; text++) {
		if (*text == quote)
			*at++ = quote;
		*at++ = *text;
	}
	*at++ = quote;
	*at = '\0';
	return ret;
}

const char *
proof_name(struct proof *p, const char *name)
{
	return quoted(p, name, '"');
}

const char *
proof_literal(struct proof *p, const char *text)
{
	return text == NULL ? "null" : quoted(p, text, '\'');
}

/* xorshift64*: chance is wanted, not secrecy. */
uint64_t
proof_chance(struct proof *p)
{
	p->seed ^= p->seed >> 12;
	p->seed ^= p->seed << 25;
	p->seed ^= p->seed >> 27;
	return p->seed * UINT64_C(2685821657736338717);
}

static char
other_letter(struct proof *p, char c)
{
	uint64_t n = proof_chance(p) >> 32;

	if (isdigit((unsigned char)c))
		return (char)('0' + n % 10);
	if (c >= 'A' && c <= 'Z')
		return (char)('A' + n % (c <= 'F' ? 6 : 26));
	if (c >= 'a' && c <= 'z')
		return (char)('a' + n % (c <= 'f' ? 6 : 26));
	return c;
}

const char *
proof_uuid(struct proof *p)
{
	uint64_t a = proof_chance(p), b = proof_chance(p);

	return arena_format(p->arena, "%08" PRIx64 "-%04" PRIx64 "-4%03"
	    PRIx64 "-8%03" PRIx64 "-%012" PRIx64, a >> 32, a >> 16 & 0xffff,
	    a & 0xfff, b >> 52, b & UINT64_C(0xffffffffffff));
}

/* Other letters and digits in the places of those at its end. */
static const char *
other_text(struct proof *p, const char *text)
{
	char *ret = arena_string(p->arena, text);
	size_t length = strlen(ret);

	for (size_t i = length > 10 ? length - 10 : length > 1; i < length;
	    i++)
		ret[i] = other_letter(p, ret[i]);
	return ret;
}

static const char *
other_moment(struct proof *p, const char *type)
{
	uint64_t n = proof_chance(p) >> 16;

	if (strncmp(type, "time", 4) == 0 && strncmp(type, "timestamp",
	    9) != 0)
		return arena_format(p->arena, "%02" PRIu64 ":%02" PRIu64,
		    n % 24, n / 24 % 60);
	return arena_format(p->arena, "%04" PRIu64 "-%02" PRIu64 "-%02"
	    PRIu64, 2100 + n % 800, 1 + n / 800 % 12, 1 + n / 9600 % 28);
}

const char *
proof_scrambled(struct proof *p, const struct catalog_column *c,
    const char *text)
{
	if (text == NULL)
		return NULL;
	if (strcmp(c->base, "uuid") == 0)
		return proof_uuid(p);
	if (strcmp(c->base, "integer") == 0 || strcmp(c->base, "bigint") == 0)
		return arena_format(p->arena, "%" PRIu64,
		    1000000000 + proof_chance(p) % 1000000000);
	if (strcmp(c->base, "smallint") == 0)
		return arena_format(p->arena, "%" PRIu64,
		    1000 + proof_chance(p) % 30000);
	if (c->category == 'D')
		return other_moment(p, c->base);
	return strchr("SNU", c->category) != NULL ? other_text(p, text) :
	    text;
}

/* An address is one; else subjects are as they are. */
const char *
proof_identity(struct proof *p, const struct tenant *t,
    const struct catalog_column *c)
{
	if (strcmp(c->base, "integer") == 0 || strcmp(c->base, "bigint") == 0)
		return arena_format(p->arena, "%" PRId64, t->number);
	return strstr(c->name, "email") == NULL ? t->subject :
	    arena_format(p->arena, "%s@a.example", t->subject);
}

const char *
proof_where(struct proof *p, const struct plot *plot,
    const char *const *values, const size_t *columns, size_t count)
{
	const char *sql = "";

	for (size_t i = 0; i < count; i++) {
		const struct catalog_column *c =
		    &plot->table->columns[columns[i]];
		const char *value = values[columns[i]];

		sql = arena_format(p->arena, "%s%s%s %s %s", sql,
		    i > 0 ? " and " : "", proof_name(p, c->name),
		    value == NULL ? "is" : "=", proof_literal(p, value));
	}
	return sql;
}

/* ---- Asking. ---- */

PGresult *
proof_ask(struct proof *p, const char *sql)
{
	return store_keep(p->arena, PQexec(p->connection, sql));
}

bool
proof_do(struct proof *p, const char *sql)
{
	PGresult *result = PQexec(p->connection, sql);
	ExecStatusType status = PQresultStatus(result);

	PQclear(result);
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

const char *
proof_words(struct proof *p, const PGresult *result)
{
	const char *words = PQresultErrorField(result,
	    PG_DIAG_MESSAGE_PRIMARY);
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (words == NULL)
		return "the connection was lost";
	return arena_format(p->arena, "%.*s (%s)", (int)strcspn(words, "\n"),
	    words, state != NULL ? state : "");
}

size_t
proof_column(const struct catalog_table *t, const char *name)
{
	size_t i = 0;

	while (i < t->column_count && strcmp(t->columns[i].name, name) != 0)
		i++;
	return i;
}

struct plot *
proof_plot(struct proof *p, const char *schema, const char *table)
{
	for (size_t i = 0; i < p->plot_count; i++)
		if (strcmp(p->plots[i].table->schema, schema) == 0 &&
		    strcmp(p->plots[i].table->name, table) == 0)
			return &p->plots[i];
	return NULL;
}

bool
proof_trouble(struct proof *p, const char *what)
{
	const char *words = PQerrorMessage(p->connection);

	buf_format(p->fault, "%s: %.*s", what, (int)strcspn(words, "\n"),
	    words);
	return false;
}

static bool
force(struct proof *p, struct plot *plot, bool open)
{
	PGresult *result;
	bool well;

	if (!plot->opens || plot->open == open)
		return true;
	proof_do(p, "savepoint force");
	result = proof_ask(p, arena_format(p->arena, "alter table %s %s row "
	    "level security", plot->sql, open ? "no force" : "force"));
	well = PQresultStatus(result) == PGRES_COMMAND_OK;
	if (well)
		plot->open = open;
	else
		p->why = proof_words(p, result);
	proof_do(p, well ? "release savepoint force" :
	    "rollback to savepoint force; release savepoint force");
	return well;
}

bool
proof_open(struct proof *p, struct plot *plot)
{
	return force(p, plot, true);
}

bool
proof_close(struct proof *p, struct plot *plot)
{
	return force(p, plot, false);
}
