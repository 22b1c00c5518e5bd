/* SPDX-License-Identifier: MIT */
/*
 * What mends a finding, as pieces of migrations.  What would look at all rows
 * under a lock that keeps everybody out is taken apart: a CHECK holds for new
 * rows first and is validated by itself, a column is proved to hold no NULL by
 * such a CHECK.  An index that another one begins with is left out.
 */
#include "tool/patch_part.h"

#include <ctype.h>
#include <string.h>

/* ---- Words of mends. ---- */

/* The rule's own words, as "alter role ... nologin.", are for people. */
const char *
patch_sql(const struct db_finding *f)
{
	static const char *const words[] = { "alter ", "revoke ", "grant ",
		"drop ", "create ", "reindex " };

	if (f->mend == NULL || f->mend == f->rule->mend)
		return NULL;
	for (size_t i = 0; i < countof(words); i++)
		if (strncmp(f->mend, words[i], strlen(words[i])) == 0)
			return f->mend;
	return NULL;
}

static bool
begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool
ends(const char *text, const char *with)
{
	size_t length = strlen(text), wanted = strlen(with);

	return length >= wanted && strcmp(text + length - wanted, with) == 0;
}

/* Without the semicolon at its end. */
static const char *
bare(struct arena *arena, const char *sql)
{
	size_t length = strlen(sql);

	while (length > 0 && strchr("; \n", sql[length - 1]) != NULL)
		length--;
	return arena_copy(arena, sql, length);
}

/* ---- Adding. ---- */

static struct piece *
new_piece(struct patching *p)
{
	struct piece *wider;

	if (p->piece_count == p->piece_room) {
		p->piece_room = p->piece_room == 0 ? 64 : 2 * p->piece_room;
		wider = arena_alloc(p->arena, p->piece_room * sizeof(*wider));
		if (p->piece_count > 0)
			memcpy(wider, p->pieces, p->piece_count *
			    sizeof(*wider));
		p->pieces = wider;
	}
	return &p->pieces[p->piece_count++];
}

static bool
is_same(const struct piece *a, const struct piece *b)
{
	return strcmp(a->sql, b->sql) == 0 && (a->table == b->table ||
	    (a->table != NULL && b->table != NULL &&
		strcmp(a->table, b->table) == 0));
}

/* Adds it, unless it is there; also when it has failed. */
static size_t
add(struct patching *p, struct piece piece)
{
	for (size_t i = 0; i < p->piece_count; i++)
		if (is_same(&p->pieces[i], &piece))
			return 0;
	*new_piece(p) = piece;
	return 1;
}

/* A finding that outlives the list it is in. */
static const struct db_finding *
keep(struct patching *p, const struct db_finding *f)
{
	struct db_finding *kept = arena_alloc(p->arena, sizeof(*kept));

	*kept = *f;
	return kept;
}

/* ---- Tables. ---- */

/* Does row security bind the owner of a table, by its quoted name? */
static bool
is_forced(struct patching *p, const char *table)
{
	for (size_t i = 0; i < p->catalog->table_count; i++) {
		const struct catalog_table *t = &p->catalog->tables[i];
		const char *name = arena_format(p->arena, "\"%s\".\"%s\"",
		    t->schema, t->name);

		if (t->enabled && strncmp(table, name, strlen(name)) == 0)
			return true;
	}
	return false;
}

/*
 * The owner looks whether the rows agree, and forced row security hides them
 * from him: a foreign key is then violated by all of them, or by none.
 */
static const char *
validate_key(struct patching *p, const char *table, const char *validate,
    const char *to)
{
	const char *other = arena_format(p->arena, "%.*s",
	    (int)(strstr(to, " (") - to), to);
	const char *const tables[] = { table, other };
	const char *before = "", *after = "";

	for (size_t i = 0; i < countof(tables); i++) {
		if (!is_forced(p, tables[i]))
			continue;
		before = arena_format(p->arena, "%salter table %s no force "
		    "row level security;\n", before, tables[i]);
		after = arena_format(p->arena, "%s;\nalter table %s force "
		    "row level security", after, tables[i]);
	}
	return arena_format(p->arena, "%salter table %s %s%s", before, table,
	    validate, after);
}

/* "alter table T add constraint N check (...)", or foreign key */
static size_t
add_constraint(struct patching *p, const struct db_finding *f,
    const char *table, const char *clause)
{
	const char *name = clause + strlen("add constraint ");
	const char *to = strstr(name, " references ");
	const char *rest = strstr(name, " check ") != NULL ?
	    strstr(name, " check ") : strstr(name, " foreign key ");
	const char *validate = arena_format(p->arena,
	    "validate constraint %.*s", (int)(rest - name), name);
	const struct db_finding *why = keep(p, f);
	size_t group = ++p->groups;

	return add(p, (struct piece){ .step = STEP_RULE, .table = table,
	    .why = why, .group = group, .sql = arena_format(p->arena,
		"%s not valid", clause) }) +
	    add(p, (struct piece){ .step = STEP_VALIDATE,
		.table = to == NULL ? table : NULL, .why = why,
		.group = group, .lone = true, .sql = to == NULL ? validate :
		    validate_key(p, table, validate, to +
			strlen(" references ")) });
}

/* "alter table T alter C set not null": the column's name, quoted. */
static size_t
add_not_null(struct patching *p, const struct db_finding *f,
    const char *table, const char *clause)
{
	const char *column = clause + strlen("alter ");
	const char *quoted = arena_format(p->arena, "%.*s",
	    (int)(strstr(column, " set not null") - column), column);
	const char *name = arena_format(p->arena, "\"%.*s_not_null\"",
	    (int)strlen(quoted) - 2, quoted + 1);
	const struct db_finding *why = keep(p, f);
	size_t group = ++p->groups, count;

	count = add(p, (struct piece){ .step = STEP_RULE, .table = table,
	    .why = why, .group = group, .sql = arena_format(p->arena,
		"add constraint %s check (%s is not null) not valid", name,
		quoted) });
	count += add(p, (struct piece){ .step = STEP_VALIDATE,
	    .table = table, .why = why, .group = group,
	    .sql = arena_format(p->arena, "validate constraint %s", name) });
	count += add(p, (struct piece){ .step = STEP_SETTLE, .table = table,
	    .why = why, .group = group, .sql = clause });
	return count + add(p, (struct piece){ .step = STEP_DROP,
	    .table = table, .why = why, .group = group,
	    .sql = arena_format(p->arena, "drop constraint %s", name) });
}

static size_t
add_table(struct patching *p, const struct db_finding *f, const char *sql)
{
	const char *check = strstr(sql, " add constraint ");
	const char *column = strstr(sql, " alter \"");
	size_t from = strlen("alter table ");

	if (check != NULL && (strstr(sql, " check (") != NULL ||
	    strstr(sql, " foreign key (") != NULL))
		return add_constraint(p, f, arena_copy(p->arena, sql + from,
		    (size_t)(check - sql) - from), check + 1);
	if (column != NULL && ends(sql, " set not null"))
		return add_not_null(p, f, arena_copy(p->arena, sql + from,
		    (size_t)(column - sql) - from), column + 1);
	return add(p, (struct piece){ .step = strstr(sql, " primary key ") !=
	    NULL ? STEP_KEY : STEP_RULE, .why = keep(p, f), .sql = sql });
}

/* ---- Indexes. ---- */

/* Table and keys without quotes, blanks and directions: "app.t(a,b". */
static const char *
keys_of(struct patching *p, const char *sql)
{
	char *keys = arena_alloc(p->arena, strlen(sql) + 1), *to = keys;

	for (const char *at = strstr(sql, " on ") + 4; *at != '\0'; at++)
		if (begins(at, " desc"))
			at += strlen(" desc") - 1;
		else if (*at != '"' && !isspace((unsigned char)*at))
			*to++ = *at;
	if (to > keys && to[-1] == ')')
		to--;
	*to = '\0';
	return keys;
}

/* Does an index that is to be made begin with these keys? */
static bool
is_served(const struct patching *p, const char *keys)
{
	size_t length = strlen(keys);

	for (size_t i = 0; i < p->piece_count; i++) {
		const char *other = p->pieces[i].keys;

		if (other != NULL && p->pieces[i].failed == NULL &&
		    begins(other, keys) &&
		    (other[length] == '\0' || other[length] == ','))
			return true;
	}
	return false;
}

static size_t
add_keys(struct patching *p, const struct db_finding *f, const char *sql)
{
	const char *keys = keys_of(p, sql);

	if (is_served(p, keys))
		return 0;
	/* What is unique is a rule, which foreign keys may ask for. */
	return add(p, (struct piece){ .step = begins(sql, "create unique") ?
	    STEP_KEY : STEP_INDEX, .keys = keys, .why = keep(p, f),
	    .sql = sql });
}

/* Does a role that policies show every row list the table of an index? */
static bool
is_listed_whole(const struct patching *p, const char *sql)
{
	const struct contract_about *about = contract_about(p->contract);
	const char *on = strstr(sql, " on ") + 4;
	size_t count, n = 0;
	const struct operation *op = contract_operations(p->contract, &count);

	for (size_t i = 0; i < count; i++)
		for (size_t r = 0; op[i].verb == VERB_LIST &&
		     begins(on, op[i].resource->table.sql) &&
		     r < op[i].role_count; r++)
			for (size_t s = 0; s < about->trusted_role_count; s++)
				n += strcmp(op[i].roles[r],
				    about->trusted_roles[s]) == 0;
	return n > 0;
}

/* The index of the table's own order that is to be made, or NULL. */
static struct piece *
order_of(const struct patching *p, const char *keys)
{
	size_t length = strcspn(keys, "(") + 1;

	for (size_t i = 0; i < p->piece_count; i++)
		if (p->pieces[i].keys != NULL &&
		    p->pieces[i].failed == NULL &&
		    strncmp(p->pieces[i].keys, keys, length) == 0 &&
		    strcmp(p->pieces[i].why->rule->id,
			"order-without-index") == 0)
			return &p->pieces[i];
	return NULL;
}

/*
 * Of a column that policies compare: each caller reads his own rows in the
 * list's order, so the order's columns follow it.  Alone the order is kept for
 * those who read all.
 */
static size_t
add_judged(struct patching *p, const struct db_finding *f, const char *sql)
{
	struct piece *order = order_of(p, keys_of(p, sql));
	const char *both;

	if (order == NULL)
		return add_keys(p, f, sql);
	both = arena_format(p->arena, "%.*s, %s", (int)strlen(sql) - 1, sql,
	    strchr(order->sql, '(') + 1);
	if (is_listed_whole(p, order->sql))
		return add_keys(p, f, both);
	order->sql = both;
	order->keys = keys_of(p, both);
	return 1;
}

static size_t
add_index(struct patching *p, const struct db_finding *f, const char *sql)
{
	return strcmp(f->rule->id, "policy-unindexed") == 0 ?
	    add_judged(p, f, sql) : add_keys(p, f, sql);
}

/* ---- All of them. ---- */

#define REINDEX "reindex index concurrently "

static size_t
add_finding(struct patching *p, const struct db_finding *f)
{
	const char *sql = bare(p->arena, patch_sql(f));

	if (begins(sql, "create index ") ||
	    begins(sql, "create unique index "))
		return add_index(p, f, sql);
	if (begins(sql, "alter table "))
		return add_table(p, f, sql);
	/* CONCURRENTLY is for statements of their own. */
	if (begins(sql, REINDEX))
		return add(p, (struct piece){ .step = STEP_INDEX,
		    .why = keep(p, f), .sql = arena_format(p->arena,
			"reindex index %s", sql + strlen(REINDEX)) });
	return add(p, (struct piece){ .step = STEP_ACCESS,
	    .why = keep(p, f), .sql = sql });
}

/*
 * An index serves others, and when policies confine a list to the caller's own
 * rows it wants fewer: what comes later is judged again with what came before.
 */
enum { TIER_ANY, TIER_FIRST, TIER_ORDER, TIER_POLICY, TIER_KEY, TIER_SORT,
	TIER_REST };

static int
tier_of(const struct db_finding *f)
{
	static const struct {
		const char *id;
		int tier;
	} rows[] = { { "key-not-unique", TIER_FIRST },
		{ "upsert-not-unique", TIER_FIRST },
		{ "order-without-index", TIER_ORDER },
		{ "policy-unindexed", TIER_POLICY },
		{ "key-unindexed", TIER_KEY },
		{ "related-without-index", TIER_KEY },
		{ "sort-without-index", TIER_SORT },
		{ "filter-without-index", TIER_REST },
		{ "search-without-index", TIER_REST } };

	for (size_t i = 0; i < countof(rows); i++)
		if (strcmp(rows[i].id, f->rule->id) == 0)
			return rows[i].tier;
	return TIER_ANY;
}

static size_t
add_tier(struct patching *p, const struct findings *findings, int tier)
{
	size_t count = 0;

	for (size_t i = 0; i < findings->count; i++)
		if (tier_of(&findings->at[i]) == tier &&
		    patch_sql(&findings->at[i]) != NULL)
			count += add_finding(p, &findings->at[i]);
	return count;
}

size_t
patch_add_pieces(struct patching *p, const struct findings *findings)
{
	size_t count = add_tier(p, findings, TIER_ANY), indexes = 0;

	for (int tier = TIER_FIRST; tier <= TIER_POLICY; tier++)
		indexes += add_tier(p, findings, tier);
	for (int tier = TIER_KEY; tier <= TIER_REST && indexes == 0; tier++)
		indexes += add_tier(p, findings, tier);
	return count + indexes;
}

/* "app.f(uuid)", with or without more behind it. */
static bool
is_function(struct patching *p, const struct catalog_function *f,
    const char *object)
{
	const char *name = arena_format(p->arena, "%s.%s", f->schema,
	    f->name);

	return begins(object, name) &&
	    strchr(" (", object[strlen(name)]) != NULL;
}

const char *
patch_owner_of(struct patching *p, const struct piece *piece)
{
	const struct catalog *c = p->catalog;

	for (size_t i = 0; i < c->table_count; i++)
		if (patch_is_of(piece->why, &c->tables[i], p->arena))
			return c->tables[i].owner;
	for (size_t i = 0; i < c->function_count; i++)
		if (is_function(p, &c->functions[i], piece->why->object))
			return c->functions[i].owner;
	return NULL;
}

const char *
patch_statement(struct patching *p, const struct piece *piece)
{
	const char *sql = piece->table == NULL ? piece->sql : arena_format(
	    p->arena, "alter table %s %s", piece->table, piece->sql);

	return piece->as == NULL ? sql : arena_format(p->arena,
	    "set local role %s;\n%s;\nreset role", patch_name(p->arena,
		piece->as), sql);
}
