/* SPDX-License-Identifier: MIT */
/*
 * lockstep check: the contract by itself, then the contract against the
 * database and the database's own row security.  A contract with faults is not
 * held against anything.
 */
#include "call.h"

#include <string.h>
#include <sys/stat.h>

#include "store/store.h"
#include "tool/findings.h"
#include "tool/tool.h"

/* One check, as it was asked for. */
struct check {
	struct call *call;
	const char *directory;
	enum findings_form form;
	bool strict;
	struct findings_choice choice;
	const struct check_rules *rules;
	struct findings findings;
	bool alone;			/* the contract without a database */
	size_t of_contract;		/* findings */
	bool faulty;			/* the contract cannot be loaded */
	const struct catalog *catalog;	/* that was looked at, or NULL */
};

/* The lists of rules: of drift, of the lint, of the proof. */
enum { RULES_COUNT = 3 };

static const struct check_rules *
all_rules(struct arena *arena)
{
	struct check_rules *lists = arena_alloc(arena,
	    RULES_COUNT * sizeof(*lists));

	lists[0] = tool_drift_rules();
	lists[1] = lint_rules();
	lists[2] = tool_prove_rules();
	return lists;
}

static bool
is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool
find_form(struct check *c)
{
	static const struct {
		const char *name;
		enum findings_form form;
	} forms[] = { { "table", FINDINGS_TABLE }, { "text", FINDINGS_TABLE },
		{ "json", FINDINGS_JSON }, { "sarif", FINDINGS_SARIF } };
	const char *name = call_flag(c->call, "format");

	for (size_t i = 0; name != NULL && i < countof(forms); i++)
		if (strcmp(forms[i].name, name) == 0) {
			c->form = forms[i].form;
			return true;
		}
	return name == NULL;
}

/* The items of a flag that may be repeated and has commas between them. */
static const char *const *
items_of(struct call *call, const char *name, size_t *ret_count)
{
	const struct flag *flag = call_flag_given(call, name);
	size_t count = 0, room = 0;
	const char **items;

	for (size_t i = 0; i < flag->value_count; i++)
		room += strlen(flag->values[i]) + 1;
	items = arena_alloc(call->arena, (room + 1) * sizeof(*items));
	for (size_t i = 0; i < flag->value_count; i++) {
		char *text = arena_string(call->arena, flag->values[i]);
		char *item;

		/* An object may have commas: f(uuid, text). */
		if (strchr(text, ':') != NULL)
			items[count++] = text;
		else
			while ((item = strsep(&text, ",")) != NULL)
				items[count++] = item;
	}
	*ret_count = count;
	return items;
}

/* Is there a rule of the name, before any ":"?  The contract's have no list. */
static bool
is_rule(const struct check_rules *rules, const char *item)
{
	size_t length = strcspn(item, ":");

	for (size_t i = 0; i < RULES_COUNT; i++)
		for (size_t n = 0; n < rules[i].count; n++)
			if (strlen(rules[i].at[n].id) == length &&
			    strncmp(rules[i].at[n].id, item, length) == 0)
				return true;
	return false;
}

static bool
find_choice(struct check *c)
{
	c->choice.only = items_of(c->call, "only", &c->choice.only_count);
	c->choice.except = items_of(c->call, "except",
	    &c->choice.except_count);
	for (size_t i = 0; i < c->choice.only_count; i++)
		if (!is_rule(c->rules, c->choice.only[i])) {
			call_trouble("there is no rule %s; see lockstep check "
			    "--rules", c->choice.only[i]);
			return false;
		}
	return true;
}

static bool
find_directory(struct check *c)
{
	const char *given = call_flag(c->call, "contract");

	c->directory = c->call->config.contract;
	if (given != NULL && given[0] != '\0')
		c->directory = given;
	if (c->call->argc > 0)
		c->directory = c->call->argv[0];
	return is_directory(c->directory);
}

/* ---- The parts. ---- */

static void
check_contract(struct check *c)
{
	const struct finding *list;

	contract_check(c->directory, c->call->arena, &list, &c->of_contract);
	for (size_t i = 0; i < c->of_contract; i++)
		c->faulty |= list[i].is_fault;
	/* Alone it is told in the order of files. */
	if (c->form == FINDINGS_TABLE || (c->form == FINDINGS_JSON && c->alone))
		tool_check(list, c->of_contract, c->strict,
		    c->form == FINDINGS_JSON, stdout);
	else
		findings_add_contract(&c->findings, list, c->of_contract);
}

/* The documents of each --generated. */
static bool
check_generated(struct check *c, const struct contract *contract,
    const struct catalog *catalog, struct buf *fault)
{
	const struct flag *flag = call_flag_given(c->call, "generated");
	const struct gen_options o = { .catalog = catalog,
		.server = call_flag(c->call, "server") };

	for (size_t i = 0; i < flag->value_count; i++)
		if (!tool_drift_generated(&o, contract, flag->values[i],
		    &c->findings)) {
			buf_format(fault, "there is no directory %s",
			    flag->values[i]);
			return false;
		}
	return true;
}

static int
check_database(struct check *c, const struct contract *contract)
{
	const struct catalog *catalog;
	struct buf fault;
	bool well;

	buf_init(&fault, 4096);
	catalog = tool_examine(contract, c->call->config.database,
	    &c->findings, &fault);
	c->catalog = catalog;
	well = catalog != NULL && check_generated(c, contract, catalog,
	    &fault);
	if (!well)
		call_trouble("%s; --without-database checks the contract alone",
		    fault.length > 0 ? fault.at : "there is no catalog");
	buf_release(&fault);
	return well ? EXIT_WELL : EXIT_TROUBLE;
}

/* Takes out what check.json accepts; false with the reason told. */
static bool
accept(struct check *c)
{
	struct buf faults;
	bool well;

	buf_init(&faults, 1 << 16);
	well = tool_accepted(&c->findings, c->choice.only_count == 0, &faults);
	if (!well)
		fputs(faults.at, stderr);
	buf_release(&faults);
	return well;
}

static void
drop_contract(void *contract)
{
	contract_free(contract);
}

static int
check_all(struct check *c)
{
	struct contract *contract = NULL;
	int status = EXIT_WELL;
	struct buf faults;

	check_contract(c);
	if (!c->alone && !c->faulty) {
		buf_init(&faults, 1 << 20);
		contract = contract_load(c->directory, &faults);
		buf_release(&faults);
		if (contract == NULL)
			return EXIT_TROUBLE;
		/* Findings have texts of its own. */
		arena_defer(c->call->arena, drop_contract, contract);
		status = check_database(c, contract);
	}
	if (status != EXIT_WELL)
		return status;
	if (!c->alone && !c->faulty && !accept(c))
		return EXIT_TROUBLE;
	findings_choose(&c->findings, &c->choice);
	if (call_flag(c->call, "patch") != NULL && c->catalog != NULL)
		return call_patch(c->call, &(struct patch_call){
		    .contract = contract, .catalog = c->catalog,
		    .found = &c->findings, .choice = &c->choice });
	if (c->form == FINDINGS_SARIF || (c->form == FINDINGS_JSON &&
	    !c->alone) || (!c->alone && !c->faulty))
		findings_print(&c->findings, c->rules, RULES_COUNT, c->form,
		    c->strict, stdout);
	return findings_errors(&c->findings, c->strict) > 0 ||
	    c->of_contract > 0 ? EXIT_FOUND : EXIT_WELL;
}

/* Do the flags go together? */
static bool
is_sound(const struct check *c)
{
	bool patch = call_flag(c->call, "patch") != NULL;

	if (patch && (c->alone || call_flag(c->call, "format") != NULL)) {
		call_trouble("--patch goes neither with --without-database "
		    "nor with --format");
		return false;
	}
	if (!patch && (call_flag(c->call, "out") != NULL ||
	    call_flag(c->call, "dry-run") != NULL)) {
		call_trouble("--out and --dry-run go with --patch");
		return false;
	}
	return true;
}

int
call_check(struct call *call)
{
	struct check c = { .call = call, .rules = all_rules(call->arena),
		.strict = call_flag(call, "strict") != NULL,
		.alone = call_flag(call, "contract") != NULL ||
		    call_flag(call, "without-database") != NULL };

	if (!find_form(&c))
		return call_trouble("--format must be table, json or sarif");
	if (!is_sound(&c))
		return EXIT_TROUBLE;
	if (call_flag(call, "rules") != NULL) {
		findings_print_rules(c.rules, RULES_COUNT, c.form, stdout);
		return EXIT_WELL;
	}
	if (!find_choice(&c))
		return EXIT_TROUBLE;
	if (!find_directory(&c))
		return call_trouble("there is no directory %s", c.directory);
	c.findings = (struct findings){ .arena = call->arena,
		.directory = c.directory };
	if (call_flag(call, "prove") != NULL)
		return call_flag(call, "generated") != NULL ?
		    call_trouble("--prove looks at no documents") : c.alone ? call_trouble("--prove needs the database") :
		    call_prove(call, &c.findings, &c.choice, c.form,
			c.strict);
	return check_all(&c);
}
