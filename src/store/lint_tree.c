/* SPDX-License-Identifier: MIT */
/*
 * Expressions as Postgres keeps them (pg_node_tree): names are resolved to oids
 * already, so nothing here depends on how somebody spelled a policy.  The text
 * is read into a tree of fields, which knows no node but by its tag; what is
 * not known is walked through and says nothing.  So another version of Postgres
 * costs facts at most.  Of a tree that is too deep to be read nothing is told.
 *
 * A column of the row is a VAR of relation 1 that looks as many queries up as
 * there are around it.
 */
#include "store/lint.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	COLUMNS_MAX = 1664,		/* of a table, more than Postgres' */
	DEPTH_MAX = 200,		/* of a tree; deeper says nothing */
	QUERIES_MAX = 32,		/* within each other */
	TEXT_MAX = 1 << 20,		/* bytes of a constant */
	TEXT_OID = 25, UNKNOWN_OID = 705, VARCHAR_OID = 1043, BOOL_OID = 16,
	SETTING_ONE = 2077, SETTING_TWO = 3294,	/* current_setting() */
	FIRST_OWN_OID = 16384,		/* of what was made since initdb */
};

/* An atom has a text; an object, a tag and its fields; a list, its items. */
struct node {
	enum { NODE_ATOM, NODE_LIST, NODE_OBJECT } kind;
	const char *text;
	const char *field;		/* that it is the value of, or NULL */
	struct node *first, *next;
};

struct columns {
	uint64_t bits[COLUMNS_MAX / 64];
};

enum truth { TRUTH_UNKNOWN, TRUTH_FALSE, TRUTH_TRUE };

/* What is remarkable: "flags". */
enum flag {
	FLAG_CAST,		/* casts a setting that may be '' */
	FLAG_REQUIRED,		/* reads a setting that may be absent */
	FLAG_OPEN,		/* true when the caller is nobody */
	FLAG_CORRELATED,	/* asks a query for each row */
	FLAG_SUBLINK,		/* asks a query at all */
	FLAG_SESSION_USER,
	FLAG_COUNT
};

/* One expression. */
struct walk {
	struct arena *arena;
	const char *equals;
	const char *at;			/* reading: the rest of the text */
	struct buf calls, bare, reads, strings, settings;
	struct columns columns, tied, plain, compared;
	bool flags[FLAG_COUNT];
	const struct node *tables[QUERIES_MAX];	/* rtable of each query */
	unsigned depth;			/* how many queries are around */
	bool deep;			/* reading: deeper than is read */
};

/* ---- Reading. */

static bool
ends_token(char c)
{
	return strchr(" \n\t(){}", c) != NULL;	/* also the NUL */
}

/* The next token, with its backslashes taken out; NULL at the end. */
static const char *
token(struct walk *w)
{
	const char *from;
	char *copy, *to;

	w->at += strspn(w->at, " \n\t");
	from = w->at;
	if (*from == '\0')
		return NULL;
	if (ends_token(*from)) {
		w->at++;
		return arena_copy(w->arena, from, 1);
	}
	while (!ends_token(*w->at))
		w->at += w->at[0] == '\\' && w->at[1] != '\0' ? 2 : 1;
	copy = to = arena_alloc(w->arena, (size_t)(w->at - from) + 1);
	for (; from < w->at; from++) {
		from += *from == '\\' && from + 1 < w->at;
		*to++ = *from;
	}
	return copy;
}

static struct node *read_node(struct walk *w, const char *word, int depth);

/* What is up to the closing bracket. */
static void
read_children(struct walk *w, struct node *parent, char end, int depth)
{
	struct node **last = &parent->first;
	const char *word, *field = NULL;

	while ((word = token(w)) != NULL && *word != end) {
		if (parent->kind == NODE_OBJECT && *word == ':') {
			field = word + 1;
			continue;
		}
		if ((*last = read_node(w, word, depth + 1)) == NULL)
			return;
		(*last)->field = field;
		last = &(*last)->next;
	}
}

static struct node *
read_node(struct walk *w, const char *word, int depth)
{
	struct node *node;

	w->deep = w->deep || depth > DEPTH_MAX;
	if (word == NULL || w->deep)
		return NULL;
	node = arena_alloc(w->arena, sizeof(*node));
	if (*word == '{') {
		node->kind = NODE_OBJECT;
		node->text = token(w);
		read_children(w, node, '}', depth);
	} else if (*word == '(') {
		node->kind = NODE_LIST;
		read_children(w, node, ')', depth);
	} else {
		node->text = word;
	}
	return node;
}

/* ---- Looking at nodes. */

static bool
is(const struct node *node, const char *tag)
{
	return node != NULL && node->kind == NODE_OBJECT &&
	    node->text != NULL && strcmp(node->text, tag) == 0;
}

static const struct node *
field(const struct node *node, const char *name)
{
	const struct node *child = node != NULL ? node->first : NULL;

	while (child != NULL && (child->field == NULL ||
	    strcmp(child->field, name) != 0))
		child = child->next;
	return child;
}

static const char *
text(const struct node *node, const char *name)
{
	const struct node *child = field(node, name);

	return child != NULL && child->kind == NODE_ATOM ? child->text : "";
}

static long
number(const struct node *node, const char *name)
{
	return strtol(text(node, name), NULL, 10);
}

static const struct node *
argument(const struct node *node, unsigned n)
{
	const struct node *list = field(node, "args");
	const struct node *child = list != NULL ? list->first : NULL;

	while (child != NULL && n-- > 0)
		child = child->next;
	return child;
}

static bool
is_row(const struct node *node, unsigned depth)
{
	return is(node, "VAR") && number(node, "varno") == 1 &&
	    number(node, "varlevelsup") == (long)depth &&
	    number(node, "varattno") > 0 &&
	    number(node, "varattno") < COLUMNS_MAX;
}

/* Does it look at a column of the row? */
static bool
sees_row(const struct node *node, unsigned depth)
{
	depth += is(node, "QUERY");
	if (is_row(node, depth))
		return true;
	for (node = node != NULL ? node->first : NULL; node != NULL;
	    node = node->next)
		if (sees_row(node, depth))
			return true;
	return false;
}

/* Does it ask anything, so that it may be of the caller? */
static bool
asks(const struct node *node)
{
	if (is(node, "FUNCEXPR") || is(node, "SUBLINK") ||
	    is(node, "SQLVALUEFUNCTION"))
		return true;
	for (node = node != NULL ? node->first : NULL; node != NULL;
	    node = node->next)
		if (asks(node))
			return true;
	return false;
}

static bool
is_of_caller(const struct node *node)
{
	return asks(node) && !sees_row(node, 0);
}

/* Without what changes the type alone; `casts` without any cast. */
static const struct node *
bare_of(const struct node *node, bool casts)
{
	for (;;) {
		if (is(node, "RELABELTYPE") ||
		    (casts && is(node, "COERCEVIAIO")))
			node = field(node, "arg");
		else if (casts && is(node, "FUNCEXPR") &&
		    number(node, "funcformat") > 0)
			node = argument(node, 0);
		else
			return node;
	}
}

/* The text of a constant that is one; NULL = another. */
static const char *
constant(struct arena *arena, const struct node *node)
{
	const struct node *value = field(node, "constvalue");
	long type = number(node, "consttype");
	size_t room = strtoul(text(node, "constvalue"), NULL, 10);
	size_t skip = type == UNKNOWN_OID ? 0 : 4;	/* a varlena's head */
	size_t length = 0;
	char *copy;

	if (!is(node, "CONST") || value == NULL || value->next == NULL ||
	    room > TEXT_MAX || (type != TEXT_OID && type != VARCHAR_OID &&
	    type != UNKNOWN_OID))
		return NULL;
	copy = arena_alloc(arena, room + 1);
	for (value = value->next->next; value != NULL && length < room;
	    value = value->next)
		if (value->text == NULL || value->text[0] == ']')
			break;
		else if (skip > 0)
			skip--;
		else
			copy[length++] = (char)strtol(value->text, NULL, 10);
	return copy;
}

static bool
same_constant(const struct node *a, const struct node *b)
{
	a = field(a, "constvalue");
	b = field(b, "constvalue");
	for (; a != NULL && b != NULL; a = a->next, b = b->next)
		if (a->text == NULL || b->text == NULL ||
		    strcmp(a->text, b->text) != 0)
			return false;
	return a == NULL && b == NULL;
}

static bool
is_equality(const struct walk *w, const struct node *node)
{
	const char *sought = arena_format(w->arena, " %s ",
	    text(node, "opno"));

	return strstr(w->equals, sought) != NULL;
}

/* ---- Is it true whatever the row? */

static enum truth always(struct walk *w, const struct node *node);

static enum truth
always_joined(struct walk *w, const struct node *node)
{
	const char *how = text(node, "boolop");
	enum truth decisive = *how == 'o' ? TRUTH_TRUE : TRUTH_FALSE;
	const struct node *part = argument(node, 0);
	enum truth one;
	bool known = true;

	if (*how == 'n') {
		one = always(w, part);
		return one == TRUTH_UNKNOWN ? one :
		    one == TRUTH_TRUE ? TRUTH_FALSE : TRUTH_TRUE;
	}
	for (; part != NULL; part = part->next) {
		one = always(w, part);
		if (one == decisive)
			return decisive;
		known = known && one != TRUTH_UNKNOWN;
	}
	return !known ? TRUTH_UNKNOWN : decisive == TRUTH_TRUE ?
	    TRUTH_FALSE : TRUTH_TRUE;
}

/* 1 = 1, and owner_id = owner_id. */
static enum truth
always_equal(const struct node *node)
{
	const struct node *a = bare_of(argument(node, 0), true);
	const struct node *b = bare_of(argument(node, 1), true);

	if (is(a, "CONST") && is(b, "CONST") && same_constant(a, b))
		return TRUTH_TRUE;
	if (is_row(a, 0) && is_row(b, 0) &&
	    number(a, "varattno") == number(b, "varattno"))
		return TRUTH_TRUE;
	return TRUTH_UNKNOWN;
}

static enum truth
always(struct walk *w, const struct node *node)
{
	const struct node *value;

	if (is(node, "BOOLEXPR"))
		return always_joined(w, node);
	if (is(node, "OPEXPR") && is_equality(w, node))
		return always_equal(node);
	if (!is(node, "CONST") || number(node, "consttype") != BOOL_OID)
		return TRUTH_UNKNOWN;
	value = field(node, "constvalue");
	if (value == NULL || value->next == NULL || value->next->next == NULL)
		return TRUTH_FALSE;		/* NULL */
	value = value->next->next;
	return value->text != NULL && value->text[0] == '1' ? TRUTH_TRUE :
	    TRUTH_FALSE;
}

/* ---- Which columns are tied to the caller? */

static void
set_column(struct columns *c, const struct node *var)
{
	long n = number(var, "varattno");

	c->bits[n / 64] |= (uint64_t)1 << (n % 64);
}

/* All columns of the row that a part looks at. */
static void
set_columns(struct columns *c, const struct node *node, unsigned depth)
{
	depth += is(node, "QUERY");
	if (is_row(node, depth))
		set_column(c, node);
	for (node = node != NULL ? node->first : NULL; node != NULL;
	    node = node->next)
		set_columns(c, node, depth);
}

/* column = something of the caller's, either way round. */
static void
tie_pair(const struct node *a, const struct node *b, bool casts,
    struct columns *ret)
{
	const struct node *left = bare_of(a, casts), *right = bare_of(b, casts);

	if (is_row(left, 0) && is_of_caller(b))
		set_column(ret, left);
	if (is_row(right, 0) && is_of_caller(a))
		set_column(ret, right);
}

/*
 * IN (select ...), and EXISTS with a column of the row in its conditions, to
 * which an index on the column is of no use.
 */
static void
tie_sublink(const struct node *node, bool casts, struct columns *ret)
{
	const struct node *test = field(node, "testexpr");
	const struct node *left = bare_of(argument(test, 0), casts);

	if (is(test, "OPEXPR") && is_row(left, 0) &&
	    !sees_row(field(node, "subselect"), 0))
		set_column(ret, left);
	else if (casts)
		set_columns(ret, field(node, "subselect"), 0);
}

static struct columns
tied(const struct walk *w, const struct node *node, bool casts)
{
	struct columns all = { .bits = { 0 } }, part;
	const struct node *child = argument(node, 0);
	bool either = is(node, "BOOLEXPR") && *text(node, "boolop") == 'o';

	if ((is(node, "OPEXPR") && is_equality(w, node)) ||
	    (is(node, "SCALARARRAYOPEXPR") && is_equality(w, node)))
		tie_pair(child, argument(node, 1), casts, &all);
	else if (is(node, "SUBLINK"))
		tie_sublink(node, casts, &all);
	if (!is(node, "BOOLEXPR") || *text(node, "boolop") == 'n')
		return all;
	if (either && child != NULL)
		memset(&all, 0xff, sizeof(all));
	for (; child != NULL; child = child->next) {
		part = tied(w, child, casts);
		for (size_t i = 0; i < COLUMNS_MAX / 64; i++)
			all.bits[i] = either ? all.bits[i] & part.bits[i] :
			    all.bits[i] | part.bits[i];
	}
	return all;
}

/*
 * The same whatever OR and NOT make of it: all that is compared, and what is
 * put to functions that say yes or no, other than Postgres' own.
 */
static void
compare(struct walk *w, const struct node *node)
{
	struct columns part;

	if (!is(node, "BOOLEXPR")) {
		if (is(node, "FUNCEXPR") &&
		    number(node, "funcid") >= FIRST_OWN_OID)
			set_columns(&w->compared, field(node, "args"), 0);
		part = tied(w, node, true);
		for (size_t i = 0; i < COLUMNS_MAX / 64; i++)
			w->compared.bits[i] |= part.bits[i];
		return;
	}
	for (node = argument(node, 0); node != NULL; node = node->next)
		compare(w, node);
}

/* ---- What is remarkable. */

static bool
is_setting(const struct node *node)
{
	return is(node, "FUNCEXPR") &&
	    (number(node, "funcid") == SETTING_ONE ||
	    number(node, "funcid") == SETTING_TWO);
}

/* Is it true as soon as the caller's claim is absent? */
static bool
opens(struct walk *w, const struct node *node)
{
	const struct node *child = argument(node, 0);
	const char *join = text(node, "boolop");

	if (is(node, "NULLTEST"))
		return number(node, "nulltesttype") == 0 &&
		    is_of_caller(field(node, "arg"));
	if (is(node, "BOOLEANTEST"))	/* is not false, is not true */
		return (number(node, "booltesttype") == 3 ||
		    number(node, "booltesttype") == 1) &&
		    asks(field(node, "arg"));
	if (is(node, "COALESCE") || is(node, "COALESCEEXPR")) {
		for (; child != NULL; child = child->next)
			if (always(w, child) == TRUTH_TRUE)
				return true;
		return false;
	}
	if (!is(node, "BOOLEXPR") || *join == 'n')
		return false;
	for (; child != NULL; child = child->next)
		if (opens(w, child) == (*join == 'o'))
			return *join == 'o';
	return *join == 'a';
}

static void
note_setting(struct walk *w, const struct node *node)
{
	const char *name = constant(w->arena, argument(node, 0));
	const struct node *missing = argument(node, 1);

	if (missing == NULL || always(w, missing) == TRUTH_FALSE)
		w->flags[FLAG_REQUIRED] = true;
	if (name == NULL)
		return;
	buf_string(&w->settings, w->settings.length > 0 ? "," : "");
	buf_json_string(&w->settings, name);
}

static void
note_call(struct walk *w, const struct node *node)
{
	buf_format(&w->calls, "%s%s", w->calls.length > 0 ? "," : "",
	    text(node, "funcid"));
	if (w->depth == 0 && !sees_row(field(node, "args"), 0))
		buf_format(&w->bare, "%s%s", w->bare.length > 0 ? "," : "",
		    text(node, "funcid"));
	if (is_setting(node))
		note_setting(w, node);
	if (number(node, "funcformat") > 0 && is_setting(argument(node, 0)))
		w->flags[FLAG_CAST] = true;
}

/* A column of a subquery's table. */
static void
note_var(struct walk *w, const struct node *node)
{
	long up = number(node, "varlevelsup"), n = number(node, "varno");
	const struct node *table;

	if (up < 0 || up >= (long)w->depth || w->depth > QUERIES_MAX)
		return;
	table = w->tables[w->depth - 1 - (unsigned)up];
	table = table != NULL ? table->first : NULL;
	while (table != NULL && --n > 0)
		table = table->next;
	if (table != NULL && number(table, "relid") > 0 &&
	    number(table, "rtekind") == 0)
		buf_format(&w->reads, "%s[%ld,%ld]", w->reads.length > 0 ?
		    "," : "", number(table, "relid"),
		    number(node, "varattno"));
}

static void
note_tables(struct walk *w, const struct node *query)
{
	const struct node *list = field(query, "rtable"), *table;

	if (w->depth < QUERIES_MAX)
		w->tables[w->depth] = list;
	w->depth++;
	for (table = list != NULL ? list->first : NULL; table != NULL;
	    table = table->next)
		if (number(table, "relid") > 0 &&
		    number(table, "rtekind") == 0)
			buf_format(&w->reads, "%s[%ld,0]",
			    w->reads.length > 0 ? "," : "",
			    number(table, "relid"));
}

static void
note_sublink(struct walk *w, const struct node *node)
{
	w->flags[FLAG_SUBLINK] = true;
	if (w->depth == 0 && sees_row(field(node, "subselect"), 0))
		w->flags[FLAG_CORRELATED] = true;
}

static void
note(struct walk *w, const struct node *node)
{
	const char *string;

	if (is(node, "FUNCEXPR"))
		note_call(w, node);
	else if (is(node, "VAR"))
		note_var(w, node);
	else if (is(node, "QUERY"))
		note_tables(w, node);
	else if (is(node, "COERCEVIAIO"))
		w->flags[FLAG_CAST] = w->flags[FLAG_CAST] ||
		    is_setting(field(node, "arg"));
	else if (is(node, "SUBLINK"))
		note_sublink(w, node);
	else if (is(node, "SQLVALUEFUNCTION"))
		w->flags[FLAG_SESSION_USER] = w->flags[FLAG_SESSION_USER] ||
		    number(node, "op") == 12;
	else if ((string = constant(w->arena, node)) != NULL) {
		buf_string(&w->strings, w->strings.length > 0 ? "," : "");
		buf_json_string(&w->strings, string);
	}
}

static void
walk(struct walk *w, const struct node *node)
{
	unsigned depth = w->depth;

	note(w, node);
	for (const struct node *child = node->first; child != NULL;
	    child = child->next)
		walk(w, child);
	w->depth = depth;
}

/* ---- Telling. */

static void
tell_columns(struct buf *out, const char *name, const struct columns *c)
{
	const char *comma = "";

	buf_format(out, ",\"%s\":[", name);
	for (unsigned n = 1; n < COLUMNS_MAX; n++)
		if ((c->bits[n / 64] >> (n % 64) & 1) != 0) {
			buf_format(out, "%s%u", comma, n);
			comma = ",";
		}
	buf_char(out, ']');
}

static void
tell_list(struct buf *out, const char *name, struct buf *list)
{
	buf_format(out, ",\"%s\":[%s]", name, list->at != NULL ? list->at :
	    "");
	buf_release(list);
}

static void
tell(struct walk *w, const char *of, const char *part, enum truth truth,
    struct buf *out)
{
	static const char *const truths[] = { "null", "\"false\"",
		"\"true\"" };
	static const char *const flags[FLAG_COUNT] = {
		[FLAG_CAST] = "cast", [FLAG_REQUIRED] = "required",
		[FLAG_OPEN] = "open", [FLAG_CORRELATED] = "correlated",
		[FLAG_SUBLINK] = "sublink",
		[FLAG_SESSION_USER] = "session_user" };

	buf_format(out, "{\"of\":%s,\"part\":\"%s\",\"always\":%s", of, part,
	    truths[truth]);
	tell_columns(out, "columns", &w->columns);
	tell_columns(out, "tied", &w->tied);
	tell_columns(out, "plain", &w->plain);
	tell_columns(out, "compared", &w->compared);
	tell_list(out, "calls", &w->calls);
	tell_list(out, "bare", &w->bare);
	tell_list(out, "reads", &w->reads);
	tell_list(out, "strings", &w->strings);
	tell_list(out, "settings", &w->settings);
	buf_string(out, ",\"flags\":[\"\"");
	for (size_t i = 0; i < FLAG_COUNT; i++)
		if (w->flags[i])
			buf_format(out, ",\"%s\"", flags[i]);
	buf_string(out, "]}");
}

void
lint_tree(struct arena *arena, const char *of, const char *part,
    const char *tree, const char *equals, struct buf *out)
{
	struct walk w = { .arena = arena, .equals = equals, .at = tree };
	const struct node *root;

	buf_init(&w.calls, SIZE_MAX / 8);
	buf_init(&w.bare, SIZE_MAX / 8);
	buf_init(&w.reads, SIZE_MAX / 8);
	buf_init(&w.strings, SIZE_MAX / 8);
	buf_init(&w.settings, SIZE_MAX / 8);
	root = read_node(&w, token(&w), 0);
	if (root == NULL || w.deep) {
		buf_format(out, "{\"of\":%s,\"part\":\"unread\"}", of);
		return;
	}
	set_columns(&w.columns, root, 0);
	w.tied = tied(&w, root, true);
	w.plain = tied(&w, root, false);
	compare(&w, root);
	w.flags[FLAG_OPEN] = opens(&w, root);
	walk(&w, root);
	tell(&w, of, part, always(&w, root), out);
}
