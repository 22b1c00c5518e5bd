/* SPDX-License-Identifier: MIT */
/*
 * What the threads of a worker process share: who waits, which kinds may be
 * claimed, and from where on.
 *
 * The floor of a kind is where somebody claimed a moment ago; jobs that are
 * done leave dead entries in the index below it, and as long as anybody holds
 * an old snapshot these cannot go away.  What is passed over (a job whose
 * transaction took long to commit, or whose worker died) lies below the floor,
 * so all is looked at each second, or, when that takes long, for a small part
 * of the time.
 */
#include "work/internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/room.h"

static const uint64_t ns_per_ms = 1000000;

/* Is the kind of one of the queues that were chosen, and its service known? */
static bool
is_served(const struct work_options *o, const struct job_kind *kind)
{
	size_t i;

	if (kind->type == JOB_HTTP &&
	    services_find(o->services, kind) == NULL)
		return false;
	if (kind->type == JOB_EXPORT && o->export_dir == NULL)
		return false;
	for (i = 0; i < o->queue_count; i++)
		if (strcmp(o->queues[i], kind->queue) == 0)
			return true;
	return o->queue_count == 0;
}

/*
 * As the contract says.  Of several kinds that call services none takes all the
 * threads: a service that hangs leaves a quarter of them to the others.
 */
static unsigned
limit_of(const struct work_options *o, const struct job_kind *kind,
    size_t calling)
{
	unsigned share = o->calls - o->calls / 4;

	if (kind->type == JOB_EXPORT)
		return o->exports;
	if (kind->concurrency > 0 || kind->type == JOB_SQL)
		return kind->concurrency;
	return calling > 1 && o->calls > 1 ? share : o->calls;
}

static void
grounds_make(struct crew *crew)
{
	const struct work_options *o = crew->options;
	size_t count, calling = 0, i;
	const struct job_kind *kinds = contract_jobs(o->contract, &count);
	struct ground *g;

	crew->grounds = room(count, sizeof(*crew->grounds));
	for (i = 0; i < count; i++)
		calling += kinds[i].type != JOB_SQL &&
		    is_served(o, &kinds[i]);
	for (i = 0; i < count; i++) {
		if (!is_served(o, &kinds[i]))
			continue;
		g = &crew->grounds[crew->ground_count++];
		g->kind = &kinds[i];
		g->side = kinds[i].type != JOB_SQL ? SIDE_CALLS : SIDE_SQL;
		g->limit = limit_of(o, &kinds[i], calling);
	}
	/* Without a service nobody waits for one. */
	crew->calls = calling > 0 ? o->calls : 0;
}

struct crew *
crew_new(const struct work_options *options, struct slot *slots)
{
	struct crew *crew = room(1, sizeof(*crew));

	crew->options = options;
	crew->slots = slots;
	grounds_make(crew);
	crew->side[SIDE_SQL].ears = options->threads;
	crew->side[SIDE_CALLS].ears = crew->calls;
	crew->lease_count = options->threads + crew->calls;
	crew->leases = room(crew->lease_count, sizeof(*crew->leases));
	crew->abandon = room(crew->calls, sizeof(*crew->abandon));
	crew->stretches = room(crew->calls, sizeof(*crew->stretches));
	crew->desk = crew->calls > 0 ? desk_new(options) : NULL;
	pthread_mutex_init(&crew->lock, NULL);
	crew->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (crew->eventfd >= 0)
		return crew;
	crew_free(crew);
	return NULL;
}

void
crew_free(struct crew *crew)
{
	if (crew->eventfd >= 0)
		close(crew->eventfd);
	pthread_mutex_destroy(&crew->lock);
	desk_free(crew->desk);
	free(crew->stretches);
	free(crew->abandon);
	free(crew->leases);
	free(crew->grounds);
	free(crew);
}

/* ---- The bells. ---- */

/* Under the lock: of those that wait, the last that began to. */
static void
rouse(struct side *side)
{
	struct sleeper *s = side->asleep;

	side->asleep = s->below;
	side->sleepers--;
	side->brisk_ns = clock_now_ns();
	s->rung = true;
	pthread_cond_signal(&s->bell);
}

/*
 * Under the lock.  What nobody who waits can hear is heard by whoever is about
 * to; more rings than ears are none.
 */
static void
ring_side(struct side *side, unsigned times)
{
	side->rung += times;
	for (; times > 0 && side->asleep != NULL; times--)
		rouse(side);
	side->rings += times;
	if (side->rings > side->ears)
		side->rings = side->ears;
}

void
crew_ring_side(struct crew *crew, enum side_name name, unsigned times)
{
	pthread_mutex_lock(&crew->lock);
	ring_side(&crew->side[name], times);
	pthread_mutex_unlock(&crew->lock);
}

void
crew_ring(struct crew *crew, unsigned times)
{
	crew_ring_side(crew, SIDE_SQL, times);
	crew_ring_side(crew, SIDE_CALLS, times);
}

bool
crew_ring_soon(struct crew *crew)
{
	struct side *side = &crew->side[SIDE_SQL];
	bool brisk;

	pthread_mutex_lock(&crew->lock);
	brisk = side->sleepers < side->ears && clock_now_ns() -
	    side->brisk_ns < SOON_MS * ns_per_ms;
	if (!brisk) {
		ring_side(side, 1);
	} else {
		side->rung++;
		side->rings += side->rings == 0;
	}
	pthread_mutex_unlock(&crew->lock);
	return brisk;
}

void
crew_press(struct crew *crew)
{
	struct side *side = &crew->side[SIDE_SQL];

	pthread_mutex_lock(&crew->lock);
	for (; side->rings > 0 && side->asleep != NULL; side->rings--)
		rouse(side);
	pthread_mutex_unlock(&crew->lock);
}

void
crew_tell(struct crew *crew)
{
	uint64_t one = 1;

	crew_ring(crew, 1);
	/* It can fail only when the keeper is to wake anyway. */
	if (!atomic_exchange(&crew->news, true) &&
	    write(crew->eventfd, &one, sizeof(one)) < 0)
		return;
}

bool
crew_rung_since(struct crew *crew, const struct wish_list *list)
{
	bool ret;

	pthread_mutex_lock(&crew->lock);
	ret = crew->side[list->side].rung != list->rung;
	pthread_mutex_unlock(&crew->lock);
	return ret;
}

void
crew_tick(struct crew *crew)
{
	uint64_t now = clock_now_ns(), ms = crew->options->poll_ms;

	if (now < crew->poll_ns)
		return;
	/* A fifth more or less, so that many processes do not come at once. */
	crew->poll_ns = now + (ms * 4 / 5 + now / 1000 % (ms * 2 / 5 + 1)) *
	    ns_per_ms;
	crew_ring(crew, 1);
}

bool
crew_wait(struct crew *crew, enum side_name name)
{
	struct side *side = &crew->side[name];
	struct sleeper self = { .bell = PTHREAD_COND_INITIALIZER };
	bool ret;

	pthread_mutex_lock(&crew->lock);
	if (side->rings > 0) {
		side->rings--;
	} else if (!crew->stopping) {
		self.below = side->asleep;
		side->asleep = &self;
		side->sleepers++;
		while (!self.rung)
			pthread_cond_wait(&self.bell, &crew->lock);
	}
	ret = !crew->stopping;
	pthread_mutex_unlock(&crew->lock);
	pthread_cond_destroy(&self.bell);
	return ret;
}

bool
crew_is_stopping(struct crew *crew)
{
	bool ret;

	pthread_mutex_lock(&crew->lock);
	ret = crew->stopping;
	pthread_mutex_unlock(&crew->lock);
	return ret;
}

void
crew_stop(struct crew *crew)
{
	pthread_mutex_lock(&crew->lock);
	crew->stopping = true;
	for (size_t i = 0; i < SIDE_COUNT; i++)
		while (crew->side[i].asleep != NULL)
			rouse(&crew->side[i]);
	pthread_mutex_unlock(&crew->lock);
}

void
crew_abandon(struct crew *crew)
{
	for (unsigned i = 0; i < crew->calls; i++)
		atomic_store(&crew->abandon[i], true);
}

void
crew_abandon_lease(struct crew *crew, const struct queue_lease *lease)
{
	unsigned first = crew->options->threads;

	pthread_mutex_lock(&crew->lock);
	for (unsigned i = first; i < crew->lease_count; i++)
		if (crew->leases[i].id == lease->id &&
		    crew->leases[i].token == lease->token)
			atomic_store(&crew->abandon[i - first], true);
	pthread_mutex_unlock(&crew->lock);
}

void
crew_left(struct crew *crew, enum side_name side)
{
	pthread_mutex_lock(&crew->lock);
	crew->side[side].ears--;
	pthread_mutex_unlock(&crew->lock);
}

bool
crew_is_empty(struct crew *crew)
{
	bool ret;

	pthread_mutex_lock(&crew->lock);
	ret = crew->side[SIDE_SQL].ears + crew->side[SIDE_CALLS].ears == 0;
	pthread_mutex_unlock(&crew->lock);
	return ret;
}

/* ---- Wishes. ---- */

/* How many more of the kind may run; it is as good as any when none says. */
static unsigned
room_of(const struct ground *g, const struct job_kind *ending)
{
	unsigned most = g->alone > 0 ? 1 : g->kind->batch;
	unsigned running = g->running - (g->kind == ending && g->running > 0);

	if (g->paused)
		return 0;
	if (g->limit == 0)
		return most;
	if (running >= g->limit)
		return 0;
	return most < g->limit - running ? most : g->limit - running;
}

/* Of a kind with a bound the jobs count until it is known what was claimed. */
static struct queue_wish
wish_of(struct arena *arena, struct ground *g, unsigned most, bool scan)
{
	struct queue_wish wish = { .kind = g->kind, .most = most };

	if (g->limit > 0)
		g->running += most;
	if (!scan && g->floor_at[0] != '\0') {
		wish.floor_at = arena_string(arena, g->floor_at);
		wish.floor_id = g->floor_id;
	}
	return wish;
}

/* There was no job a moment ago: others are tried first. */
static bool
is_quiet(const struct ground *g, uint64_t now)
{
	return now - g->quiet_ns < QUIET_MS * ns_per_ms;
}

bool
crew_wish(struct crew *crew, struct arena *arena, enum side_name name,
    const struct job_kind *ending, bool all, struct wish_list *ret)
{
	struct queue_wish *wishes = arena_alloc(arena,
	    (crew->ground_count + 1) * sizeof(*wishes));
	struct side *side = &crew->side[name];
	uint64_t now = clock_now_ns();
	size_t i, count = 0;

	memset(ret, 0, sizeof(*ret));
	ret->side = name;
	ret->began_ns = now;
	pthread_mutex_lock(&crew->lock);
	ret->rung = side->rung;
	/* Who looks at once need not be rung for; a run may take long. */
	if (ending == NULL)
		side->rings -= side->rings > 0;
	if (all || now >= side->scan_ns) {
		ret->scan = true;
		/* Until it is over nobody else does. */
		side->scan_ns = now + 10 * SCAN_MS * ns_per_ms;
	}
	/* The second time round those that are quiet. */
	for (i = 0; i < 2 * crew->ground_count; i++) {
		struct ground *g = &crew->grounds[(side->turn + i) %
		    crew->ground_count];
		bool its_turn = g->side == name &&
		    is_quiet(g, now) == (i >= crew->ground_count);
		unsigned most = its_turn ? room_of(g, ending) : 0;

		g->denied |= its_turn && most == 0 && !g->paused;
		if (most > 0)
			wishes[count++] = wish_of(arena, g, most, ret->scan);
	}
	side->turn++;
	pthread_mutex_unlock(&crew->lock);
	ret->claim = (struct queue_claim){ .wishes = wishes,
		.wish_count = count, .owner = crew->worker,
		.lease_ms = crew->options->lease_ms };
	return count > 0;
}

static struct ground *
ground_of(struct crew *crew, const struct job_kind *kind)
{
	size_t i = 0;

	while (crew->grounds[i].kind != kind)
		i++;
	return &crew->grounds[i];
}

unsigned
crew_limit(struct crew *crew, const struct job_kind *kind)
{
	return ground_of(crew, kind)->limit;
}

/* There is room again: whoever was sent away for want of it looks anew. */
static void
make_room(struct crew *crew, struct ground *g, unsigned jobs)
{
	g->running -= jobs;
	if (g->denied && jobs > 0)
		ring_side(&crew->side[g->side], 1);
	g->denied &= jobs == 0;
}

/* The floor is where the mark was, once that is a moment ago. */
static void
raise_floor(struct ground *g, const struct queue_job *last, uint64_t now)
{
	if (now - g->mark_ns < FLOOR_MS * ns_per_ms)
		return;
	memcpy(g->floor_at, g->mark_at, sizeof(g->floor_at));
	g->floor_id = g->mark_id;
	snprintf(g->mark_at, sizeof(g->mark_at), "%s", last->run_at);
	g->mark_id = last->id;
	g->mark_ns = now;
}

static enum rest
rest_of(struct crew *crew, const struct wish_list *list,
    const struct queue_claimed *claimed, uint64_t now)
{
	const struct queue_claim *c = &list->claim;
	size_t i = 0;

	if (claimed->count == 0)
		return REST_NONE;
	while (c->wishes[i].kind != claimed->jobs[0].kind)
		i++;
	if (claimed->count >= c->wishes[i].most)
		return REST_JOBS;
	while (++i < c->wish_count)
		if (!is_quiet(ground_of(crew, c->wishes[i].kind), now))
			return REST_KINDS;
	return REST_NONE;
}

enum rest
crew_claimed(struct crew *crew, unsigned thread, const struct wish_list *list,
    const struct queue_claimed *claimed)
{
	uint64_t now = clock_now_ns(), pause;
	struct ground *g;
	enum rest ret;
	size_t i;

	pthread_mutex_lock(&crew->lock);
	if (list->scan) {
		pause = (now - list->began_ns) * SCAN_SHARE;
		if (pause < SCAN_MS * ns_per_ms)
			pause = SCAN_MS * ns_per_ms;
		crew->side[list->side].scan_ns = now + pause;
	}
	ret = rest_of(crew, list, claimed, now);
	if (claimed->again)
		ring_side(&crew->side[list->side], 1);
	if (claimed->count > 0)
		ground_of(crew, claimed->jobs[0].kind)->running +=
		    (unsigned)claimed->count;
	for (i = 0; i < list->claim.wish_count; i++) {
		g = ground_of(crew, list->claim.wishes[i].kind);
		if (g->limit > 0)
			make_room(crew, g, list->claim.wishes[i].most);
	}
	/* Those that were tried before the one that had jobs had none. */
	for (i = 0; i < list->claim.wish_count && (claimed->count == 0 ||
	    list->claim.wishes[i].kind != claimed->jobs[0].kind); i++)
		ground_of(crew, list->claim.wishes[i].kind)->quiet_ns = now;
	if (claimed->count > 0) {
		crew->side[list->side].brisk_ns = now;
		g = ground_of(crew, claimed->jobs[0].kind);
		g->alone -= g->alone > 0;
		if (!list->scan)
			raise_floor(g, &claimed->jobs[0], now);
		crew->leases[thread] = (struct queue_lease){
			claimed->jobs[0].token > 0 ? claimed->jobs[0].id : 0,
			claimed->jobs[0].token };
	}
	pthread_mutex_unlock(&crew->lock);
	return ret;
}

void
crew_released(struct crew *crew, unsigned thread, const struct queue_job *jobs,
    size_t count)
{
	struct ground *g;

	if (count == 0)
		return;
	pthread_mutex_lock(&crew->lock);
	g = ground_of(crew, jobs[0].kind);
	make_room(crew, g, (unsigned)count);
	if (crew->leases[thread].id == jobs[0].id)
		crew->leases[thread] = (struct queue_lease){ 0, 0 };
	pthread_mutex_unlock(&crew->lock);
}

void
crew_alone(struct crew *crew, const struct job_kind *kind, size_t count)
{
	struct ground *g;

	pthread_mutex_lock(&crew->lock);
	g = ground_of(crew, kind);
	g->alone = (unsigned)count;
	g->floor_at[0] = g->mark_at[0] = '\0';
	pthread_mutex_unlock(&crew->lock);
}
