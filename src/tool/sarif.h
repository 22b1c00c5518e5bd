/* SPDX-License-Identifier: MIT */
#ifndef TOOL_SARIF_H
#define TOOL_SARIF_H

#include "base/buf.h"
#include "tool/findings.h"

/* Adds the findings as SARIF 2.1.0, for code hosts.  Private to findings.c. */
void sarif_put(struct buf *b, const struct findings *findings,
    const struct check_rules *rules, size_t rules_count, bool strict);

/* The level as it counts, its name, and how to mend; of findings.c. */
enum rule_level findings_level(const struct check_rule *rule, bool strict);
const char *findings_level_name(enum rule_level level);
const char *findings_mend(const struct db_finding *finding);

#endif
