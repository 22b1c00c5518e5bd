/* SPDX-License-Identifier: MIT */
/*
 * The catalog, in nine statements of one snapshot.  Postgres itself is asked
 * what a role may (has_table_privilege and its like), so memberships and PUBLIC
 * are judged as they will be when it counts.  What is by role comes as one text
 * with a character a role, whose distance from '0' is the bits: one row each of
 * tables, columns, policies and functions, whatever the number of roles.
 */
#include "store/catalog.h"

#include <stdlib.h>
#include <string.h>

const PGresult *
catalog_ask(struct reading *r, const char *sql, int params)
{
	return snapshot_ask(&r->snapshot, sql, r->params, params);
}

static const char roles_sql[] =
    "select w.name, r.oid is not null, "
    "coalesce(r.rolsuper or r.rolbypassrls, false), current_database(), "
    "session_user "
    "from unnest($2::text[]) with ordinality w(name, n) "
    "left join pg_roles r on r.rolname = w.name "
    "where $1::text[] is not null order by w.n";

/* Whom the contract's functions run as, where that is not the caller. */
static const char owners_sql[] =
    "select distinct o.rolname from pg_proc p "
    "join pg_namespace n on n.oid = p.pronamespace "
    "join pg_roles o on o.oid = p.proowner where p.prosecdef and "
    "$1::text[] is not null and $2::text[] is not null and "
    "n.nspname || '.' || p.proname = any ($3::text[]) order by 1";

static const char login_sql[] = "select session_user";

/*
 * Where foreign keys lead, and what policies name: tables, and the schemas of
 * functions, as they read tables there.
 */
static const char schemas_sql[] =
    "with recursive way (oid) as (select c.oid from pg_class c "
    "join pg_namespace n on n.oid = c.relnamespace "
    "where n.nspname = any ($1::text[]) "
    "union select k.confrelid from way w join pg_constraint k "
    "on k.conrelid = w.oid and k.contype = 'f'), named (schema) as ("
    "select c.relnamespace from way w join pg_class c using (oid) "
    "union select coalesce(c.relnamespace, f.pronamespace) from way w "
    "join pg_policy p on p.polrelid = w.oid join pg_depend d on "
    "d.classid = 'pg_policy'::regclass and d.objid = p.oid "
    "left join pg_class c on d.refclassid = 'pg_class'::regclass "
    "and c.oid = d.refobjid "
    "left join pg_proc f on d.refclassid = 'pg_proc'::regclass "
    "and f.oid = d.refobjid) "
    "select array_agg(n.nspname)::text from (select x.nspname::text from "
    "named join pg_namespace x on x.oid = named.schema where x.nspname not "
    "in ('pg_catalog', 'information_schema') "
    "union select unnest($1::text[])) n";

static const char tables_sql[] =
    "select c.oid, n.nspname, c.relname, pg_get_userbyid(c.relowner), "
    "c.relkind, c.relrowsecurity, c.relforcerowsecurity, "
    "coalesce(c.reloptions && '{security_invoker=true,security_invoker=on}', "
    "false), " BY_ROLE("case when " USES_SCHEMA " then "
    "has_table_privilege(r.oid, c.oid, 'SELECT')::int + "
    "2 * has_table_privilege(r.oid, c.oid, 'INSERT')::int + "
    "4 * has_table_privilege(r.oid, c.oid, 'UPDATE')::int + "
    "8 * has_table_privilege(r.oid, c.oid, 'DELETE')::int else 0 end + "
    "16 * pg_has_role(r.oid, c.relowner, 'USAGE')::int")
    ", " BY_ROLE(USES_SCHEMA "::int") ", u.x & 8, u.x & 4, u.x & 16, "
    "exists (select from pg_depend e where e.classid = 'pg_class'::regclass "
    "and e.objid = c.oid and e.deptype = 'e'), "
    "c.relispartition, obj_description(c.oid, 'pg_class'), "
    "(select string_agg(distinct vn.nspname || '.' || v.relname, E'\\n') "
    "from pg_rewrite w join pg_depend d on d.classid = 'pg_rewrite'::regclass "
    "and d.objid = w.oid and d.refclassid = 'pg_class'::regclass and "
    "d.refobjid <> c.oid join pg_class v on v.oid = d.refobjid join "
    "pg_namespace vn on vn.oid = v.relnamespace where w.ev_class = c.oid) "
    "from pg_class c join pg_namespace n on n.oid = c.relnamespace, "
    /*
     * Only views are asked: it waits for whoever alters a table, and asks the
     * wrapper of a foreign one, which may have no handler.
     */
    "lateral (select case when c.relkind in ('r', 'p', 'f') then 28 "
    "else pg_relation_is_updatable(c.oid, false) end) u(x) "
    "where n.nspname = any ($1::text[]) and c.relkind in "
    "('r', 'p', 'v', 'm', 'f') order by n.nspname, c.relname";

static const char columns_sql[] =
    "select c.oid, a.attname, format_type(a.atttypid, a.atttypmod), "
    "a.attnotnull and not a.atthasdef and a.attidentity = '', "
    BY_ROLE("case when " USES_SCHEMA " then "
    "has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT')::int + "
    "2 * has_column_privilege(r.oid, c.oid, a.attnum, 'INSERT')::int + "
    "4 * has_column_privilege(r.oid, c.oid, a.attnum, 'UPDATE')::int "
    "else 0 end") ", format_type(b.oid, null), b.typcategory, "
    "(select string_agg('(' || pg_get_expr(k.conbin, 0) || ')', ' and ') "
    "from pg_constraint k where k.contypid = t.oid and k.contype = 'c'), "
    "(select string_agg(e.enumlabel, E'\\n' order by "
    "e.enumsortorder) from pg_enum e where e.enumtypid = b.oid), "
    "case when b.oid in ('varchar'::regtype, 'bpchar'::regtype) then "
    "greatest(0, coalesce(nullif(a.atttypmod, -1), t.typtypmod) - 4) "
    "else 0 end, a.attnotnull or t.typnotnull, pg_get_expr(d.adbin, "
    "d.adrelid), a.attidentity <> '', a.attidentity = 'a', "
    "a.attgenerated <> '', exists (select from pg_depend x where "
    "x.classid = 'pg_policy'::regclass and x.refclassid = "
    "'pg_class'::regclass and x.refobjid = c.oid and "
    "x.refobjsubid = a.attnum), exists (select from pg_depend x "
    "join pg_policy p on p.oid = x.objid and p.polrelid <> c.oid where "
    "x.classid = 'pg_policy'::regclass and x.refclassid = "
    "'pg_class'::regclass and x.refobjid = c.oid and "
    "x.refobjsubid = a.attnum), s.oid::regclass::text, case when s.oid is "
    "not null then " BY_ROLE("has_sequence_privilege(r.oid, s.oid, 'USAGE')"
    "::int") " end, "
    "format_type(b.oid, coalesce(nullif(a.atttypmod, -1), t.typtypmod)), "
    "format_type(i.oid, null), "
    "(select string_agg(e.enumlabel, E'\\n' order by e.enumsortorder) "
    "from pg_enum e where e.enumtypid = i.oid), "
    "col_description(c.oid, a.attnum)"
    " from pg_class c join pg_namespace n on n.oid = c.relnamespace "
    "join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and "
    "not a.attisdropped join pg_type t on t.oid = a.atttypid "
    "join pg_type b on b.oid = coalesce(nullif(t.typbasetype, 0), t.oid) "
    "left join pg_type l on l.oid = b.typelem and b.typcategory = 'A' "
    "left join pg_type i on i.oid = coalesce(nullif(l.typbasetype, 0), l.oid) "
    "left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum "
    "left join lateral (select q.oid from pg_depend x join pg_class q on "
    "q.oid = x.refobjid and q.relkind = 'S' where x.classid = "
    "'pg_attrdef'::regclass and x.objid = d.oid and x.refclassid = "
    "'pg_class'::regclass limit 1) s on true "
    "where n.nspname = any ($1::text[]) and c.relkind in "
    "('r', 'p', 'v', 'm', 'f') order by n.nspname, c.relname, a.attnum";

/* A policy is for who has the rights of one of its roles, as to the rewriter. */
static const char policies_sql[] =
    "select c.oid, p.polname, not p.polpermissive, p.polcmd, "
    "(select string_agg(case x when 0 then 'public' else "
    "pg_get_userbyid(x)::text end, E'\\n' order by 1) "
    "from unnest(p.polroles) x), pg_get_expr(p.polqual, p.polrelid), "
    "pg_get_expr(p.polwithcheck, p.polrelid), "
    BY_ROLE("(select bool_or(x = 0 or pg_has_role(r.oid, x, 'USAGE')) "
    "from unnest(p.polroles) x)::int")
    " from pg_class c join pg_namespace n on n.oid = c.relnamespace "
    "join pg_policy p on p.polrelid = c.oid "
    "where n.nspname = any ($1::text[]) and c.relkind in "
    "('r', 'p', 'v', 'm', 'f') order by n.nspname, c.relname, p.polname";

bool
catalog_true(const PGresult *rows, int row, int column)
{
	return PQgetvalue(rows, row, column)[0] == 't';
}

const char *
catalog_text(const PGresult *rows, int row, int column)
{
	return PQgetisnull(rows, row, column) ? NULL :
	    PQgetvalue(rows, row, column);
}

static const unsigned *
bits_by_role(struct reading *r, const char *text)
{
	unsigned *bits = arena_alloc(r->arena,
	    (r->catalog->role_count + 1) * sizeof(*bits));

	for (size_t i = 0; i < r->catalog->role_count && text[i] != '\0'; i++)
		bits[i] = (unsigned)(text[i] - '0');
	return bits;
}

const bool *
catalog_flags(struct reading *r, const char *text)
{
	bool *flags = arena_alloc(r->arena,
	    (r->catalog->role_count + 1) * sizeof(*flags));

	for (size_t i = 0; i < r->catalog->role_count && text[i] != '\0'; i++)
		flags[i] = text[i] != '0';
	return flags;
}

/* The contract's roles, then the owners (or the login role), each once: $2. */
static bool
choose_roles(struct reading *r, const struct catalog_wish *wish, bool wide)
{
	const PGresult *rows = wide ? catalog_ask(r, login_sql, 0) :
	    catalog_ask(r, owners_sql, 3);
	int owners = rows == NULL ? 0 : PQntuples(rows);
	const char **names = arena_alloc(r->arena, (wish->role_count +
	    (size_t)owners + 1) * sizeof(*names));
	size_t count = wish->role_count, known;

	memcpy(names, wish->roles, count * sizeof(*names));
	for (int i = 0; i < owners; i++) {
		names[count] = PQgetvalue(rows, i, 0);
		for (known = 0; strcmp(names[known], names[count]) != 0;)
			known++;
		count += known == count;
	}
	r->params[1] = store_array(r->arena, names, count);
	return rows != NULL;
}

static bool
read_roles(struct reading *r)
{
	const PGresult *rows = catalog_ask(r, roles_sql, 2);
	struct catalog_role *roles;
	int count = rows == NULL ? 0 : PQntuples(rows);

	if (rows == NULL)
		return false;
	roles = arena_alloc(r->arena, ((size_t)count + 1) * sizeof(*roles));
	for (int i = 0; i < count; i++) {
		roles[i].name = PQgetvalue(rows, i, 0);
		roles[i].there = catalog_true(rows, i, 1);
		roles[i].bypasses = catalog_true(rows, i, 2);
		r->catalog->database = PQgetvalue(rows, i, 3);
		r->catalog->login = PQgetvalue(rows, i, 4);
	}
	r->catalog->roles = roles;
	r->catalog->role_count = (size_t)count;
	return true;
}

static void
take_table(struct reading *r, const PGresult *rows, int row,
    struct catalog_table *t)
{
	t->schema = PQgetvalue(rows, row, 1);
	t->name = PQgetvalue(rows, row, 2);
	t->owner = PQgetvalue(rows, row, 3);
	t->kind = PQgetvalue(rows, row, 4)[0];
	t->enabled = catalog_true(rows, row, 5);
	t->forced = catalog_true(rows, row, 6);
	t->invoker = catalog_true(rows, row, 7);
	t->rights = bits_by_role(r, PQgetvalue(rows, row, 8));
	t->uses = catalog_flags(r, PQgetvalue(rows, row, 9));
	for (int verb = CATALOG_INSERT; verb < CATALOG_VERB_COUNT; verb++)
		if (PQgetvalue(rows, row, 9 + verb)[0] != '0')
			t->writable |= 1u << verb;
	t->extension = catalog_true(rows, row, 13);
	t->partition = catalog_true(rows, row, 14);
	t->comment = catalog_text(rows, row, 15);
	t->bases = catalog_lines(r, PQgetvalue(rows, row, 16),
	    &t->base_count);
}

static void
take_column(struct reading *r, const PGresult *rows, int row,
    struct catalog_column *c)
{
	c->name = PQgetvalue(rows, row, 1);
	c->type = PQgetvalue(rows, row, 2);
	c->required = catalog_true(rows, row, 3);
	c->rights = bits_by_role(r, PQgetvalue(rows, row, 4));
	c->base = PQgetvalue(rows, row, 5);
	c->category = PQgetvalue(rows, row, 6)[0];
	c->domain_sql = catalog_text(rows, row, 7);
	c->labels = catalog_lines(r, PQgetvalue(rows, row, 8),
	    &c->label_count);
	c->length = strtoul(PQgetvalue(rows, row, 9), NULL, 10);
	c->not_null = catalog_true(rows, row, 10);
	c->fallback = catalog_text(rows, row, 11);
	c->identity = catalog_true(rows, row, 12);
	c->always = catalog_true(rows, row, 13);
	c->generated = catalog_true(rows, row, 14);
	c->judged = catalog_true(rows, row, 15);
	c->judged_elsewhere = catalog_true(rows, row, 16);
	c->sequence = catalog_text(rows, row, 17);
	if (c->sequence != NULL)
		c->draws = catalog_flags(r, PQgetvalue(rows, row, 18));
	c->shape = PQgetvalue(rows, row, 19);
	c->item = catalog_text(rows, row, 20);
	c->item_labels = catalog_lines(r, PQgetvalue(rows, row, 21),
	    &c->item_label_count);
	c->comment = catalog_text(rows, row, 22);
}

const char *const *
catalog_lines(struct reading *r, const char *joined, size_t *ret_count)
{
	char *text = arena_string(r->arena, joined);
	const char **lines = arena_alloc(r->arena,
	    (strlen(text) + 1) * sizeof(*lines));
	size_t count = 0;
	char *line;

	while (*joined != '\0' && (line = strsep(&text, "\n")) != NULL)
		lines[count++] = line;
	*ret_count = count;
	return lines;
}

static unsigned
verbs_of(char letter)
{
	static const struct {
		char letter;
		unsigned verbs;
	} rows[] = {
		{ 'r', CATALOG_MAY_SELECT }, { 'a', CATALOG_MAY_INSERT },
		{ 'w', CATALOG_MAY_UPDATE }, { 'd', CATALOG_MAY_DELETE },
	};

	for (size_t i = 0; i < countof(rows); i++)
		if (rows[i].letter == letter)
			return rows[i].verbs;
	return CATALOG_MAY_SELECT | CATALOG_MAY_INSERT | CATALOG_MAY_UPDATE |
	    CATALOG_MAY_DELETE;
}

static void
take_policy(struct reading *r, const PGresult *rows, int row,
    struct catalog_policy *p)
{
	p->name = PQgetvalue(rows, row, 1);
	p->restrictive = catalog_true(rows, row, 2);
	p->verbs = verbs_of(PQgetvalue(rows, row, 3)[0]);
	p->roles = catalog_lines(r, PQgetvalue(rows, row, 4),
	    &p->role_count);
	p->using_sql = catalog_text(rows, row, 5);
	p->check_sql = catalog_text(rows, row, 6);
	p->applies = catalog_flags(r, PQgetvalue(rows, row, 7));
}

size_t
catalog_rows_of(const PGresult *rows, int from, const char *oid)
{
	int row = from;

	while (row < PQntuples(rows) &&
	    strcmp(PQgetvalue(rows, row, 0), oid) == 0)
		row++;
	return (size_t)(row - from);
}

/* The parts of tables, and how far they were handed out. */
struct parts {
	const PGresult *columns, *policies;
	int column, policy;
};

static void
add_parts(struct reading *r, struct catalog_table *t, const char *oid,
    struct parts *parts)
{
	struct catalog_column *c;
	struct catalog_policy *p;

	t->column_count = catalog_rows_of(parts->columns, parts->column, oid);
	t->policy_count = catalog_rows_of(parts->policies, parts->policy, oid);
	c = arena_alloc(r->arena, (t->column_count + 1) * sizeof(*c));
	p = arena_alloc(r->arena, (t->policy_count + 1) * sizeof(*p));
	for (size_t i = 0; i < t->column_count; i++)
		take_column(r, parts->columns, parts->column++, &c[i]);
	for (size_t i = 0; i < t->policy_count; i++)
		take_policy(r, parts->policies, parts->policy++, &p[i]);
	t->columns = c;
	t->policies = p;
}

static bool
read_tables(struct reading *r)
{
	const PGresult *rows = catalog_ask(r, tables_sql, 2);
	struct catalog_parts *more = catalog_parts(r);
	struct parts parts = { .columns = catalog_ask(r, columns_sql, 2),
		.policies = catalog_ask(r, policies_sql, 2) };
	struct catalog_table *tables;
	int count;

	if (rows == NULL || more == NULL || parts.columns == NULL ||
	    parts.policies == NULL)
		return false;
	count = PQntuples(rows);
	tables = arena_alloc(r->arena, ((size_t)count + 1) * sizeof(*tables));
	for (int i = 0; i < count; i++) {
		const char *oid = PQgetvalue(rows, i, 0);

		take_table(r, rows, i, &tables[i]);
		add_parts(r, &tables[i], oid, &parts);
		catalog_parts_take(r, more, &tables[i], oid);
	}
	r->catalog->tables = tables;
	r->catalog->table_count = (size_t)count;
	return true;
}

/* $1: the schemas, and those that they lead to. */
static bool
widen(struct reading *r)
{
	const PGresult *rows = catalog_ask(r, schemas_sql, 1);

	if (rows != NULL && !PQgetisnull(rows, 0, 0))
		r->params[0] = PQgetvalue(rows, 0, 0);
	return rows != NULL;
}

/* Of the schemas and functions, which are array literals. */
static struct reading *
begin_reading(const char *schemas, const char *functions,
    const struct catalog_wish *wish, struct arena *arena, struct buf *fault)
{
	struct reading *r = arena_alloc(arena, sizeof(*r));

	*r = (struct reading){ .arena = arena,
		.snapshot = { .arena = arena, .fault = fault } };
	r->params[0] = schemas;
	r->params[1] = store_array(arena, wish->roles, wish->role_count);
	r->params[2] = functions;
	r->catalog = arena_alloc(arena, sizeof(*r->catalog));
	r->catalog->reading = r;
	return r;
}

/* What bears on a contract. */
static struct catalog_wish
wish_of(const struct contract *contract)
{
	const struct contract_about *about = contract_about(contract);

	return (struct catalog_wish){ .roles = about->roles,
		.role_count = about->role_count };
}

static const struct catalog *
read_all(struct reading *r, const struct catalog_wish *wish, bool wide)
{
	r->catalog->identity = r->snapshot.identity;
	return (!wide || widen(r)) && choose_roles(r, wish, wide) &&
	    read_roles(r) && read_tables(r) && catalog_functions(r) ?
	    r->catalog : NULL;
}

static const struct catalog *
read_of(const char *database, const struct contract *contract, bool wide,
    struct arena *arena, struct buf *fault)
{
	const struct catalog_wish wish = wish_of(contract);
	struct reading *r = begin_reading(snapshot_schemas(contract, arena),
	    snapshot_functions(contract, arena), &wish, arena, fault);

	return snapshot_open(&r->snapshot, database, "lockstep gen") ?
	    read_all(r, &wish, wide) : NULL;
}

const struct catalog *
catalog_read(const char *database, const struct contract *contract,
    struct arena *arena, struct buf *fault)
{
	return read_of(database, contract, false, arena, fault);
}

const struct catalog *
catalog_read_wide(const char *database, const struct contract *contract,
    struct arena *arena, struct buf *fault)
{
	return read_of(database, contract, true, arena, fault);
}

const struct catalog *
catalog_read_within(PGconn *connection, const struct contract *contract,
    struct arena *arena, struct buf *fault)
{
	const struct catalog_wish wish = wish_of(contract);
	struct reading *r = begin_reading(snapshot_schemas(contract, arena),
	    snapshot_functions(contract, arena), &wish, arena, fault);

	return snapshot_join(&r->snapshot, connection) ?
	    read_all(r, &wish, false) : NULL;
}

const struct catalog *
catalog_read_schemas(const char *database, const struct catalog_wish *wish,
    struct arena *arena, struct buf *fault)
{
	struct reading *r = begin_reading(store_array(arena, wish->schemas,
	    wish->schema_count), "{}", wish, arena, fault);

	return snapshot_open(&r->snapshot, database, "lockstep gen") ?
	    read_all(r, wish, false) : NULL;
}

void
catalog_leave(const struct catalog *catalog)
{
	snapshot_leave(&catalog->reading->snapshot);
}

const struct catalog_table *
catalog_table(const struct catalog *catalog, const struct relation *relation)
{
	for (size_t i = 0; i < catalog->table_count; i++)
		if (strcmp(catalog->tables[i].schema,
		    relation->schema_name) == 0 &&
		    strcmp(catalog->tables[i].name, relation->name) == 0)
			return &catalog->tables[i];
	return NULL;
}

const struct catalog_function *
catalog_function(const struct catalog *catalog,
    const struct relation *relation)
{
	for (size_t i = 0; i < catalog->function_count; i++)
		if (strcmp(catalog->functions[i].schema,
		    relation->schema_name) == 0 &&
		    strcmp(catalog->functions[i].name, relation->name) == 0)
			return &catalog->functions[i];
	return NULL;
}
