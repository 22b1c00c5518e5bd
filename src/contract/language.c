/* SPDX-License-Identifier: MIT */
/*
 * The files of schemas/, which editors read too, as texts (language.inc is made
 * from them by the build) and compiled.  A fault in them is ours: the tests
 * would have met it.
 */
#include "contract/language.h"

#include <stdio.h>
#include <stdlib.h>

#include "contract/language.inc"

struct language {
	struct schema_set *set;
	const struct schema *parts[LANGUAGE_COUNT];
};

static const struct {
	const char *uri, *text;
} texts[] = {
	[LANGUAGE_API] = { "urn:lockstep:schema:api", api_schema },
	[LANGUAGE_RESOURCE] = { "urn:lockstep:schema:resource",
		resource_schema },
	[LANGUAGE_JOB] = { "urn:lockstep:schema:job", job_schema },
	[LANGUAGE_WEBHOOK] = { "urn:lockstep:schema:webhook",
		webhook_schema },
	[LANGUAGE_MESSAGE] = { "urn:lockstep:schema:message",
		message_schema },
	[LANGUAGE_ROLLUP] = { "urn:lockstep:schema:rollup", rollup_schema },
	[LANGUAGE_EXPECTATION] = { "urn:lockstep:schema:expectation",
		expectation_schema },
};

struct language *
language_new(void)
{
	struct language *language = calloc(1, sizeof(*language));
	struct buf faults;

	if (language == NULL)
		abort();
	buf_init(&faults, 65536);
	language->set = schema_set_new("/",
	    &(struct schema_options){ .contract = true });
	for (size_t i = 0; i < countof(texts); i++) {
		language->parts[i] = schema_compile_text(language->set,
		    texts[i].uri, texts[i].text, &faults);
		if (language->parts[i] == NULL) {
			fputs(faults.length > 0 ? faults.at : "", stderr);
			abort();
		}
	}
	buf_release(&faults);
	return language;
}

void
language_free(struct language *language)
{
	schema_set_free(language->set);
	free(language);
}

const struct schema *
language_schema(const struct language *language, enum language_part part)
{
	return language->parts[part];
}
