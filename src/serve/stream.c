/* SPDX-License-Identifier: MIT */
/*
 * Rows that are followed: server-sent events.  A request that was answered
 * leaves its connection here, and its thread goes on to the next.  One thread
 * looks at the rows of all who wait, with one connection to the database, a look at a
 * time: each is the request once more, with its token, as its caller, so what a
 * client is told is what it could read at that moment, and when its token or its
 * right is gone there is only the end.
 *
 * A look waits for two seconds at most, and between looks come those whose turn is
 * by the clock: who has left goes, who has heard nothing hears a comment.  So nobody
 * is kept or left in silence by what the database does.
 *
 * A stream is in the list from its reply on, and the thread's alone from when its
 * connection came.  What a client does not take at once ends its stream.
 */
#include "serve/internal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/room.h"

enum {
	STREAMS_MAX = 256,	/* of a process, */
	OWN_MAX = 8,		/* and of one caller; one more may come */
	RETRY_S = 10,		/* after so long */
	LOOK_MS = 500,		/* between looks at a row, at least, */
	LOOK_MAX_MS = 2000,	/* of which each may take so long, */
	REST = 9,		/* and so many times what they took, */
	REST_MAX_MS = 5000,	/* up to this */
	TEND_MS = 1000,		/* between looks at the clients */
	BEAT_MS = 5000,		/* a comment, so that nobody gives up */
	LIFE_MS = 3600000,	/* then the client comes again */
	EVENT_MAX = 60000,	/* bytes */
};

static const uint64_t ns_per_ms = 1000000;

struct stream {
	struct arena *arena;		/* of all that follows */
	struct request request;
	struct match match;
	char request_id[SCOPE_REQUEST_ID_MAX + 1];
	const char *who;		/* the caller */
	int fd, id;			/* -1 = did not come yet */
	uint64_t began_ns, said_ns;
	unsigned round;			/* in which it was looked at last */
	struct buf row;			/* as it was told last */
	struct stream *next;
	struct stream *next_open;
};

struct streams {
	const struct serve_options *options;
	struct store *store;
	struct arena *arena;
	struct buf event;
	int bell;
	_Atomic bool stopping;
	pthread_mutex_t lock;		/* for: */
	struct stream *open;		/* all of them */
	struct stream *come;		/* they have a connection now */
	struct stream *list;		/* the thread's, as are these: */
	unsigned round;			/* of looks, each stream once */
	uint64_t began_ns;		/* looking, since the last rest */
	uint64_t look_ns, tend_ns;	/* when it is time again */
};

/* ---- Events. ---- */

void
stream_event(struct buf *b, const char *name, const char *data, size_t length)
{
	size_t i;

	buf_format(b, "event: %s\ndata: ", name);
	i = b->length;
	buf_add(b, data, length);
	/* Between tokens of JSON a line break is a blank. */
	for (; i < b->length; i++)
		if (b->at[i] == '\n' || b->at[i] == '\r')
			b->at[i] = ' ';
	buf_string(b, "\n\n");
}

/* ---- A stream's memory. ---- */

static const char *
kept(struct stream *s, const char *text)
{
	return text != NULL ? arena_string(s->arena, text) : NULL;
}

/* What a look at the row needs of the request. */
static void
keep_request(struct stream *s, const struct visit *visit,
    const struct request *rq)
{
	struct request *own = &s->request;

	own->method = METHOD_GET;
	own->method_text = "GET";
	own->body = own->query = "";
	own->authorization = kept(s, rq->authorization);
	own->origin = kept(s, rq->origin);
	own->target = kept(s, rq->target);
	own->path = kept(s, rq->path);
	own->remote_address = kept(s, rq->remote_address);
	for (size_t i = 0; i < rq->parameters; i++)
		own->parameter[i] = (struct parameter){
			kept(s, rq->parameter[i].name),
			kept(s, rq->parameter[i].value) };
	own->parameters = rq->parameters;
	s->match = visit->match;
	for (size_t i = 0; i < s->match.count; i++)
		s->match.value[i] = kept(s, visit->match.value[i]);
}

static void
remember(struct stream *s, const struct outcome *out)
{
	buf_clear(&s->row);
	buf_add(&s->row, out->data, out->data_length);
}

static bool
is_news(const struct stream *s, const struct outcome *out)
{
	return s->row.length != out->data_length ||
	    memcmp(s->row.at, out->data, out->data_length) != 0;
}

/* Callers without a subject are one by role, or by address without a token. */
static const char *
who_of(struct arena *arena, const struct caller *caller,
    const struct request *rq)
{
	return arena_format(arena, "%s %s", caller_role(caller),
	    !caller_is_anonymous(caller) ? caller_subject(caller) :
	    rq->remote_address != NULL ? rq->remote_address : "");
}

/* Puts it among those that are open, if there is room for one more. */
static enum problem
admit(struct streams *all, struct scope *sc, struct stream *s)
{
	unsigned count = 0, own = 0;
	bool stopping = atomic_load(&all->stopping), admitted;

	pthread_mutex_lock(&all->lock);
	for (const struct stream *at = all->open; at != NULL;
	    at = at->next_open) {
		count++;
		own += strcmp(at->who, s->who) == 0;
	}
	admitted = !stopping && count < STREAMS_MAX && own < OWN_MAX;
	if (admitted) {
		s->next_open = all->open;
		all->open = s;
	}
	pthread_mutex_unlock(&all->lock);
	if (admitted)
		return PROBLEM_NONE;
	sc->retry_after_s = RETRY_S;
	if (own >= OWN_MAX)
		return scope_fail(sc, PROBLEM_RATE_LIMITED,
		    "the caller has %d streams open", OWN_MAX);
	return scope_fail(sc, PROBLEM_UNAVAILABLE,
	    "too many streams are open");
}

static void
leave(struct streams *all, struct stream *s)
{
	struct stream **at = &all->open;

	pthread_mutex_lock(&all->lock);
	while (*at != s)
		at = &(*at)->next_open;
	*at = s->next_open;
	pthread_mutex_unlock(&all->lock);
	metric_gauge(GAUGE_STREAMS, -1);
}

static void
stream_free(struct stream *s)
{
	buf_release(&s->row);
	arena_free(s->arena);
	free(s);
}

/* ---- Coming. ---- */

enum problem
streams_begin(const struct visit *visit, struct scope *sc,
    const struct request *rq, struct reply *rp)
{
	struct streams *all = visit->options->streams;
	struct stream *s;
	enum problem p;

	if (visit->outcome.over || rq->method == METHOD_HEAD)
		return PROBLEM_NONE;
	s = room(1, sizeof(*s));
	s->arena = arena_new();
	s->fd = s->id = -1;
	s->began_ns = s->said_ns = clock_now_ns();
	s->who = who_of(s->arena, visit->caller, rq);
	memcpy(s->request_id, sc->request_id, sizeof(s->request_id));
	buf_init(&s->row, EVENT_MAX);
	if ((p = admit(all, sc, s)) != PROBLEM_NONE) {
		stream_free(s);
		return p;
	}
	keep_request(s, visit, rq);
	remember(s, &visit->outcome);
	metric_gauge(GAUGE_STREAMS, 1);
	rp->stream = s;
	return PROBLEM_NONE;
}

void
streams_take(void *context, void *stream, int fd, int request_id)
{
	struct streams *all = ((struct serve_options *)context)->streams;
	struct stream *s = stream;
	uint64_t one = 1;

	if (fd < 0) {
		leave(all, s);
		stream_free(s);
		return;
	}
	s->fd = fd;
	s->id = request_id;
	pthread_mutex_lock(&all->lock);
	s->next = all->come;
	all->come = s;
	pthread_mutex_unlock(&all->lock);
	(void)!write(all->bell, &one, sizeof(one));
}

static void
welcome(struct streams *all)
{
	struct stream *s, *next;
	uint64_t rings;

	(void)!read(all->bell, &rings, sizeof(rings));
	pthread_mutex_lock(&all->lock);
	s = all->come;
	all->come = NULL;
	pthread_mutex_unlock(&all->lock);
	for (; s != NULL; s = next) {
		next = s->next;
		s->round = all->round;
		s->next = all->list;
		all->list = s;
	}
}

/* ---- Telling. ---- */

static bool
say(struct stream *s, const struct buf *b)
{
	s->said_ns = clock_now_ns();
	return !b->failed && http_stream_send(s->fd, s->id, b->at, b->length);
}

/* The request once more. */
static enum problem
look(struct streams *all, struct stream *s, struct scope *sc,
    struct outcome *ret)
{
	const struct serve_options *o = all->options;
	const struct caller *caller;
	const struct input *input;
	enum problem p;

	if ((p = auth_identify(o->auth, sc, &s->request, &caller)) !=
	    PROBLEM_NONE ||
	    (p = contract_accept(o->contract, sc, &s->match, &s->request,
	    caller, NULL, &input)) != PROBLEM_NONE)
		return p;
	return store_run(sc, all->store, caller, input, ret);
}

/* The database is away, or slow: the next look would be no better. */
static bool
is_away(enum problem p)
{
	return p == PROBLEM_UNAVAILABLE || p == PROBLEM_TIMEOUT;
}

/* Nobody knows how the row is: that may pass. */
static bool
is_passing(enum problem p)
{
	return is_away(p) || p == PROBLEM_INTERNAL;
}

/* The client hears why, and asks no more by itself. */
static const char *
part(struct streams *all, struct stream *s, enum problem p,
    const struct scope *sc)
{
	const char *code = p == PROBLEM_DECLARED ? sc->declared_code :
	    problem_kind(p)->code;
	char data[128];

	snprintf(data, sizeof(data), "{\"code\":\"%s\"}", code);
	stream_event(&all->event, "end", data, strlen(data));
	(void)!say(s, &all->event);
	return code;
}

/* Why it ends; NULL = it goes on. */
static const char *
tell(struct streams *all, struct stream *s, bool *ret_away)
{
	struct scope sc;
	struct outcome out;
	enum problem p;
	bool over = false;

	arena_reset(all->arena);
	scope_init(&sc, all->arena);
	memcpy(sc.request_id, s->request_id, sizeof(sc.request_id));
	sc.deadline_ns = clock_now_ns() + LOOK_MAX_MS * ns_per_ms;
	buf_clear(&all->event);
	p = look(all, s, &sc, &out);
	*ret_away = is_away(p);
	if (p != PROBLEM_NONE)
		return is_passing(p) ? NULL : part(all, s, p, &sc);
	if (is_news(s, &out)) {
		remember(s, &out);
		stream_event(&all->event, "progress", out.data,
		    out.data_length);
	}
	if (out.over) {
		stream_event(&all->event, "end", "{}", 2);
		over = true;
	}
	if (all->event.length > 0 && !say(s, &all->event))
		return "unread";
	return over ? "over" : NULL;
}

static void
end(struct streams *all, struct stream *s, const char *why)
{
	log_event(LOG_INFO, "stream", LOG_TEXT("request_id", s->request_id),
	    LOG_TEXT("operation", s->match.operation->name),
	    LOG_TEXT("ending", why),
	    LOG_MS("total_ms", clock_now_ns() - s->began_ns));
	http_stream_end(s->fd, s->id);
	leave(all, s);
	stream_free(s);
}

/* All of them, those with a reason to end out of the list. */
static void
round_of(struct streams *all, const char *(*judge)(struct streams *,
    struct stream *))
{
	struct stream **at = &all->list, *s;
	const char *why;

	while ((s = *at) != NULL) {
		why = judge(all, s);
		if (why == NULL) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		end(all, s, why);
	}
}

static const char *
has_left(const struct stream *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLRDHUP };

	if (poll(&p, 1, 0) > 0)
		return "left";
	return clock_now_ns() - s->began_ns >= LIFE_MS * ns_per_ms ? "aged" :
	    NULL;
}

/* It is there, or it ends; if it heard nothing for long it hears a comment. */
static const char *
tend(struct streams *all, struct stream *s)
{
	const char *why = has_left(s);

	if (why != NULL ||
	    clock_now_ns() - s->said_ns < BEAT_MS * ns_per_ms)
		return why;
	buf_clear(&all->event);
	buf_string(&all->event, ": \n\n");
	return say(s, &all->event) ? NULL : "unread";
}

static const char *
must_go(struct streams *all, struct stream *s)
{
	(void)all;
	(void)s;
	return "stopped";
}

/* ---- Rounds of looks. ---- */

/* Where in the list the first is that waits for a look; NULL is there if none. */
static struct stream **
unseen(struct streams *all)
{
	struct stream **at = &all->list;

	while (*at != NULL && (*at)->round == all->round)
		at = &(*at)->next;
	return at;
}

/* Looking took what it took, so the next look waits for longer then. */
static void
rest(struct streams *all)
{
	uint64_t now_ns = clock_now_ns();
	uint64_t pause_ns = (now_ns - all->began_ns) * REST;

	if (pause_ns < LOOK_MS * ns_per_ms)
		pause_ns = LOOK_MS * ns_per_ms;
	if (pause_ns > REST_MAX_MS * ns_per_ms)
		pause_ns = REST_MAX_MS * ns_per_ms;
	all->look_ns = now_ns + pause_ns;
	all->began_ns = 0;
}

/*
 * The next look of this round.  When the database is away the round goes on after
 * a rest, with the next one, so that no stream keeps the others from theirs.
 */
static void
step(struct streams *all)
{
	struct stream **at = unseen(all), *s = *at;
	const char *why = NULL;
	bool away = false;

	if (all->began_ns == 0)
		all->began_ns = clock_now_ns();
	if (s != NULL) {
		s->round = all->round;
		why = tell(all, s, &away);
	}
	if (why != NULL) {
		*at = s->next;
		end(all, s, why);
	}
	if (s == NULL)
		all->round++;
	if (s == NULL || away)
		rest(all);
}

static void *
follow(void *arg)
{
	struct streams *all = arg;
	struct pollfd bell = { .fd = all->bell, .events = POLLIN };

	for (;;) {
		(void)!poll(&bell, 1, all->list == NULL ? -1 :
		    clock_left_ms(all->look_ns < all->tend_ns ? all->look_ns :
		    all->tend_ns));
		if (bell.revents != 0)
			welcome(all);
		if (atomic_load(&all->stopping))
			round_of(all, must_go);
		if (clock_now_ns() >= all->tend_ns) {
			round_of(all, tend);
			all->tend_ns = clock_now_ns() + TEND_MS * ns_per_ms;
		}
		if (clock_now_ns() >= all->look_ns)
			step(all);
	}
	return NULL;
}

/* ---- Life. ---- */

static bool
are_wanted(const struct contract *contract)
{
	size_t count;
	const struct operation *op = contract_operations(contract, &count);

	for (size_t i = 0; i < count; i++)
		if (op[i].told_as == TOLD_EVENTS)
			return true;
	return false;
}

struct streams *
streams_start(const struct serve_options *options)
{
	struct streams *all;
	pthread_t thread;

	if (!are_wanted(options->contract))
		return NULL;
	all = room(1, sizeof(*all));
	all->options = options;
	all->store = store_new(&options->store, options->contract);
	all->arena = arena_new();
	all->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	buf_init(&all->event, 2 * EVENT_MAX);
	pthread_mutex_init(&all->lock, NULL);
	all->look_ns = all->tend_ns = clock_now_ns();
	if (all->bell < 0 || pthread_create(&thread, NULL, follow, all) != 0)
		abort();
	return all;
}

void
streams_stop(struct streams *streams)
{
	uint64_t one = 1;

	if (streams == NULL)
		return;
	atomic_store(&streams->stopping, true);
	(void)!write(streams->bell, &one, sizeof(one));
}
