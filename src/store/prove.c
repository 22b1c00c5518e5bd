/* SPDX-License-Identifier: MIT */
/*
 * The proof by experiment: a transaction in which the maker, a role that the
 * tables' row security does not hold for, makes a row of each of two tenants
 * in each table, and in which each role then tries what it can do.  It always
 * ends by a rollback.
 *
 * An owner is bound by FORCE ROW LEVEL SECURITY, which is lifted and put back
 * within the transaction.  That takes ACCESS EXCLUSIVE, so nobody else reads
 * the tables while it runs; a lock that is not had within three seconds ends
 * it.
 */
#include "store/prove.h"

#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

/* ---- The connection. ---- */

static bool
begin(struct proof *p, const char *database)
{
	PGresult *me;

	p->connection = store_dial(p->arena, database, "lockstep prove");
	if (PQstatus(p->connection) != CONNECTION_OK)
		return proof_trouble(p, "migrate_database cannot be reached");
	if (!proof_do(p, "begin; set local lock_timeout = '3s'; "
	    "set local statement_timeout = '30s'; set local jit = off; "
	    "set local standard_conforming_strings = on; "
	    "set local datestyle = 'ISO'; set local intervalstyle = "
	    "'postgres'; set local bytea_output = 'hex'; "
	    "set constraints all deferred"))
		return proof_trouble(p, "no transaction begins");
	me = proof_ask(p, "select rolname, rolsuper or rolbypassrls "
	    "from pg_catalog.pg_roles where rolname = current_user");
	if (PQresultStatus(me) != PGRES_TUPLES_OK || PQntuples(me) != 1)
		return proof_trouble(p, "the role cannot be asked for");
	p->maker = PQgetvalue(me, 0, 0);
	p->exempt = PQgetvalue(me, 0, 1)[0] == 't';
	if (getrandom(&p->seed, sizeof(p->seed), 0) < 0 || p->seed == 0)
		p->seed = 1;
	return true;
}

static bool
may_become(struct proof *p, const char *role)
{
	bool well;

	proof_do(p, "savepoint role");
	well = proof_do(p, arena_format(p->arena, "set local role %s",
	    proof_name(p, role)));
	proof_do(p, "rollback to savepoint role; release savepoint role");
	return well;
}

/* Each role must be within the maker's reach, or nothing would be proved. */
static bool
reach_roles(struct proof *p)
{
	const struct catalog *c = p->catalog;
	const char *missing = "";

	for (size_t i = 0; i < c->role_count; i++)
		if (c->roles[i].there && !may_become(p, c->roles[i].name))
			missing = arena_format(p->arena, "%s%s%s", missing,
			    *missing != '\0' ? ", " : "",
			    proof_name(p, c->roles[i].name));
	if (*missing != '\0')
		buf_format(p->fault, "%s (setting migrate_database) may not "
		    "become the roles: grant %s to %s;", p->maker, missing,
		    proof_name(p, p->maker));
	return *missing == '\0';
}

/* All at once, and before any row: who cannot have the locks waits once. */
static bool
open_all(struct proof *p)
{
	for (size_t i = 0; i < p->plot_count; i++) {
		struct plot *plot = &p->plots[i];

		if (!plot->wanted || proof_open(p, plot))
			continue;
		buf_format(p->fault, "FORCE ROW LEVEL SECURITY cannot be "
		    "lifted from %s by %s (setting migrate_database): %s",
		    plot->sql, p->maker, p->why);
		return false;
	}
	return true;
}

/* ---- Tenants. ---- */

/* Claims by the names of columns that say whose a row is. */
static const char *
more_claims(struct proof *p, const struct tenant *t)
{
	const char *list = "";

	for (size_t i = 0; i < p->plot_count; i++)
		for (size_t n = 0; n < p->plots[i].table->column_count; n++) {
			const struct catalog_column *c =
			    &p->plots[i].table->columns[n];
			const char *name = arena_format(p->arena, ",\"%s\":",
			    c->name);

			if (!p->plots[i].tied[n] || strpbrk(c->name,
			    "\"\\") != NULL || strstr(list, name) != NULL ||
			    strcmp(c->name, "role") == 0 ||
			    strcmp(c->name, "sub") == 0)
				continue;
			list = arena_format(p->arena, c->category == 'N' ?
			    "%s%s%s" : "%s%s\"%s\"", list, name,
			    proof_identity(p, t, c));
		}
	return list;
}

/* Is it integers that subjects are compared with? */
static bool
are_numbers(const struct proof *p)
{
	size_t numbers = 0, others = 0;

	for (size_t i = 0; i < p->plot_count; i++)
		for (size_t n = 0; n < p->plots[i].table->column_count; n++)
			if (p->plots[i].tied[n]) {
				bool number = p->plots[i].table->
				    columns[n].category == 'N';

				numbers += number;
				others += !number;
			}
	return numbers > 0 && others == 0;
}

static void
name_tenants(struct proof *p)
{
	bool numbers = are_numbers(p);

	for (size_t i = 0; i < TENANTS; i++) {
		struct tenant *t = &p->tenants[i];
		const char *more;

		t->number = 1000000000 +
		    (int64_t)(proof_chance(p) % 1000000000);
		t->subject = numbers ? arena_format(p->arena, "%" PRId64,
		    t->number) : proof_uuid(p);
		more = more_claims(p, t);
		t->claims = arena_format(p->arena, "\"sub\":\"%s\"%s,"
		    "\"app_metadata\":{\"provider\":\"email\"%s}", t->subject,
		    more, more);
	}
}

/* ---- Rows of the matrix. ---- */

static bool
is_among(const char *const *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

static const char *
tied_names(struct proof *p, const struct plot *plot)
{
	const char *list = "";

	for (size_t i = 0; i < plot->table->column_count; i++)
		if (plot->tied[i])
			list = arena_format(p->arena, "%s%s%s", list,
			    *list != '\0' ? ", " : "",
			    plot->table->columns[i].name);
	return list;
}

/* Which cells there are; they are "no" until something else is seen. */
static void
begin_row(struct proof *p, const struct plot *plot, size_t role,
    struct prove_row *ret)
{
	const struct contract_about *about = contract_about(p->contract);
	bool owned = plot->tied_count > 0;
	const char *name = p->catalog->roles[role].name;

	*ret = (struct prove_row){ .table = plot->table, .role = name,
		.role_number = role, .tied = tied_names(p, plot),
		.login = role + 1 == p->catalog->role_count &&
		    !is_among(about->roles, about->role_count, name) };
	ret->subject = !ret->login && (about->anonymous == NULL ||
	    strcmp(about->anonymous, name) != 0) && !is_among(
	    about->trusted_roles, about->trusted_role_count, name);
	for (size_t verb = 0; verb < CATALOG_VERB_COUNT; verb++) {
		struct prove_cell *cells = ret->cells[verb];

		if (ret->subject || !owned)
			cells[PROVE_OWN].answer = PROVE_NO;
		if (owned)
			cells[PROVE_OTHER].answer = PROVE_NO;
		if (verb != CATALOG_INSERT)
			cells[PROVE_ABSENT].answer = PROVE_NO;
	}
	if (!owned || !ret->subject)
		return;
	ret->cells[CATALOG_INSERT][PROVE_OWNER].answer = PROVE_NO;
	ret->cells[CATALOG_UPDATE][PROVE_OWNER].answer = PROVE_NO;
	ret->cells[CATALOG_UPDATE][PROVE_MOVED].answer = PROVE_NO;
}

static void
no_such_role(struct prove_row *row)
{
	for (size_t verb = 0; verb < CATALOG_VERB_COUNT; verb++)
		for (size_t n = 0; n < PROVE_WHOSE_COUNT; n++)
			if (row->cells[verb][n].answer != PROVE_NONE)
				row->cells[verb][n] = (struct prove_cell){
					.answer = PROVE_UNKNOWN,
					.how = "the database has no such "
					    "role" };
}

static void
try_roles(struct proof *p, struct plot *plot, struct prove_row *rows,
    const char *when)
{
	for (size_t i = 0; i < p->catalog->role_count; i++)
		if (p->catalog->roles[i].there)
			proof_try(p, plot, &rows[i], when);
}

/* Is there a verb that is granted and that no own row was found for? */
static bool
is_wanting(const struct proof *p, const struct plot *plot,
    const struct prove_row *rows)
{
	for (size_t i = 0; i < p->catalog->role_count; i++)
		for (size_t verb = 0; verb < CATALOG_VERB_COUNT; verb++) {
			unsigned rights = plot->table->rights[i];

			for (size_t n = 0; n < plot->table->column_count; n++)
				rights |= plot->table->columns[n].rights[i];
			if ((rights >> verb & 1) != 0 && rows[i].cells[verb]
			    [PROVE_OWN].answer == PROVE_NO)
				return true;
		}
	return false;
}

enum { PAIRS_MAX = 160 };

/* Two values at once, where one was not enough for what is granted. */
static void
try_pairs(struct proof *p, struct plot *plot, struct prove_row *rows,
    const struct variant *list, size_t count)
{
	size_t tried = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t n = i + 1; n < count && tried < PAIRS_MAX; n++) {
			if ((list[i].plot == list[n].plot && list[i].column ==
			    list[n].column) || !is_wanting(p, plot, rows))
				continue;
			tried++;
			proof_do(p, "savepoint variant");
			if (proof_vary(p, &list[i]) && proof_vary(p, &list[n]))
				try_roles(p, plot, rows, arena_format(
				    p->arena, "%s and %s", list[i].words,
				    list[n].words));
			proof_do(p, "rollback to savepoint variant; "
			    "release savepoint variant");
		}
}

/* A row that is not found, in a view that nobody could look into. */
static void
doubt(const struct proof *p, const struct plot *plot, struct prove_row *row)
{
	if (!p->tenants[OURS].rows[plot - p->plots].assumed ||
	    row->cells[CATALOG_SELECT][PROVE_OWN].answer == PROVE_YES)
		return;
	for (size_t verb = 0; verb < CATALOG_VERB_COUNT; verb++)
		for (size_t n = 0; n < PROVE_WHOSE_COUNT; n++) {
			struct prove_cell *cell = &row->cells[verb][n];

			if (cell->answer != PROVE_NO || n == PROVE_ABSENT ||
			    cell->how == NULL ||
			    strcmp(cell->how, proof_no_row) != 0)
				continue;
			cell->answer = PROVE_UNKNOWN;
			cell->how = "no row, and who makes the rows may not "
			    "read the view to see whether they are in it";
		}
}

static void
try_variants(struct proof *p, struct plot *plot, struct prove_row *rows)
{
	size_t count;
	const struct variant *list = proof_variants(p, plot, &count);

	for (size_t i = 0; i < count; i++) {
		proof_do(p, "savepoint variant");
		if (proof_vary(p, &list[i]))
			try_roles(p, plot, rows, list[i].words);
		proof_do(p, "rollback to savepoint variant; "
		    "release savepoint variant");
	}
	try_pairs(p, plot, rows, list, count);
}

static void
try_table(struct proof *p, struct plot *plot, struct prove_row *rows)
{
	size_t number = (size_t)(plot - p->plots);

	for (size_t i = 0; i < p->catalog->role_count; i++) {
		begin_row(p, plot, i, &rows[i]);
		if (!p->catalog->roles[i].there)
			no_such_role(&rows[i]);
	}
	try_roles(p, plot, rows, NULL);
	if (p->tenants[OURS].rows[number].state == MADE_ROW &&
	    p->tenants[THEIRS].rows[number].state == MADE_ROW)
		try_variants(p, plot, rows);
	for (size_t i = 0; i < p->catalog->role_count; i++)
		doubt(p, plot, &rows[i]);
}

/* ---- All of it. ---- */

/* Rows, while the maker may see them; then row security as it was. */
static bool
make_rows(struct proof *p)
{
	if (!open_all(p))
		return false;
	proof_make(p);
	for (size_t i = 0; i < p->plot_count; i++) {
		struct plot *plot = &p->plots[i];

		if (plot->tried && !plot->wanted)
			proof_view(p, i);
		if (plot->tied_count > 0 && p->tenants[THEIRS].rows[i].state ==
		    MADE_ROW && !p->tenants[THEIRS].rows[i].assumed &&
		    !proof_count(p, plot, &plot->theirs))
			return proof_trouble(p, plot->sql);
	}
	if (!proof_do(p, "set constraints all immediate"))
		return proof_trouble(p, "the tenants' rows do not fit "
		    "together");
	for (size_t i = 0; i < p->plot_count; i++)
		if (!proof_close(p, &p->plots[i]))
			return proof_trouble(p, p->plots[i].sql);
	return true;
}

const char *
prove_whose_name(enum prove_whose whose)
{
	static const char *const names[PROVE_WHOSE_COUNT] = {
		[PROVE_OWN] = "own", [PROVE_OTHER] = "other",
		[PROVE_ABSENT] = "absent", [PROVE_OWNER] = "owner",
		[PROVE_MOVED] = "moved",
	};

	return names[whose];
}

bool
prove_run(const char *database, const struct contract *contract,
    const struct catalog *catalog, struct arena *arena,
    const struct prove_row **ret, size_t *ret_count, struct buf *fault)
{
	struct proof p = { .arena = arena, .contract = contract,
		.catalog = catalog, .fault = fault };
	struct prove_row *rows;
	size_t count = 0;

	/* What the snapshot has locked would be in our way. */
	PQclear(PQexec(catalog->reading->snapshot.connection, "rollback"));
	if (!begin(&p, database) || !reach_roles(&p))
		return false;
	proof_find(&p);
	if (!proof_bounds(&p) || !proof_tie(&p))
		return false;
	name_tenants(&p);
	if (!make_rows(&p))
		return false;
	rows = arena_alloc(arena, (p.plot_count * catalog->role_count + 1) *
	    sizeof(*rows));
	for (size_t i = 0; i < p.plot_count; i++)
		if (p.plots[i].tried) {
			try_table(&p, &p.plots[i], &rows[count]);
			count += catalog->role_count;
		}
	if (PQstatus(p.connection) != CONNECTION_OK)
		return proof_trouble(&p, "the connection was lost");
	proof_do(&p, "rollback");
	*ret = rows;
	*ret_count = count;
	return true;
}
