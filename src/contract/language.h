/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_LANGUAGE_H
#define CONTRACT_LANGUAGE_H

#include "contract/schema.h"

/*
 * The language of contracts as JSON Schemas: schemas/ of the source, built in.
 * Private to contract/.
 */
enum language_part {
	LANGUAGE_API, LANGUAGE_RESOURCE, LANGUAGE_JOB, LANGUAGE_WEBHOOK,
	LANGUAGE_MESSAGE, LANGUAGE_ROLLUP, LANGUAGE_EXPECTATION, LANGUAGE_COUNT
};

struct language;
struct language *language_new(void);
void language_free(struct language *language);

/*
 * The schema of api.json, resources/X.json, jobs/X.json, webhooks/X.json,
 * messages/X.json, rollups/X.json or expectations/X.json; never NULL.
 */
const struct schema *language_schema(const struct language *language,
    enum language_part part);

#endif
