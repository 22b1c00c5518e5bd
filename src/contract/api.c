/* SPDX-License-Identifier: MIT */
/*
 * What api.json says of callers as such: the pages of other origins that may
 * call ("cors"), and how often anybody may ("rates").  Both are held to what
 * can work at all: an origin that no browser sends is a fault, not a rule that
 * never applies.
 */
#include "contract/internal.h"

#include <string.h>

#include "base/text.h"

enum {
	MAX_AGE_DEFAULT = 600,		/* seconds */
	MAX_AGE_HIGHEST = 86400,	/* browsers keep it no longer */
	RATE_COUNT_HIGHEST = 1000000,
	RATE_PERIOD_HIGHEST = 86400,
	ORIGIN_MAX = 261,		/* https://, a name, a port */
};

/* ---- cors ---- */

static const struct member cors_members[] = {
	{ "origins", KIND_TEXTS, true },
	{ "credentials", KIND_FLAG, false },
	{ "max_age", KIND_NUMBER, false },
};

#define LOWER_OR_DIGIT "abcdefghijklmnopqrstuvwxyz0123456789"

/* ":8080" to the end, or nothing; never the scheme's own, which is unsaid. */
static bool
is_port(const char *s, const char *usual)
{
	int64_t port;

	if (*s == '\0')
		return true;
	return *s == ':' && text_to_int(s + 1, strlen(s + 1), &port) &&
	    port >= 1 && port <= 65535 && strcmp(s + 1, usual) != 0;
}

/*
 * What a browser sends as Origin (RFC 6454 section 6.2): scheme, host in small
 * letters (a name that is not ASCII in its xn-- form), a port unless it is the
 * scheme's.  NULL, or what is wrong with it.
 */
static const char *
origin_fault(const char *origin)
{
	bool secure = strncmp(origin, "https://", 8) == 0;
	const char *host = origin + (secure ? 8 : 7), *usual, *end;

	usual = secure ? "443" : "80";
	if (!secure && strncmp(origin, "http://", 7) != 0)
		return "must begin with https:// or http://";
	if (strlen(origin) > ORIGIN_MAX)
		return "is too long";
	if (*host == '[')
		end = host + 1 + strspn(host + 1, "0123456789abcdef:.");
	else
		end = host + strspn(host, LOWER_OR_DIGIT ".-");
	if (*host == '[' && *end++ != ']')
		return "has a broken address";
	if (end == host)
		return "has no host, or one that is not in small letters";
	if (*end == '/')
		return "must end with the host or port: an origin has no path";
	if (!is_port(end, usual))
		return "must be a host in small letters, and a port that is "
		    "not the scheme's own";
	return NULL;
}

static void
origins_check(struct loader *ld, const struct at *at, const struct cors *cors)
{
	for (size_t i = 0; i < cors->origin_count; i++) {
		const char *origin = cors->origins[i], *wrong;

		if (strcmp(origin, "*") != 0) {
			wrong = origin_fault(origin);
			if (wrong != NULL)
				fault_item(ld, at, "origins", i, "the origin "
				    "\"%s\" %s; it is compared as browsers "
				    "send it, like \"https://app.example.com\"",
				    origin, wrong);
		} else if (cors->origin_count > 1) {
			fault_item(ld, at, "origins", i, "\"*\" is any "
			    "origin; drop it, or the others");
		}
	}
}

static bool
is_any(const struct cors *cors)
{
	for (size_t i = 0; i < cors->origin_count; i++)
		if (strcmp(cors->origins[i], "*") == 0)
			return true;
	return false;
}

void
cors_load(struct loader *ld, const struct at *api)
{
	struct cors *cors = &ld->contract->about.cors;
	int64_t max_age = MAX_AGE_DEFAULT;
	struct at at;

	if (!member_object(api, "cors", "cors: ", &at))
		return;
	members_check(ld, &at, cors_members, countof(cors_members));
	cors->origins = member_texts(ld, &at, "origins", &cors->origin_count);
	if (cors->origins != NULL && cors->origin_count == 0)
		fault_value(ld, &at, "origins", "\"origins\" is empty; name "
		    "one, or drop \"cors\"");
	origins_check(ld, &at, cors);
	cors->credentials = member_flag(&at, "credentials");
	if (cors->credentials && is_any(cors))
		fault_value(ld, &at, "credentials", "\"credentials\" with "
		    "\"*\" would let any page act as its visitor; name the "
		    "origins");
	(void)member_number(&at, "max_age", &max_age);
	if (max_age < 0 || max_age > MAX_AGE_HIGHEST)
		fault_value(ld, &at, "max_age", "\"max_age\" must be from 0 "
		    "to %d seconds", MAX_AGE_HIGHEST);
	cors->max_age_s = (unsigned)max_age;
}

/* ---- rates ---- */

static const struct member rate_members[] = {
	{ "count", KIND_NUMBER, true },
	{ "per", KIND_NUMBER, true },
	{ "burst", KIND_NUMBER, false },
};

static unsigned
rate_number(struct loader *ld, const struct at *at, const char *name,
    int64_t value, int64_t most)
{
	(void)member_number(at, name, &value);
	if (value >= 1 && value <= most)
		return (unsigned)value;
	fault_value(ld, at, name, "\"%s\" must be from 1 to %lld", name,
	    (long long)most);
	return 1;
}

/* Without "burst" all of the count may come at once. */
static struct rate
rate_load(struct loader *ld, const struct at *all, const char *name)
{
	struct rate rate = { .name = arena_string(ld->arena, name) };
	struct at at;

	if (!name_is_word(name))
		fault_name(ld, all, name, "\"%s\" cannot be the name of a "
		    "class of rates; use a-z, 0-9 and _, a letter first", name);
	if (!member_object(all, name, arena_format(ld->scratch,
		"rates: \"%s\": ", name), &at)) {
		fault_value(ld, all, name, "\"%s\" must be an object with "
		    "\"count\" and \"per\"", name);
		return rate;
	}
	members_check(ld, &at, rate_members, countof(rate_members));
	rate.count = rate_number(ld, &at, "count", 1, RATE_COUNT_HIGHEST);
	rate.period_s = rate_number(ld, &at, "per", 1, RATE_PERIOD_HIGHEST);
	rate.burst = rate_number(ld, &at, "burst", rate.count, rate.count);
	return rate;
}

void
rates_load(struct loader *ld, const struct at *api)
{
	struct contract_about *about = &ld->contract->about;
	struct rate *rates = NULL;
	size_t count = 0;
	struct at all;

	if (!member_object(api, "rates", "rates: ", &all))
		return;
	json_object_object_foreach(all.object, name, value) {
		(void)value;
		rates = grown(ld, rates, count, sizeof(*rates));
		rates[count] = rate_load(ld, &all, name);
		rates[count].number = (unsigned)count;
		count++;
	}
	about->rates = rates;
	about->rate_count = count;
}
