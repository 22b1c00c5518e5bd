/* SPDX-License-Identifier: MIT */
/*
 * The functions of a catalog: what they take by name, what rows they give, and
 * their text.  The bookkeeping's own are among them, for keys of repeats are
 * claimed as the caller's role; those of extensions are not.  An argument is a
 * line: whether it is optional, its type's category, its type, its name, with
 * tabs between them.
 */
#include "store/catalog.h"

#include <string.h>

#define ARGUMENT(optional, name)                                               \
	"string_agg(concat_ws(E'\\t', " optional ", t.typcategory, "           \
	"format_type(coalesce(nullif(t.typbasetype, 0), t.oid), null), "       \
	name "), E'\\n' order by x.n)"

static const char functions_sql[] =
    "select n.nspname, p.proname, pg_get_function_identity_arguments(p.oid), "
    "o.rolname, p.prosecdef, o.rolsuper or o.rolbypassrls, "
    BY_ROLE("(" USES_SCHEMA " and "
    "has_function_privilege(r.oid, p.oid, 'EXECUTE'))::int") ", "
    "(select " ARGUMENT("(x.n > p.pronargs - p.pronargdefaults)::int",
    "coalesce(p.proargnames[i.at], '')")
    " from unnest(p.proargtypes::oid[]) with ordinality x(type, n) "
    "join pg_type t on t.oid = x.type left join lateral (select m.at from "
    "(select g as at, row_number() over (order by g) as n from "
    "generate_subscripts(p.proargmodes, 1) g where p.proargmodes[g] in "
    "('i', 'b', 'v')) m where m.n = x.n union all select x.n::int where "
    "p.proargmodes is null) i on true), "
    "coalesce((select " ARGUMENT("0", "p.proargnames[x.n]")
    " from unnest(p.proallargtypes, p.proargmodes) with ordinality "
    "x(type, mode, n) join pg_type t on t.oid = x.type "
    "where x.mode in ('o', 'b', 't') and y.oid = 'record'::regtype), "
    "(select " ARGUMENT("0", "x.attname") " from (select a.atttypid "
    "as type, a.attnum as n, a.attname from pg_attribute a where a.attrelid = "
    "nullif(y.typrelid, 0) and a.attnum > 0 and not a.attisdropped) x "
    "join pg_type t on t.oid = x.type)), "
    "format_type(p.prorettype, null), p.proretset, p.provolatile, "
    "p.prorettype = 'trigger'::regtype, exists (select from pg_depend d "
    "where d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid and "
    "d.deptype = 'n'), coalesce(pg_get_function_sqlbody(p.oid), p.prosrc), "
    BY_ROLE(USES_SCHEMA "::int") " "
    "from pg_proc p join pg_namespace n on n.oid = p.pronamespace "
    "join pg_roles o on o.oid = p.proowner "
    "join pg_type y on y.oid = p.prorettype "
    "where (n.nspname = any ($1::text[]) or n.nspname = 'lockstep') and "
    "p.prokind = 'f' and not exists (select from pg_depend e where e.classid "
    "= 'pg_proc'::regclass and e.objid = p.oid and e.deptype = 'e') "
    "order by n.nspname, p.proname, 3";

static const struct catalog_argument *
arguments_of(struct reading *r, const char *text, size_t *ret_count)
{
	const char *const *lines = catalog_lines(r, text, ret_count);
	struct catalog_argument *a = arena_alloc(r->arena,
	    (*ret_count + 1) * sizeof(*a));

	for (size_t i = 0; i < *ret_count; i++) {
		char *at = arena_string(r->arena, lines[i]);

		a[i].optional = *strsep(&at, "\t") == '1';
		a[i].category = *strsep(&at, "\t");
		a[i].type = strsep(&at, "\t");
		a[i].name = at != NULL ? at : "";
	}
	return a;
}

static void
take_function(struct reading *r, const PGresult *rows, int row,
    struct catalog_function *f)
{
	f->schema = PQgetvalue(rows, row, 0);
	f->name = PQgetvalue(rows, row, 1);
	f->arguments = PQgetvalue(rows, row, 2);
	f->owner = PQgetvalue(rows, row, 3);
	f->definer = catalog_true(rows, row, 4);
	f->owner_bypasses = catalog_true(rows, row, 5);
	f->execute = catalog_flags(r, PQgetvalue(rows, row, 6));
	f->takes = arguments_of(r, PQgetvalue(rows, row, 7), &f->take_count);
	f->gives = arguments_of(r, PQgetvalue(rows, row, 8), &f->give_count);
	f->type = PQgetvalue(rows, row, 9);
	f->set = catalog_true(rows, row, 10);
	f->volatility = PQgetvalue(rows, row, 11)[0];
	f->trigger = catalog_true(rows, row, 12);
	f->used = catalog_true(rows, row, 13);
	f->source = PQgetvalue(rows, row, 14);
	f->uses = catalog_flags(r, PQgetvalue(rows, row, 15));
}

bool
catalog_functions(struct reading *r)
{
	const PGresult *rows = catalog_ask(r, functions_sql, 2);
	struct catalog_function *f;
	int count = rows == NULL ? 0 : PQntuples(rows);

	if (rows == NULL)
		return false;
	f = arena_alloc(r->arena, ((size_t)count + 1) * sizeof(*f));
	for (int i = 0; i < count; i++)
		take_function(r, rows, i, &f[i]);
	r->catalog->functions = f;
	r->catalog->function_count = (size_t)count;
	return true;
}
