/* SPDX-License-Identifier: MIT */
/*
 * How fast files are written.  Where requests are served they go before files: the
 * writers of a process share a part of the time then, and take it in short steps, as
 * whoever comes meanwhile waits for the end of one.  Rows that nobody takes wait in
 * a socket, so the database rests when its writer does.  Where nobody asks for
 * anything a file is written as fast as it goes.
 *
 * Whether requests are served the database knows, for the servers of all hosts:
 * how many of their sessions were used just now is the rate of requests times so
 * long.  It is averaged over a second; whoever looks how far his export is, even ten
 * times a second, is no load.
 */
#include "work/internal.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	NICE = 10,		/* of a thread that writes */
	REST_MAX_MS = 50,
	SERVED = 100,		/* hundredths of a session: 20 requests a second */
	WEIGHT = 4,		/* of what was heard before, with one of now */
};

void
pace_begin(struct pace *p, struct crew *crew)
{
	/* Of this thread alone, by Linux. */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	atomic_fetch_add(&crew->writers, 1);
	p->began_ns = clock_now_ns();
}

void
pace_end(struct crew *crew)
{
	atomic_fetch_sub(&crew->writers, 1);
}

void
pace_hear(struct pace *p, int64_t sessions)
{
	int64_t now = sessions < 0 ? 2 * SERVED : 100 * sessions;

	/* At first one of them may be whose request the file is. */
	p->sessions = p->heard ? (p->sessions * WEIGHT + now) / (WEIGHT + 1) :
	    now - 100;
	p->heard = true;
	atomic_store(&p->alone, p->sessions < SERVED);
}

/* So long that what was worked since the last rest is this one's part of all. */
static uint64_t
rest_ns(const struct pace *p, unsigned share, unsigned writers)
{
	uint64_t worked_ns = clock_now_ns() - p->began_ns, ret;

	ret = worked_ns * (100 * writers - share) / share;
	return ret < REST_MAX_MS * 1000000ull ? ret : REST_MAX_MS * 1000000ull;
}

void
pace_rest(struct pace *p, const struct crew *crew)
{
	unsigned share = crew->options->export_share;
	struct timespec rest = { 0 };

	if (share < 100 && !atomic_load(&p->alone)) {
		rest.tv_nsec = (long)rest_ns(p, share,
		    atomic_load(&crew->writers));
		nanosleep(&rest, NULL);
	}
	p->began_ns = clock_now_ns();
}
