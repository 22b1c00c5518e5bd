/* SPDX-License-Identifier: MIT */
/*
 * A look at the database behind the contract, by a child of the parent: it may
 * take its time, hang on a lock or fall over, and whoever waits for it has a
 * deadline.  What it found comes back in memory that both have mapped; a part
 * that is not marked as done was not looked at.
 */
#include "serve/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

enum { PRIMARY, REPLICA, PAGES };
enum {
	TRY_MS = 2000,		/* a look that fails is tried again: */
	PAUSE_MS = 200,		/* somebody may be altering a table */
};

static const char *const end_name[] = { [LOOK_FAILED] = "result=\"failed\"",
	[LOOK_CLEAR] = "result=\"clear\"", [LOOK_UNSAFE] = "result=\"unsafe\"" };

static struct serve_look *
pages_map(void)
{
	void *page = mmap(NULL, PAGES * sizeof(struct serve_look),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		abort();
	return page;
}

static void
look_at(const struct serve_source *source, const struct serve_options *o,
    const char *database, struct serve_look *page)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000 };
	uint64_t began_ns = clock_now_ns();

	source->look(source->context, o, database, page);
	while (!page->done &&
	    clock_now_ns() - began_ns < TRY_MS * 1000000ull) {
		nanosleep(&pause, NULL);
		source->look(source->context, o, database, page);
	}
	page->took_ns = clock_now_ns() - began_ns;
}

/* The child's whole life. */
static _Noreturn void
look_main(const struct serve_source *source, const struct serve_options *o,
    struct serve_look *page, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "lockstep-look");
	if (getppid() == parent) {
		look_at(source, o, o->store.database, &page[PRIMARY]);
		if (o->store.database_read != NULL)
			look_at(source, o, o->store.database_read,
			    &page[REPLICA]);
	}
	_exit(0);
}

bool
look_begin(struct look *l, const struct serve_source *source,
    const struct serve_options *o, bool quiet)
{
	pid_t parent = getpid();

	if (l->page == NULL)
		l->page = pages_map();
	memset(l->page, 0, PAGES * sizeof(*l->page));
	l->page[PRIMARY].quiet = quiet;
	/* It says the same as the primary. */
	l->page[REPLICA].quiet = true;
	l->deadline_ns = clock_now_ns() + o->check_timeout_ms * 1000000ull;
	l->pid = fork();
	if (l->pid == 0)
		look_main(source, o, l->page, parent);
	if (l->pid > 0)
		return true;
	l->pid = 0;
	return false;
}

void
look_kill(struct look *l)
{
	if (l->pid != 0)
		kill(l->pid, SIGKILL);
}

void
look_hasten(struct look *l)
{
	if (l->pid == 0 || clock_now_ns() < l->deadline_ns)
		return;
	look_kill(l);
	l->deadline_ns = UINT64_MAX;
}

/* Figures are of the primary, of the last look that came to something. */
static void
count(const struct serve_look *page, enum look_end end)
{
	const struct {
		const char *label;
		unsigned count;
	} rows[] = {
		{ "level=\"unsafe\"", page->unsafe },
		{ "level=\"error\"", page->errors },
		{ "level=\"warning\"", page->warnings },
		{ "level=\"note\"", page->notes },
	};

	metric_add("lockstep_checks_total", end_name[end], 1);
	if (!page->done)
		return;
	for (size_t i = 0; i < countof(rows); i++)
		metric_set("lockstep_check_findings", rows[i].label,
		    rows[i].count);
	metric_set("lockstep_check_time_seconds", "",
	    (uint64_t)clock_unix_s());
}

static enum look_end
end_of(const struct serve_look *page)
{
	if (!page->done)
		return LOOK_FAILED;
	return page->unsafe > 0 ? LOOK_UNSAFE : LOOK_CLEAR;
}

static void
tell(const struct serve_look *page)
{
	if (!page->done)
		log_event(LOG_WARN, "check_failed", LOG_TEXT("cause",
		    page->words));
	else
		log_event(page->unsafe > 0 ? LOG_WARN : LOG_INFO, "checked",
		    LOG_INT("unsafe", page->unsafe),
		    LOG_INT("errors", page->errors),
		    LOG_INT("warnings", page->warnings),
		    LOG_INT("notes", page->notes),
		    LOG_MS("took_ms", page->took_ns));
}

/* The primary stands in for replicas, so that they are unsafe ends nothing. */
static void
tell_replica(struct look *l)
{
	const struct serve_look *page = &l->page[REPLICA];

	if (strcmp(l->said, page->words) == 0)
		return;
	strcpy(l->said, page->words);
	if (!page->done && page->words[0] != '\0')
		log_event(LOG_WARN, "check_failed",
		    LOG_TEXT("database", "replica"),
		    LOG_TEXT("cause", page->words));
	if (page->unsafe > 0)
		log_event(LOG_ERROR, "check_unsafe",
		    LOG_TEXT("database", "replica"),
		    LOG_TEXT("cause", page->words));
}

bool
look_spares(const struct look *l)
{
	return l->page[REPLICA].unsafe > 0;
}

static void
settle(struct gate *gate, const struct serve_look *page)
{
	if (gate != NULL && page->done)
		gate_settle(gate, page->identity, page->unsafe > 0 ?
		    GATE_UNSAFE : GATE_CLEAR);
}

enum look_end
look_end(struct look *l, const struct serve_options *o, const char *said)
{
	struct serve_look *page = &l->page[PRIMARY];
	enum look_end end = end_of(page);

	l->pid = 0;
	if (!page->done && page->words[0] == '\0')
		strcpy(page->words, l->deadline_ns == UINT64_MAX ?
		    "it took longer than check_timeout_ms" :
		    "the process that looks at the database was lost");
	count(page, end);
	if (said == NULL || said[0] == '\0' || strcmp(said, page->words) != 0)
		tell(page);
	tell_replica(l);
	if (l->beside && end != LOOK_CLEAR)
		return end;
	settle(o->gate, &l->page[REPLICA]);
	settle(o->gate, page);
	if (o->gate != NULL && end == LOOK_FAILED)
		gate_failed(o->gate);
	return end;
}
