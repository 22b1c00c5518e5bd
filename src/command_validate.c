/* SPDX-License-Identifier: MIT */
/*
 * lockstep validate: documents by a schema, or by an operation of the contract
 * as the server would judge them.
 */
#include "call.h"

#include <stdio.h>
#include <string.h>

#include "tool/tool.h"

/* Reads --output of validate; false when there is no such output. */
static bool
validate_output(const struct call *call, enum validate_output *ret)
{
	static const char *const words[] = {
		[VALIDATE_PEOPLE] = "text",
		[VALIDATE_WIRE] = "wire",
		[VALIDATE_BASIC] = "basic",
		[VALIDATE_FLAG] = "flag",
	};
	const char *word = call_flag(call, "output");

	*ret = VALIDATE_PEOPLE;
	for (size_t i = 0; word != NULL && i < countof(words); i++) {
		if (strcmp(word, words[i]) != 0)
			continue;
		*ret = (enum validate_output)i;
		return true;
	}
	return word == NULL;
}

/* Judges the files by a validator; NULL: `faults` say why there is none. */
static int
validate_files(const struct call *call, const struct validator *validator,
    const struct validate_options *how, const struct buf *faults)
{
	bool schema = call_flag(call, "operation") == NULL;

	if (validator == NULL)
		return call_trouble("the %s cannot be used:\n%.*s",
		    schema ? "schema" : "operation", (int)(faults->length -
		    (faults->length > 0)), faults->length > 0 ? faults->at :
		    "");
	return tool_validate(validator, how, call->argv + schema,
	    (size_t)(call->argc - schema), stdout, stderr);
}

/* By the contract's operation, or the schema that is the first word. */
static int
validate(const struct call *call, struct validator_options *o,
    const struct validate_options *how)
{
	struct contract *contract = NULL;
	struct validator *validator;
	struct buf faults;
	int status;

	if (o->operation != NULL &&
	    (o->contract = contract = call_contract(call)) == NULL)
		return EXIT_TROUBLE;
	buf_init(&faults, 1 << 20);
	validator = validator_new(o, &faults);
	status = validate_files(call, validator, how, &faults);
	buf_release(&faults);
	validator_free(validator);
	contract_free(contract);
	return status;
}

int
call_validate(struct call *call)
{
	const struct flag *resources = call_flag_given(call, "resources");
	struct validate_options how = { .lines = call_flag(call, "lines") !=
		NULL };
	struct validator_options o = {
		.schema = call->argv[0],
		.resources = resources->values,
		.resource_count = resources->value_count,
		.base = call_flag(call, "base"),
		.assert_format = call_flag(call, "format-assertion") != NULL,
		.operation = call_flag(call, "operation"),
	};

	if (!validate_output(call, &how.output))
		return call_trouble("--output must be text, wire, basic or "
		    "flag");
	o.tell = how.output == VALIDATE_BASIC;
	if (o.operation != NULL && o.tell)
		return call_trouble("--output basic tells of a SCHEMA alone");
	if (o.operation != NULL && (o.resource_count > 0 || o.base != NULL))
		return call_trouble("--operation takes its schema of the "
		    "contract, not of --resources");
	if (o.operation == NULL && call->argc < 2)
		return call_trouble("validate takes: SCHEMA INSTANCE..., or "
		    "with --operation INSTANCE...");
	return validate(call, &o, &how);
}
