/* SPDX-License-Identifier: MIT */
/*
 * The corridor without its ends, for tests: requests come as lines, go through
 * route, identify, accept and run, and what came out is told as JSON, a line
 * each.  The conversation with Postgres goes to a trace file.
 *
 *	wire run CONTRACT DATABASE TRACE SECRET STATEMENTS TIMEOUT_MS
 *	    [DATABASE_READ [unprepared]]
 *	wire migrate up|status|verify DATABASE MIGRATIONS POLICIES [json]
 *
 * A request is SUBJECT ROLE METHOD TARGET DEADLINE_MS BODY and header fields
 * (NAME=VALUE, as FastCGI names them), with a tab between them; "-" for no
 * subject, no token, no deadline, no body.  The line "ready" asks
 * store_ready(), "sweep" sweeps what was kept for 24 hours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"
#include "base/clock.h"
#include "contract/contract.h"
#include "http/http.h"
#include "store/store.h"

enum { WORDS = 6, HEADERS = 6 };

struct wire {
	struct contract *contract;
	struct auth *auth;
	struct store *store;
	struct arena *arena;
	unsigned number;
};

static void
die(const char *what, const struct buf *why)
{
	fprintf(stderr, "%s\n%s\n", what, why == NULL ? "" : why->at);
	exit(2);
}

static void
put_text(struct buf *b, const char *name, const char *text)
{
	if (text == NULL)
		return;
	buf_format(b, ",\"%s\":", name);
	buf_json_string(b, text);
}

static void
tell(const struct scope *sc, enum problem p, const struct outcome *out)
{
	struct buf b;
	unsigned i;

	buf_init(&b, 64 << 20);
	buf_format(&b, "{\"problem\":\"%s\"", p == PROBLEM_NONE ? "NONE" :
	    problem_kind(p)->name);
	put_text(&b, "cause", sc->cause);
	if (p == PROBLEM_DECLARED)
		put_text(&b, "code", sc->declared_code);
	buf_format(&b, ",\"retry_after\":%u,\"issues\":[", sc->retry_after_s);
	for (i = 0; i < sc->issue_count; i++)
		buf_format(&b, "%s[\"%s\",%s]", i == 0 ? "" : ",",
		    sc->issues[i].keyword, sc->issues[i].path);
	buf_char(&b, ']');
	if (p == PROBLEM_NONE && out != NULL) {
		buf_format(&b, ",\"rows\":%u,\"data\":", (unsigned)out->rows);
		buf_add(&b, out->data, out->data_length);
		put_text(&b, "next", out->next);
		put_text(&b, "key", out->keys == NULL ? NULL :
		    out->keys[0]);
		put_text(&b, "tag", out->tag);
		put_text(&b, "first", out->request_id);
		buf_format(&b, ",\"replayed\":%s", out->replayed ? "true" :
		    "false");
		if (out->total_known)
			buf_format(&b, ",\"total\":%u,\"estimated\":%s",
			    (unsigned)out->total, out->total_estimated ?
			    "true" : "false");
	}
	buf_string(&b, "}\n");
	fputs(b.at, stdout);
	fflush(stdout);
	buf_release(&b);
}

static bool
given(const char *word)
{
	return strcmp(word, "-") != 0;
}

static char *
authorization(struct wire *w, struct scope *sc, char *const *word)
{
	struct auth_wish wish = { .role = word[1], .life_s = 3600,
		.subject = given(word[0]) ? word[0] : NULL };
	struct buf token;
	char *header;

	buf_init(&token, 8192);
	if (auth_mint(w->auth, sc, &wish, &token) != PROBLEM_NONE)
		die("no token", NULL);
	header = arena_format(sc->arena, "HTTP_AUTHORIZATION=Bearer %s",
	    token.at);
	buf_release(&token);
	return header;
}

static enum problem
parse(struct wire *w, struct scope *sc, char *const *word, struct request *rq)
{
	const char *body = given(word[5]) ? word[5] : "";
	char *params[7 + HEADERS] = {
		arena_format(sc->arena, "REQUEST_METHOD=%s", word[2]),
		arena_format(sc->arena, "REQUEST_URI=%s", word[3]),
		arena_format(sc->arena, "HTTP_X_REQUEST_ID=wire-%u",
		    w->number),
		arena_format(sc->arena, "CONTENT_LENGTH=%zu", strlen(body)),
		arena_string(sc->arena, "CONTENT_TYPE=application/json"),
		given(word[1]) ? authorization(w, sc, word) :
		    arena_string(sc->arena, "HTTP_ACCEPT=*/*"),
	};

	memcpy(params + 6, word + WORDS, HEADERS * sizeof(char *));
	if (!given(word[5]))
		params[4][strlen("CONTENT_TYPE=")] = '\0';
	return http_parse(sc, params, body, strlen(body), rq);
}

static enum problem
walk(struct wire *w, struct scope *sc, char *const *word, struct outcome *out)
{
	const struct accept_options options = { .rollback = true };
	struct request *rq = arena_alloc(sc->arena, sizeof(*rq));
	const struct caller *caller;
	const struct input *input;
	struct match match;
	enum problem p;

	if ((p = parse(w, sc, word, rq)) != PROBLEM_NONE ||
	    (p = contract_route(w->contract, sc, rq, &match)) !=
	    PROBLEM_NONE ||
	    (p = auth_identify(w->auth, sc, rq, &caller)) != PROBLEM_NONE ||
	    (p = contract_accept(w->contract, sc, &match, rq, caller,
	    &options, &input)) != PROBLEM_NONE)
		return p;
	if (given(word[4]))
		sc->deadline_ns = clock_now_ns() +
		    strtoull(word[4], NULL, 10) * 1000000;
	return store_run(sc, w->store, caller, input, out);
}

static void
sweep(struct wire *w, struct scope *sc)
{
	uint64_t swept = 0;
	enum problem p = store_sweep(sc, w->store, SWEEP_REPLIES,
	    &swept);

	tell(sc, p, &(struct outcome){ .data = "null", .data_length = 4,
	    .rows = swept });
}

static void
answer(struct wire *w, char *line)
{
	char *word[WORDS + HEADERS] = { line };
	struct outcome out;
	struct scope sc;
	int n = 1;

	scope_init(&sc, w->arena);
	w->number++;
	while (n < WORDS + HEADERS && (line = strchr(line, '\t')) != NULL) {
		*line++ = '\0';
		word[n++] = line;
	}
	if (n >= WORDS)
		tell(&sc, walk(w, &sc, word, &out), &out);
	else if (strcmp(word[0], "sweep") == 0)
		sweep(w, &sc);
	else
		tell(&sc, store_ready(&sc, w->store), NULL);
	arena_reset(w->arena);
}

static int
run(char **argument)
{
	struct store_options store = { .database = argument[1],
		.connect_timeout_ms = 2000, .lock_timeout_ms = 1000,
		.idle_timeout_ms = 5000, .reconnect_max_ms = 400,
		.statement_timeout_ms = (unsigned)atoi(argument[5]),
		.statements_max = (unsigned)atoi(argument[4]),
		.database_read = argument[6] != NULL && given(argument[6]) ?
		    argument[6] : NULL,
		.unprepared = argument[6] != NULL && argument[7] != NULL,
		.keep_hours = 24,
		.trace_file = given(argument[2]) ? argument[2] : NULL };
	struct auth_options auth = { .secret_file = argument[3] };
	const struct contract_about *about;
	struct wire w = { .arena = arena_new() };
	static char line[1 << 20];
	struct buf fault;

	buf_init(&fault, 1 << 20);
	if ((w.contract = contract_load(argument[0], &fault)) == NULL)
		die("the contract has faults", &fault);
	about = contract_about(w.contract);
	auth.roles = about->roles;
	auth.role_count = about->role_count;
	auth.anonymous = about->anonymous;
	if ((w.auth = auth_new(&auth, &fault)) == NULL)
		die("no keys", &fault);
	w.store = store_new(&store, w.contract);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		answer(&w, line);
	}
	store_free(w.store);
	auth_free(w.auth);
	contract_free(w.contract);
	arena_free(w.arena);
	buf_release(&fault);
	return 0;
}

static int
migrate(char **argument)
{
	struct migrate_options options = { .database = argument[1],
		.migrations = argument[2], .policies = argument[3],
		.json = argument[4] != NULL };
	enum migrate_verb verb = argument[0][0] == 'u' ? MIGRATE_UP :
	    argument[0][0] == 's' ? MIGRATE_STATUS : MIGRATE_VERIFY;

	return store_migrate(&options, verb, stdout, stderr);
}

int
main(int argc, char **argv)
{
	if (argc >= 8 && strcmp(argv[1], "run") == 0)
		return run(argv + 2);
	if (argc >= 6 && strcmp(argv[1], "migrate") == 0)
		return migrate(argv + 2);
	fprintf(stderr, "see the top of wire.c\n");
	return 2;
}
