/* SPDX-License-Identifier: MIT */
/*
 * The corridor on one page: claim, recall, accept, run, settle.  Each stage
 * takes the values of the ones before, const, and makes one new value: job ->
 * caller -> input -> outcome -> settled.  The next claim goes with the run, so
 * a thread has two scopes, one for what it does and one for what comes.
 *
 * What a job did and that it is done are one commit.  What failed is told in a
 * transaction of its own, fenced, so that it may come late or never: then the
 * job is simply run again.  Recalling, accepting and settling are in settle.c;
 * jobs that call a service go their way in call.c.
 */
#include "work/internal.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

enum {
	MARGIN_MS = 1000,	/* past a job's timeout, for the answer */
	BATCH_SHARE = 5,	/* timeouts of a job that a batch may take */
	FAILING_MS = 2,		/* pause while another thread settles a job */
	BEHIND_US = 4000,	/* a job that waited so long is not the only one */
	LONG_MS = 20,		/* while it ran, much may have changed */
};

/* ---- Claiming. ---- */

static struct scope *
scope_begin(struct thread *t, unsigned which)
{
	struct scope *sc = &t->scope[which];

	arena_reset(t->arena[which]);
	scope_init(sc, t->arena[which]);
	return sc;
}

/* What is held is written down before anything is done with it. */
static void
note_slot(struct thread *t)
{
	const struct queue_claimed *c = &t->claimed;
	size_t i;

	if (c->count == 0 || c->jobs[0].token != 0)
		return;
	for (i = 0; i < c->count; i++) {
		t->slot->job[i].id = c->jobs[i].id;
		t->slot->job[i].attempt = c->jobs[i].attempt;
		t->slot->job[i].kind = c->jobs[i].kind->number;
	}
	atomic_store(&t->slot->count, (uint32_t)c->count);
}

/*
 * Has another thread of the process this job, though nobody holds it?  Then it
 * has failed there a moment ago, and that is not told yet.
 */
static bool
is_failing(const struct thread *t)
{
	const struct crew *crew = t->crew;
	const struct queue_job *job = &t->claimed.jobs[0];

	if (job->token != 0 || t->claimed.count > 1)
		return false;
	for (unsigned i = 0; i < crew->options->threads; i++)
		if (i != t->number && atomic_load(&crew->slots[i].count) > 0 &&
		    atomic_load(&crew->slots[i].job[0].id) == job->id)
			return true;
	return false;
}

static void
release(struct thread *t, const struct queue_claimed *claimed)
{
	crew_released(t->crew, t->number, claimed->jobs, claimed->count);
	atomic_store(&t->slot->count, 0);
}

/* false: there is nothing, or nobody to ask.  `all`: without any floor. */
static bool
claim(struct thread *t, bool all)
{
	struct scope *sc = scope_begin(t, t->now);

	t->claimed = (struct queue_claimed){ NULL, 0, false };
	if (crew_wish(t->crew, sc->arena, SIDE_SQL, NULL, all, &t->wishes) &&
	    queue_claim(sc, t->store, &t->wishes.claim, &t->claimed) !=
	    PROBLEM_NONE)
		log_event(LOG_WARN, "claim", LOG_TEXT("cause", sc->cause));
	t->rest = crew_claimed(t->crew, t->number, &t->wishes, &t->claimed);
	return t->claimed.count > 0;
}

/* ---- Running. ---- */

/* All of one claim: those that can be run, as one transaction. */
struct party {
	struct scope *sc;
	struct walk *walks;
	struct queue_task *tasks;
	size_t *of_task;		/* which walk */
	size_t count, task_count;
	uint64_t began_ns;
};

static struct party
party_of(struct thread *t, struct scope *sc)
{
	size_t n = t->claimed.count, i;
	struct party p = { .sc = sc, .count = n, .began_ns = clock_now_ns() };

	p.walks = arena_alloc(sc->arena, n * sizeof(*p.walks));
	p.tasks = arena_alloc(sc->arena, n * sizeof(*p.tasks));
	p.of_task = arena_alloc(sc->arena, n * sizeof(*p.of_task));
	for (i = 0; i < n; i++) {
		struct walk *w = &p.walks[i];

		w->job = &t->claimed.jobs[i];
		if (!walk_approach(t, sc, w))
			continue;
		p.of_task[p.task_count] = i;
		p.tasks[p.task_count++] = (struct queue_task){ w->job,
			w->caller, w->input };
	}
	return p;
}

static void
scope_follow(struct scope *sc, const struct queue_job *job, size_t count)
{
	uint64_t ms = job->kind->timeout_ms * (uint64_t)(count > 1 ?
	    BATCH_SHARE : 1) + MARGIN_MS;

	if (job->request_id != NULL)
		snprintf(sc->request_id, sizeof(sc->request_id), "%s",
		    job->request_id);
	sc->deadline_ns = clock_now_ns() + ms * 1000000;
}

/* Several failed together: nothing was done, and each is run alone. */
static void
part(struct thread *t, const struct party *p, const struct queue_result *r)
{
	const struct job_kind *kind = p->tasks[0].job->kind;

	log_event(LOG_WARN, "batch_failed", LOG_TEXT("kind", kind->name),
	    LOG_INT("jobs", (int64_t)p->task_count),
	    LOG_TEXT("code", r->code), LOG_TEXT("cause", p->sc->cause));
	crew_alone(t->crew, kind, p->task_count);
}

static void
conclude(struct thread *t, struct party *p, const struct queue_result *r)
{
	uint64_t ns = clock_now_ns() - p->began_ns;
	size_t i;

	if (r->ending == QUEUE_FENCED)
		metric_add("lockstep_job_fenced_writes_total", "",
		    p->task_count);
	if (r->ending == QUEUE_FAILED && p->task_count > 1) {
		part(t, p, r);
		return;
	}
	for (i = 0; i < p->task_count; i++) {
		struct walk *w = &p->walks[p->of_task[i]];

		if (r->ending == QUEUE_DONE || r->ending == QUEUE_FENCED) {
			walk_record(p->sc, w, r->ending == QUEUE_DONE ? "done" :
			    "fenced", ns / p->task_count);
			continue;
		}
		w->code = arena_string(p->sc->arena, r->code);
		walk_settle(t, p->sc, w, p->began_ns);
	}
}

/* Those that were never run. */
static void
conclude_others(struct thread *t, struct party *p)
{
	size_t i;

	for (i = 0; i < p->count; i++) {
		struct walk *w = &p->walks[i];

		if (w->reason == NULL || w->input == NULL)
			continue;
		walk_give_up(t, p->sc, w, p->began_ns);
	}
	for (i = 0; i < p->count; i++) {
		struct walk *w = &p->walks[i];

		if (w->input == NULL)
			walk_settle(t, p->sc, w, p->began_ns);
	}
}

/*
 * What was claimed behind the run is what comes now; unless something had to be
 * settled, which has let go of it, if it was held.
 */
static void
follow(struct thread *t, const struct queue_next *next)
{
	t->claimed = next->claimed;
	if (t->settled && t->claimed.count > 0 &&
	    t->claimed.jobs[0].token == 0)
		t->claimed.count = 0;
	t->rest = crew_claimed(t->crew, t->number, &t->wishes, &t->claimed);
	if (t->claimed.count > 0)
		t->now = !t->now;
}

/*
 * May there be jobs that neither the claim before the run nor the one behind it
 * has seen, and that nobody rings for?  What came meanwhile was rung for, by
 * all processes that make jobs; whoever looked then may have left it because of
 * its key, of which we had a job.  The next of a key is told of if it was there
 * when ours ended (job_next()).  What is left are jobs that come of age
 * elsewhere during the run: a long one is followed by a look in any case, and
 * the clock rings.
 */
static bool
is_worth_a_look(const struct thread *t, const struct queue_result *result,
    const struct queue_next *next, uint64_t run_ns)
{
	if (t->settled || result->ending != QUEUE_DONE ||
	    crew_rung_since(t->crew, &t->wishes))
		return true;
	return next->claim != NULL ? !next->heard : result->freed ||
	    run_ns > LONG_MS * (uint64_t)1000000;
}

/*
 * Runs what was claimed and, if there may be more, claims what comes next.
 * When something has to be settled the next claim waits, as that takes the
 * connection; and after a lease, which may be long, as much may have changed.
 */
static void
walk(struct thread *t)
{
	struct scope *sc = &t->scope[t->now];
	struct queue_claimed claimed = t->claimed;
	struct party p;
	struct queue_next next = { NULL, NULL, { NULL, 0, false }, false };
	struct queue_result result = { .ending = QUEUE_DONE };
	bool whole, follows;

	t->settled = false;
	t->look = true;
	if (is_failing(t)) {
		queue_drop(sc, t->store);
		crew_released(t->crew, t->number, claimed.jobs, claimed.count);
		t->claimed.count = 0;
		work_pause_ms(FAILING_MS);
		return;
	}
	note_slot(t);
	scope_follow(sc, &claimed.jobs[0], claimed.count);
	p = party_of(t, sc);
	whole = p.task_count == p.count && claimed.jobs[0].token == 0 &&
	    !crew_is_stopping(t->crew);
	follows = whole && t->rest != REST_NONE;
	if (follows) {
		next.sc = scope_begin(t, !t->now);
		if (crew_wish(t->crew, next.sc->arena, SIDE_SQL,
		    claimed.jobs[0].kind, false, &t->wishes))
			next.claim = &t->wishes.claim;
	}
	if (p.task_count > 0) {
		result = queue_run(sc, t->store, p.tasks, p.task_count, &next);
		conclude(t, &p, &result);
	}
	conclude_others(t, &p);
	release(t, &claimed);
	t->claimed.count = 0;
	if (follows)
		follow(t, &next);
	if (whole)
		t->look = is_worth_a_look(t, &result, &next, clock_now_ns() -
		    p.began_ns);
	if (result.enqueued)
		crew_tell(t->crew);
}

/* ---- A life. ---- */

/* What the process before was at when it died counts as an attempt. */
static void
bring_home(struct thread *t)
{
	uint32_t count = atomic_load(&t->slot->count), i;
	size_t kinds;
	const struct job_kind *all = contract_jobs(t->crew->options->contract,
	    &kinds);
	struct scope *sc = scope_begin(t, 0);

	for (i = 0; i < count && i < SLOT_JOBS; i++) {
		struct queue_job job = { .id = t->slot->job[i].id,
			.attempt = t->slot->job[i].attempt };
		struct queue_settlement s = { .code = "crashed",
			.message = "the worker process ended" };

		if (t->slot->job[i].kind >= kinds)
			continue;
		job.kind = &all[t->slot->job[i].kind];
		s.delay_ms = job.attempt > 1 ? walk_backoff_ms(t, &job) : 0;
		(void)settle_at_last(t, sc, &job, &s);
		log_event(LOG_WARN, "job_crashed", LOG_INT("job", job.id),
		    LOG_TEXT("kind", job.kind->name),
		    LOG_INT("attempt", job.attempt));
	}
	atomic_store(&t->slot->count, 0);
}

/* At the end: what was claimed and not begun is there for others at once. */
static void
give_back(struct thread *t)
{
	struct scope *sc = scope_begin(t, !t->now);
	const struct queue_settlement s = { .code = "", .message = "",
		.spared = true };

	queue_drop(sc, t->store);
	if (t->claimed.count > 0 && t->claimed.jobs[0].token != 0)
		(void)settle_at_last(t, sc, &t->claimed.jobs[0], &s);
	release(t, &t->claimed);
}

static void
live(struct thread *t)
{
	bool drain = t->crew->options->drain;

	bring_home(t);
	while (!crew_is_stopping(t->crew)) {
		if (t->claimed.count > 0) {
			walk(t);
			continue;
		}
		if ((t->look || drain) &&
		    (claim(t, false) || (drain && claim(t, true)))) {
			/*
			 * Where one has waited there may be another; of many
			 * that came at once the second has, when it rings
			 * again: see keeper.c.
			 */
			if (drain || (t->rest == REST_JOBS &&
			    t->claimed.jobs[0].waited_us >= BEHIND_US))
				crew_ring_side(t->crew, SIDE_SQL, 1);
			continue;
		}
		if (drain || !crew_wait(t->crew, SIDE_SQL))
			break;
		t->look = true;
	}
	give_back(t);
}

void *
work_thread(void *arg)
{
	const struct hand *hand = arg;
	const struct work_options *o = hand->crew->options;
	struct thread t = { .crew = hand->crew, .number = hand->thread,
		.slot = &hand->crew->slots[hand->thread],
		.arena = { arena_new(), arena_new() },
		.store = store_new(&o->store, o->contract),
		.look = true, .seed = clock_now_ns() | 1 };

	live(&t);
	store_free(t.store);
	arena_free(t.arena[0]);
	arena_free(t.arena[1]);
	crew_left(t.crew, SIDE_SQL);
	return NULL;
}
