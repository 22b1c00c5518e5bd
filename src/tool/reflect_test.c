/* SPDX-License-Identifier: MIT */
/*
 * The skeleton of a test for a resource, a script of its team's own: what holds
 * of any resource is asked already, and what only they know is left to them.
 * It is run against a server, by URL, TOKEN and OTHER.
 */
#include "tool/reflecting.h"

#include <string.h>

static const char head[] =
    "#!/bin/sh\n"
    "# What must hold of %s, against a server: URL=http://HOST/api, TOKEN of a\n"
    "# user and OTHER of another one (`lockstep token`).  Prints TAP.\n"
    "set -u\n"
    ": \"${URL:?is not set}\" \"${TOKEN:?is not set}\" \"${OTHER:?is not set}\"\n"
    "n=0\n"
    "failed=0\n"
    "\n"
    "api() { # api TOKEN METHOD PATH [BODY]: the status, then the body\n"
    "\ttoken=$1 method=$2 path=$3\n"
    "\tshift 3\n"
    "\tcurl -sS -X \"$method\" -w '\\n%%{http_code}' \"$URL$path\" \\\n"
    "\t    ${token:+-H \"Authorization: Bearer $token\"} \\\n"
    "\t    ${1+-H 'Content-Type: application/json' --data-binary \"$1\"} |\n"
    "\t    sed -e '1h;2,$H;$!d;x' -e 's/\\(.*\\)\\n\\(.*\\)/\\2 \\1/'\n"
    "}\n"
    "\n"
    "wants() { # wants WHAT PATTERN REPLY\n"
    "\tn=$((n + 1))\n"
    "\tcase $3 in\n"
    "\t$2) echo \"ok $n - $1\" ;;\n"
    "\t*)\n"
    "\t\techo \"not ok $n - $1\"\n"
    "\t\techo \"# $3\"\n"
    "\t\tfailed=1\n"
    "\t\t;;\n"
    "\tesac\n"
    "}\n\n";

/* What a caller without a token gets of a list. */
static void
put_anonymous(struct reflection *r, const struct reflected *t,
    const char *const *roles, size_t count, struct buf *out)
{
	const char *nobody = r->options->about->anonymous;
	bool may = nobody != NULL && reflect_has(roles, count, nobody);

	buf_format(out, "wants '%s' \\\n    '%s *' \"$(api '' GET /%s)\"\n",
	    may ? "anybody may read them" :
	    "without a token there is nothing to see", may ? "200" : "401",
	    t->name);
}

static bool
is_for_users(const struct reflection *r, const char *const *roles,
    size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (r->options->about->anonymous == NULL ||
		    strcmp(roles[i], r->options->about->anonymous) != 0)
			return true;
	return false;
}

void
reflect_test(struct reflection *r, const struct reflected *t, struct buf *out)
{
	size_t count;
	const char *const *roles = reflect_roles(r, t, CATALOG_SELECT,
	    &count);

	buf_format(out, head, t->name);
	if (count > 0)
		put_anonymous(r, t, roles, count, out);
	if (is_for_users(r, roles, count))
		buf_format(out, "wants 'a user sees a list' \\\n"
		    "    '200 {\"ok\":true,\"data\":\\[*' "
		    "\"$(api \"$TOKEN\" GET /%s)\"\n"
		    "wants 'a filter that is none is refused' \\\n"
		    "    '400 *' \"$(api \"$TOKEN\" GET "
		    "'/%s?no_such_field=eq.1')\"\n", t->name, t->name);
	roles = reflect_roles(r, t, CATALOG_INSERT, &count);
	if (is_for_users(r, roles, count))
		buf_format(out, "wants 'a member that the schema does not have "
		    "is refused' \\\n    '422 *unrecognized_keys*' "
		    "\"$(api \"$TOKEN\" POST /%s '{\"no_such_member\":1}')\"\n",
		    t->name);
	buf_format(out, "\n# Yours to write: TOKEN makes a row, reads it, "
	    "changes it; OTHER does not see it.\n\n"
	    "echo \"1..$n\"\n"
	    "exit $failed\n");
}
