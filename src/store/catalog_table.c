/* SPDX-License-Identifier: MIT */
/*
 * What hangs on the tables of a catalog beside columns and policies: their
 * constraints, indexes and triggers.  Lists of names come as lines.  A trigger
 * has its function's text, as what it raises and fills is nowhere else.
 */
#include "store/catalog.h"

#include <stdlib.h>
#include <string.h>

struct catalog_parts {
	const PGresult *constraints, *indexes, *triggers;
	int constraint, index, trigger;
};

#define NAMES(numbers, table)                                                  \
	"(select string_agg(a.attname, E'\\n' order by k.n) from unnest("      \
	numbers ") with ordinality k(attnum, n) join pg_attribute a on "       \
	"a.attrelid = " table " and a.attnum = k.attnum)"

#define OF_TABLES                                                              \
	" join pg_namespace n on n.oid = c.relnamespace "                      \
	"where n.nspname = any ($1::text[]) and c.relkind in "                 \
	"('r', 'p', 'v', 'm', 'f') "

static const char constraints_sql[] =
    "select c.oid, k.conname, k.contype, " NAMES("k.conkey", "c.oid") ", "
    "case when k.contype = 'c' then pg_get_expr(k.conbin, k.conrelid) end, "
    "fn.nspname, f.relname, " NAMES("k.confkey", "f.oid") ", "
    "k.convalidated, k.condeferrable "
    "from pg_class c join pg_constraint k on k.conrelid = c.oid "
    "left join pg_class f on f.oid = nullif(k.confrelid, 0) "
    "left join pg_namespace fn on fn.oid = f.relnamespace" OF_TABLES
    "order by n.nspname, c.relname, k.conname";

/*
 * No index reaches over the parts of a partitioned table but by the columns
 * that divide it.  What is unique over all of them by others is kept by a table
 * that a trigger names, as in lockstep.keys_table(): its unique indexes count.
 */
#define KEPT_ELSEWHERE                                                         \
	"select t.tgrelid, u.indexrelid, true from pg_trigger t join "         \
	"pg_class p on p.oid = t.tgrelid and p.relkind = 'p' join (select "    \
	"k.oid, convert_to(l.nspname || '.' || k.relname, 'UTF8') as name "    \
	"from pg_class k join pg_namespace l on l.oid = k.relnamespace "       \
	"where k.relkind = 'r') k on t.tgargs = k.name || '\\000'::bytea "     \
	"join pg_index u on u.indrelid = k.oid and u.indisunique "             \
	"where t.tgnargs = 1 and t.tgtype & 7 = 7"

/*
 * Each key is a line: whether it descends, whether NULLs come first, whether it
 * is a column, then its name or expression.
 */
static const char indexes_sql[] =
    "select c.oid, i.relname, m.amname, x.indisunique, x.indisvalid, "
    "pg_get_expr(x.indpred, x.indrelid), "
    "(select string_agg((x.indoption[k.n - 1] & 1)::text || "
    "(x.indoption[k.n - 1] >> 1 & 1)::text || (k.attnum > 0)::int || "
    "coalesce(a.attname, replace(pg_get_indexdef(i.oid, k.n::int, false), "
    "E'\\n', ' ')), E'\\n' order by k.n) from unnest(x.indkey::int2[]) with "
    "ordinality k(attnum, n) left join pg_attribute a on a.attrelid = "
    "x.indrelid and a.attnum = k.attnum and k.attnum > 0 "
    "where k.n <= x.indnkeyatts) "
    ", o.elsewhere from pg_class c join (select indrelid as rel, indexrelid, "
    "false as elsewhere from pg_index union all " KEPT_ELSEWHERE ") o "
    "on o.rel = c.oid join pg_index x on x.indexrelid = o.indexrelid "
    "join pg_class i on i.oid = x.indexrelid join pg_am m on m.oid = i.relam"
    OF_TABLES "order by n.nspname, c.relname, i.relname";

static const char triggers_sql[] =
    "select c.oid, t.tgname, (t.tgtype & 2) <> 0, (t.tgtype & 4) / 2 + "
    "(t.tgtype & 16) / 4 + (t.tgtype & 8), p.prosrc "
    "from pg_class c join pg_trigger t on t.tgrelid = c.oid and "
    "not t.tgisinternal and t.tgenabled <> 'D' "
    "join pg_proc p on p.oid = t.tgfoid" OF_TABLES
    "order by n.nspname, c.relname, t.tgname";

struct catalog_parts *
catalog_parts(struct reading *r)
{
	struct catalog_parts *p = arena_alloc(r->arena, sizeof(*p));

	*p = (struct catalog_parts){
		.constraints = catalog_ask(r, constraints_sql, 1),
		.indexes = catalog_ask(r, indexes_sql, 1),
		.triggers = catalog_ask(r, triggers_sql, 1),
	};
	return p->constraints == NULL || p->indexes == NULL ||
	    p->triggers == NULL ? NULL : p;
}

static void
take_constraint(struct reading *r, const PGresult *rows, int row,
    struct catalog_constraint *k)
{
	k->name = PQgetvalue(rows, row, 1);
	k->kind = PQgetvalue(rows, row, 2)[0];
	k->columns = catalog_lines(r, PQgetvalue(rows, row, 3),
	    &k->column_count);
	k->check_sql = catalog_text(rows, row, 4);
	k->schema = catalog_text(rows, row, 5);
	k->table = catalog_text(rows, row, 6);
	k->keys = catalog_lines(r, PQgetvalue(rows, row, 7), &k->key_count);
	k->valid = catalog_true(rows, row, 8);
	k->deferrable = catalog_true(rows, row, 9);
}

static void
take_index(struct reading *r, const PGresult *rows, int row,
    struct catalog_index *x)
{
	const char *const *lines = catalog_lines(r, PQgetvalue(rows, row, 6),
	    &x->key_count);
	struct catalog_key *keys = arena_alloc(r->arena,
	    (x->key_count + 1) * sizeof(*keys));

	for (size_t i = 0; i < x->key_count; i++) {
		keys[i].descending = lines[i][0] == '1';
		keys[i].nulls_first = lines[i][1] == '1';
		keys[i].column = lines[i][2] == '1' ? lines[i] + 3 : NULL;
		keys[i].sql = lines[i] + 3;
	}
	x->name = PQgetvalue(rows, row, 1);
	x->method = PQgetvalue(rows, row, 2);
	x->unique = catalog_true(rows, row, 3);
	x->valid = catalog_true(rows, row, 4);
	x->where_sql = catalog_text(rows, row, 5);
	x->elsewhere = catalog_true(rows, row, 7);
	x->keys = keys;
}

static void
take_trigger(const PGresult *rows, int row, struct catalog_trigger *t)
{
	t->name = PQgetvalue(rows, row, 1);
	t->before = catalog_true(rows, row, 2);
	t->verbs = (unsigned)(PQgetvalue(rows, row, 3)[0] - '0');
	if (PQgetlength(rows, row, 3) > 1)
		t->verbs = t->verbs * 10 +
		    (unsigned)(PQgetvalue(rows, row, 3)[1] - '0');
	t->source = PQgetvalue(rows, row, 4);
}

void
catalog_parts_take(struct reading *r, struct catalog_parts *p,
    struct catalog_table *t, const char *oid)
{
	struct catalog_constraint *k;
	struct catalog_index *x;
	struct catalog_trigger *g;

	t->constraint_count = catalog_rows_of(p->constraints, p->constraint,
	    oid);
	t->index_count = catalog_rows_of(p->indexes, p->index, oid);
	t->trigger_count = catalog_rows_of(p->triggers, p->trigger, oid);
	k = arena_alloc(r->arena, (t->constraint_count + 1) * sizeof(*k));
	x = arena_alloc(r->arena, (t->index_count + 1) * sizeof(*x));
	g = arena_alloc(r->arena, (t->trigger_count + 1) * sizeof(*g));
	for (size_t i = 0; i < t->constraint_count; i++)
		take_constraint(r, p->constraints, p->constraint++, &k[i]);
	for (size_t i = 0; i < t->index_count; i++)
		take_index(r, p->indexes, p->index++, &x[i]);
	for (size_t i = 0; i < t->trigger_count; i++)
		take_trigger(p->triggers, p->trigger++, &g[i]);
	t->constraints = k;
	t->indexes = x;
	t->triggers = g;
}

/* The grants of a table. */

static const char grants_sql[] =
    "select coalesce(r.rolname, 'public'), x.privilege_type, x.attname, "
    "x.is_grantable from (select a.grantee, a.privilege_type, null::name as "
    "attname, a.is_grantable from pg_class c, lateral aclexplode(c.relacl) a "
    "where c.oid = $1::regclass "
    "union all select a.grantee, a.privilege_type, t.attname, a.is_grantable "
    "from pg_attribute t, lateral aclexplode(t.attacl) a "
    "where t.attrelid = $1::regclass and not t.attisdropped) x "
    "join pg_class o on o.oid = $1::regclass "
    "left join pg_roles r on r.oid = x.grantee "
    "left join pg_attribute n on n.attrelid = o.oid and "
    "n.attname = x.attname where x.grantee <> o.relowner "
    "order by 1, 2, n.attnum nulls first";

bool
catalog_grants(const struct catalog *catalog, const struct catalog_table *t,
    const struct catalog_grant **ret, size_t *ret_count)
{
	struct reading *r = catalog->reading;
	const char *const params[] = { arena_format(r->arena, "%s.%s",
	    catalog_quoted(r->arena, t->schema),
	    catalog_quoted(r->arena, t->name)) };
	const PGresult *rows = snapshot_ask(&r->snapshot, grants_sql, params,
	    1);
	int count = rows == NULL ? 0 : PQntuples(rows);
	struct catalog_grant *list = arena_alloc(r->arena,
	    ((size_t)count + 1) * sizeof(*list));

	for (int i = 0; i < count; i++)
		list[i] = (struct catalog_grant){ PQgetvalue(rows, i, 0),
			PQgetvalue(rows, i, 1), catalog_text(rows, i, 2),
			catalog_true(rows, i, 3) };
	*ret = list;
	*ret_count = (size_t)count;
	return rows != NULL;
}

/* What is said of a partitioned table. */

static const char partition_sql[] =
    "select a.attname, k.oid is not null, k.oid is null or "
    "has_schema_privilege(k.pronamespace, 'USAGE') and "
    "has_function_privilege(k.oid, 'EXECUTE') from pg_class c "
    "join pg_namespace n on n.oid = c.relnamespace "
    "left join pg_partitioned_table p on p.partrelid = c.oid and "
    "p.partstrat = 'r' and p.partnatts = 1 left join pg_attribute a on "
    "a.attrelid = c.oid and a.attnum = p.partattrs[0] left join (select "
    "k.oid, k.pronamespace from pg_proc k join pg_namespace l on "
    "l.oid = k.pronamespace where l.nspname = 'lockstep' and "
    "k.proname = 'partitioning') k on true "
    "where n.nspname = $1 and c.relname = $2";

static const char kept_sql[] =
    "select by_column, period, ahead, coalesce(keep, 0) "
    "from lockstep.partitioning($1)";

bool
catalog_partitioned(const struct catalog *catalog,
    const struct catalog_table *t, struct catalog_partitioned *ret)
{
	struct reading *r = catalog->reading;
	const char *const params[] = { t->schema, t->name };
	const char *const name[] = { arena_format(r->arena, "%s.%s",
	    t->schema, t->name) };
	struct catalog_partitioned p = { 0 };
	const PGresult *rows;

	/* The login role may ask it, and the one that judges may not. */
	if (r->judging)
		PQclear(PQexec(r->snapshot.connection, "set local role none"));
	r->judging = false;
	rows = snapshot_ask(&r->snapshot, partition_sql, params, 2);

	if (rows == NULL)
		return false;
	p.by = catalog_text(rows, 0, 0);
	p.hidden = !catalog_true(rows, 0, 2);
	if (catalog_true(rows, 0, 1) && !p.hidden) {
		rows = snapshot_ask(&r->snapshot, kept_sql, name, 1);
		if (rows == NULL)
			return false;
		if ((p.kept = PQntuples(rows) > 0)) {
			p.kept_by = PQgetvalue(rows, 0, 0);
			p.period = PQgetvalue(rows, 0, 1);
			p.ahead = (unsigned)atoi(PQgetvalue(rows, 0, 2));
			p.keep = (unsigned)atoi(PQgetvalue(rows, 0, 3));
		}
	}
	*ret = p;
	return true;
}
