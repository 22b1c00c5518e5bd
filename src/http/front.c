/* SPDX-License-Identifier: MIT */
/*
 * The front: one epoll set, threads that all wait on it, and an usher, which
 * is the thread that called front_run(); fcgi.c does one request at a time.
 * Cost of a request on a kept connection, counted by strace: 4 system calls
 * (epoll_wait, read, sendmsg, epoll_ctl); a longer body adds a read per 8 KiB.
 *
 * A connection has one owner.  PARKED, it is the set's (EPOLLONESHOT: whoever
 * gets its event owns it); BUSY, a thread's or the queue's.
 *
 * A thread says that it is idle before it looks at the queue, and the usher
 * puts into the queue before it looks for idle threads (both sequentially
 * consistent), so one of them sees the other: what waits is either seen by a
 * thread on its way to epoll_wait, or the bell is rung for one that is there.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metric.h"
#include "base/room.h"
#include "http/http.h"
#include "http/internal.h"

enum {
	TICK_MS = 5,		/* of the usher while all threads are busy */
	BACKOFF_MS = 100,	/* without accepting, when out of descriptors */
	LATECOMERS_MS = 50,	/* stop: connects that found the old path */
	IDLE_GRACE_MS = 2000,	/* stop: kept connections without traffic */
	JOIN_MS = 200,		/* stop: past drain_ms, for threads to end */
	GATHER = 64,		/* events that the usher takes at once */
};

enum state {
	STATE_FREE,	/* a slot without a connection */
	STATE_PARKED,	/* armed, or about to be, in the set */
	STATE_BUSY,	/* a thread's or the queue's */
	STATE_HELD,	/* parked, and the usher looks at it for a moment */
};

enum farewell { FAREWELL_NONE, FAREWELL_SENT, FAREWELL_SHUT };

struct connection {
	int fd;
	_Atomic enum state state;
	bool pooled;		/* false: beyond connections_max, never kept */
	enum farewell farewell;	/* stop: what the peer was told */
	uint64_t parked_ns;
	struct connection *next;	/* free slots */
};

struct waiter {
	struct connection *connection;
	uint64_t since_ns;
};

struct hand {
	struct front *front;
	unsigned number;
	pthread_t thread;
	struct desk desk;
};

struct front {
	struct front_options options;
	int set;		/* epoll */
	int bell;		/* eventfd, edge-triggered: look at the queue */
	int done;		/* eventfd: leave */
	dev_t socket_device;	/* of the socket's file, to unlink no other */
	ino_t socket_inode;

	_Atomic unsigned idle;	/* threads in, or on their way to, epoll_wait */
	_Atomic unsigned waiting;	/* in the queue */
	_Atomic unsigned open;	/* pooled connections */
	_Atomic bool stopping;
	_Atomic unsigned large;	/* bodies beyond body_limit_bytes */
	_Atomic bool finished;
	_Atomic bool paused;	/* the listener is out of the set */
	_Atomic bool asleep;	/* the usher waits for `wake` */

	pthread_mutex_t lock;	/* listener, slots, their opening and closing */
	int listener;		/* -1 once closed */
	uint64_t resume_ns;
	struct connection *slots, *unused;

	pthread_mutex_t queue_lock;
	struct waiter *queue;
	unsigned queue_head;
	uint64_t short_ns;	/* the queue was short; the usher's */

	pthread_mutex_t wake_lock;
	pthread_cond_t wake;

	struct hand *hands;	/* [threads], and the usher's own */
	unsigned started;
	bool abandoned;		/* a thread did not end: keep its memory */
};

static uint64_t
after_ms(unsigned ms)
{
	return clock_now_ns() + (uint64_t)ms * 1000000;
}

static bool
has_passed_ms(uint64_t since_ns, unsigned ms)
{
	return clock_now_ns() >= since_ns + (uint64_t)ms * 1000000;
}

static void
ring(int eventfd)
{
	uint64_t one = 1;

	/* It can fail only at 2^64 - 1 rings, and then it is ringing. */
	if (write(eventfd, &one, sizeof(one)) < 0)
		return;
}

static void
usher_wake(struct front *front)
{
	if (!atomic_load(&front->asleep) ||
	    !atomic_exchange(&front->asleep, false))
		return;
	pthread_mutex_lock(&front->wake_lock);
	pthread_cond_signal(&front->wake);
	pthread_mutex_unlock(&front->wake_lock);
}

/* Connections. */

/* Frees the slot of a connection; with closed, libfcgi has closed it. */
static void
connection_close(struct front *front, struct connection *c, bool closed)
{
	pthread_mutex_lock(&front->lock);
	if (!closed)
		close(c->fd);
	atomic_store(&c->state, STATE_FREE);
	if (c->pooled) {
		c->next = front->unused;
		front->unused = c;
		atomic_fetch_sub(&front->open, 1);
		metric_gauge(GAUGE_KEPT, -1);
	}
	pthread_mutex_unlock(&front->lock);
}

/*
 * Makes the connection ours, of which we got the event.  The usher may hold
 * it for the time of one shutdown(2), when stopping.  A peer that has hung up
 * takes no answer: that is the end of the connection, and the result is NULL.
 */
static struct connection *
connection_claim(struct front *front, struct connection *c, uint32_t events)
{
	enum state parked = STATE_PARKED;

	while (!atomic_compare_exchange_weak(&c->state, &parked, STATE_BUSY)) {
		parked = STATE_PARKED;
		sched_yield();
	}
	if ((events & EPOLLHUP) == 0)
		return c;
	connection_close(front, c, false);
	return NULL;
}

/* Gives the connection to the set; from here on it may be another's. */
static void
connection_park(struct front *front, struct connection *c, int op)
{
	struct epoll_event event = { EPOLLIN | EPOLLONESHOT, { .ptr = c } };

	c->parked_ns = clock_now_ns();
	atomic_store(&c->state, STATE_PARKED);
	if (epoll_ctl(front->set, op, c->fd, &event) != 0 &&
	    connection_claim(front, c, 0) != NULL)
		connection_close(front, c, false);
}

/* The connection leaves the set, and its slot is free for another. */
static void
hand_over(struct hand *h, struct connection *c)
{
	const struct front_options *o = &h->front->options;
	bool lost = h->desk.stream_id < 0;
	int fd = c->fd;

	if (c->pooled)
		epoll_ctl(h->front->set, EPOLL_CTL_DEL, fd, NULL);
	connection_close(h->front, c, !lost);
	o->stream(o->context, h->desk.stream, lost ? -1 : fd,
	    h->desk.stream_id);
}

/*
 * Takes one request from a connection that is ours, which goes back to the set
 * or is closed.  With verdict UNAVAILABLE the request is turned away.
 */
static void
attend(struct hand *h, struct connection *c, enum problem verdict)
{
	enum fate fate = fcgi_converse(&h->desk, c->fd, verdict, c->pooled);

	if (fate == FATE_KEEP)
		connection_park(h->front, c, EPOLL_CTL_MOD);
	else if (fate == FATE_STREAM)
		hand_over(h, c);
	else
		connection_close(h->front, c, fate == FATE_CLOSED);
}

/* The listener. */

static void
listener_resume(struct front *front)
{
	struct epoll_event event = {
		EPOLLIN | EPOLLEXCLUSIVE, { .ptr = front }
	};

	pthread_mutex_lock(&front->lock);
	if (front->listener >= 0 && atomic_load(&front->paused) &&
	    clock_now_ns() >= front->resume_ns &&
	    epoll_ctl(front->set, EPOLL_CTL_ADD, front->listener, &event) == 0)
		atomic_store(&front->paused, false);
	pthread_mutex_unlock(&front->lock);
}

/*
 * Without descriptors, accept(2) fails while the set goes on saying that there
 * is something to accept: the listener leaves the set for a while.
 */
static void
listener_pause(struct front *front)
{
	if (!atomic_load(&front->paused))
		epoll_ctl(front->set, EPOLL_CTL_DEL, front->listener, NULL);
	front->resume_ns = after_ms(BACKOFF_MS);
	atomic_store(&front->paused, true);
	usher_wake(front);
}

static struct connection *
slot_take(struct front *front)
{
	struct connection *c = front->unused;

	if (c == NULL)
		return NULL;
	front->unused = c->next;
	atomic_fetch_add(&front->open, 1);
	metric_gauge(GAUGE_KEPT, 1);
	return c;
}

/*
 * Accepts one connection, as other processes may share the listener.  Returns
 * false when there was none.  One beyond connections_max is told so in `spare`
 * and is answered, so that nginx need not guess.
 */
static bool
accept_one(struct front *front, struct connection **ret,
    struct connection *spare)
{
	struct connection *c;
	int fd = -1;

	pthread_mutex_lock(&front->lock);
	if (front->listener >= 0)
		fd = accept4(front->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0) {
		if (front->listener >= 0 && (errno == EMFILE ||
		    errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
			listener_pause(front);
		pthread_mutex_unlock(&front->lock);
		return false;
	}
	if ((c = slot_take(front)) == NULL)
		c = spare;
	c->fd = fd;
	c->pooled = c != spare;
	c->farewell = FAREWELL_NONE;
	atomic_store(&c->state, STATE_BUSY);
	pthread_mutex_unlock(&front->lock);
	*ret = c;
	return true;
}

static bool
welcome(struct hand *h)
{
	struct front *front = h->front;
	struct connection *c, spare;

	if (!accept_one(front, &c, &spare))
		return false;
	if (c->pooled) {
		fcgi_set_timeouts(c->fd, front->options.io_timeout_ms);
		connection_park(front, c, EPOLL_CTL_ADD);
	} else {
		attend(h, c, PROBLEM_UNAVAILABLE);
	}
	return true;
}

/* The queue. */

/* false when it is full. */
static bool
queue_put(struct front *front, struct connection *c)
{
	unsigned size = front->options.queue, n;
	bool put;

	pthread_mutex_lock(&front->queue_lock);
	n = atomic_load(&front->waiting);
	put = n < size;
	if (put) {
		front->queue[(front->queue_head + n) % size] =
		    (struct waiter){ c, clock_now_ns() };
		atomic_store(&front->waiting, n + 1);
		metric_gauge(GAUGE_QUEUED, 1);
	}
	pthread_mutex_unlock(&front->queue_lock);
	return put;
}

/* The connection that has waited longest, and at least least_ms; or NULL. */
static struct connection *
queue_take(struct front *front, unsigned least_ms)
{
	struct connection *c = NULL;
	struct waiter *first;

	pthread_mutex_lock(&front->queue_lock);
	if (atomic_load(&front->waiting) > 0) {
		first = &front->queue[front->queue_head];
		if (least_ms == 0 || has_passed_ms(first->since_ns, least_ms)) {
			c = first->connection;
			front->queue_head = (front->queue_head + 1) %
			    front->options.queue;
			atomic_fetch_sub(&front->waiting, 1);
			metric_gauge(GAUGE_QUEUED, -1);
		}
	}
	pthread_mutex_unlock(&front->queue_lock);
	return c;
}

/*
 * How long one may wait now.  A burst is let in whole; a queue whose oldest has
 * been older than half the target for twice the target is a standing one, which
 * waiting makes no shorter (Nichols and Jacobson, Controlling Queue Delay,
 * 2012).  Half, since shedding keeps the oldest just below the target.
 */
static unsigned
patience_ms(struct front *front)
{
	const struct front_options *o = &front->options;
	uint64_t oldest_ns = UINT64_MAX;

	if (o->queue_target_ms == 0)
		return o->queue_timeout_ms;
	pthread_mutex_lock(&front->queue_lock);
	if (atomic_load(&front->waiting) > 0)
		oldest_ns = front->queue[front->queue_head].since_ns;
	pthread_mutex_unlock(&front->queue_lock);
	if (oldest_ns == UINT64_MAX ||
	    !has_passed_ms(oldest_ns, o->queue_target_ms / 2))
		front->short_ns = clock_now_ns();
	return has_passed_ms(front->short_ns, 2 * o->queue_target_ms) ?
	    o->queue_target_ms : o->queue_timeout_ms;
}

/*
 * Rings when something waits and a thread is there to take it.  The bell is
 * edge-triggered, so that one ring wakes one thread, and two rings may; so
 * whoever takes one from the queue rings again for the next.
 */
static void
queue_ring(struct front *front)
{
	if (atomic_load(&front->waiting) > 0 && atomic_load(&front->idle) > 0)
		ring(front->bell);
}

/* A client that gave up while it waited is not served. */
static bool
has_hung_up(const struct connection *c)
{
	struct pollfd p = { .fd = c->fd };

	return poll(&p, 1, 0) > 0 && (p.revents & POLLHUP) != 0;
}

static void
attend_queue(struct hand *h)
{
	struct connection *c = queue_take(h->front, 0);

	if (c == NULL)
		return;
	queue_ring(h->front);
	if (has_hung_up(c))
		connection_close(h->front, c, false);
	else
		attend(h, c, PROBLEM_NONE);
}

/* The threads. */

/* Waits for one event, unless something is in the queue. */
static bool
wait_event(struct front *front, struct epoll_event *event)
{
	int n = 0;

	atomic_fetch_add(&front->idle, 1);
	if (atomic_load(&front->waiting) == 0)
		n = epoll_wait(front->set, event, 1, -1);
	if (atomic_fetch_sub(&front->idle, 1) == 1)
		usher_wake(front);
	return n == 1;
}

static void *
work(void *argument)
{
	struct hand *h = argument;
	struct front *front = h->front;
	const struct front_options *o = &front->options;
	struct epoll_event event;
	struct connection *c;

	h->desk.state = o->enter != NULL ? o->enter(o->context, h->number) : NULL;
	metric_gauge(GAUGE_THREADS, 1);
	while (!atomic_load(&front->finished)) {
		if (!wait_event(front, &event))
			attend_queue(h);
		else if (event.data.ptr == front)
			welcome(h);
		else if (event.data.ptr != NULL &&
		    (c = connection_claim(front, event.data.ptr,
		    event.events)) != NULL)
			attend(h, c, PROBLEM_NONE);
	}
	metric_gauge(GAUGE_THREADS, -1);
	if (o->leave != NULL)
		o->leave(o->context, h->desk.state);
	return NULL;
}

/* The usher. */

/*
 * Sleeps while a thread is idle and there is nothing else to see to.  A thread
 * that makes `idle` 0 looks at `asleep` afterwards; we look at `idle` after
 * setting `asleep`: one of us sees the other.  Once woken, the usher stays up
 * for a tick at least, so that it is woken no more often than that.
 */
static void
usher_sleep(struct front *front)
{
	pthread_mutex_lock(&front->wake_lock);
	atomic_store(&front->asleep, true);
	if (atomic_load(&front->idle) == 0 ||
	    atomic_load(&front->waiting) > 0 ||
	    atomic_load(&front->paused) || atomic_load(&front->stopping))
		atomic_store(&front->asleep, false);
	while (atomic_load(&front->asleep))
		pthread_cond_wait(&front->wake, &front->wake_lock);
	pthread_mutex_unlock(&front->wake_lock);
}

static void
usher_nap(void)
{
	struct timespec tick = { 0, TICK_MS * 1000000L };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &tick, NULL);
}

static void
usher_meet(struct hand *usher, const struct epoll_event *event)
{
	struct front *front = usher->front;
	struct connection *c;

	if (event->data.ptr == front) {
		welcome(usher);
	} else if (event->data.ptr != NULL) {
		c = connection_claim(front, event->data.ptr, event->events);
		if (c != NULL && !queue_put(front, c))
			attend(usher, c, PROBLEM_UNAVAILABLE);
	}
}

/*
 * The set's own list of what is ready is a queue without bound, in the order
 * of arrival.  While all threads are busy it is moved into ours, once a tick,
 * and what does not fit or has waited too long is answered here.
 */
static void
usher_round(struct hand *usher)
{
	struct front *front = usher->front;
	struct epoll_event events[GATHER];
	struct connection *c;
	unsigned patience;
	int n;

	if (atomic_load(&front->paused))
		listener_resume(front);
	while (atomic_load(&front->idle) == 0 &&
	    (n = epoll_wait(front->set, events, GATHER, 0)) > 0) {
		for (int i = 0; i < n; i++)
			usher_meet(usher, &events[i]);
	}
	patience = patience_ms(front);
	while ((c = queue_take(front, patience)) != NULL)
		attend(usher, c, PROBLEM_UNAVAILABLE);
	queue_ring(front);
}

/* The stop. */

/*
 * Says farewell to a parked connection; nginx closes it then, or sends one more
 * request that crossed the farewell and is answered.  So a stop loses nothing.
 * From a peer that does neither for a while (with `now`, from any) no more is
 * read: what it sent before is still answered, then there is the end of file.
 */
static void
dismiss(struct connection *c, bool now)
{
	if (c->farewell == FAREWELL_NONE) {
		farewell_send(c->fd);
		c->farewell = FAREWELL_SENT;
		c->parked_ns = clock_now_ns();
	}
	if (c->farewell == FAREWELL_SENT &&
	    (now || has_passed_ms(c->parked_ns, IDLE_GRACE_MS))) {
		shutdown(c->fd, SHUT_RD);
		c->farewell = FAREWELL_SHUT;
	}
}

static void
dismiss_all(struct front *front, bool now)
{
	pthread_mutex_lock(&front->lock);
	for (unsigned i = 0; i < front->options.connections_max; i++) {
		struct connection *c = &front->slots[i];
		enum state parked = STATE_PARKED;

		if (!atomic_compare_exchange_strong(&c->state, &parked,
		    STATE_HELD))
			continue;
		dismiss(c, now);
		atomic_store(&c->state, STATE_PARKED);
	}
	pthread_mutex_unlock(&front->lock);
}

/* Takes the path away, unless it is another server's by now. */
static void
unlink_path(struct front *front)
{
	const char *path = front->options.socket_path;
	struct stat st;

	if (path != NULL && lstat(path, &st) == 0 &&
	    st.st_dev == front->socket_device &&
	    st.st_ino == front->socket_inode)
		unlink(path);
}

/* Empties the backlog, and closes the listener after the last latecomer. */
static void
close_listener(struct hand *usher, uint64_t stop_ns)
{
	struct front *front = usher->front;
	bool late = has_passed_ms(stop_ns, LATECOMERS_MS);

	while (welcome(usher))
		continue;
	if (!late)
		return;
	pthread_mutex_lock(&front->lock);
	if (!atomic_load(&front->paused))
		epoll_ctl(front->set, EPOLL_CTL_DEL, front->listener, NULL);
	close(front->listener);
	front->listener = -1;
	atomic_store(&front->paused, false);
	pthread_mutex_unlock(&front->lock);
}

/* A step of the stop; true when nothing is left or the time is over. */
static bool
stop_step(struct hand *usher, uint64_t *stop_ns)
{
	struct front *front = usher->front;
	bool over;

	if (*stop_ns == 0) {
		*stop_ns = clock_now_ns();
		unlink_path(front);
	}
	over = has_passed_ms(*stop_ns, front->options.drain_ms);
	if (front->listener >= 0)
		close_listener(usher, over ? 0 : *stop_ns);
	dismiss_all(front, over);
	return over || (front->listener < 0 && atomic_load(&front->open) == 0);
}

static void
join(struct front *front)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += JOIN_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	for (unsigned i = 0; i < front->started; i++) {
		if (pthread_timedjoin_np(front->hands[i].thread, NULL,
		    &until) != 0) {
			pthread_detach(front->hands[i].thread);
			front->abandoned = true;
		}
	}
	front->started = 0;
}

static int
start(struct front *front)
{
	for (unsigned i = 0; i < front->options.threads; i++) {
		int e = pthread_create(&front->hands[i].thread, NULL, work,
		    &front->hands[i]);

		if (e != 0) {
			errno = e;
			return -1;
		}
		front->started++;
	}
	return 0;
}

int
front_run(struct front *front)
{
	struct hand *usher = &front->hands[front->options.threads];
	uint64_t stop_ns = 0;
	int ret, e;

	ret = start(front);
	e = errno;
	while (ret == 0) {
		usher_sleep(front);
		usher_nap();
		usher_round(usher);
		if (atomic_load(&front->stopping) &&
		    stop_step(usher, &stop_ns))
			break;
	}
	atomic_store(&front->finished, true);
	ring(front->done);
	join(front);
	errno = e;
	return ret;
}

void
front_stop(struct front *front)
{
	atomic_store(&front->stopping, true);
	usher_wake(front);
}

/* Making and freeing. */

static int
add(struct front *front, int fd, uint32_t events, void *tag)
{
	struct epoll_event event = { events, { .ptr = tag } };

	return epoll_ctl(front->set, EPOLL_CTL_ADD, fd, &event);
}

static int
open_set(struct front *front)
{
	front->set = epoll_create1(EPOLL_CLOEXEC);
	front->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	front->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (front->set < 0 || front->bell < 0 || front->done < 0)
		return -1;
	if (add(front, front->bell, EPOLLIN | EPOLLET, NULL) != 0 ||
	    add(front, front->done, EPOLLIN, NULL) != 0)
		return -1;
	return add(front, front->listener, EPOLLIN | EPOLLEXCLUSIVE, front);
}

/* Slots, queue and hands. */
static void
make_room(struct front *front)
{
	const struct front_options *o = &front->options;

	front->slots = room(o->connections_max, sizeof(*front->slots));
	for (unsigned i = o->connections_max; i-- > 0;) {
		front->slots[i].next = front->unused;
		front->unused = &front->slots[i];
	}
	front->queue = room(o->queue, sizeof(*front->queue));
	front->hands = room(o->threads + 1, sizeof(*front->hands));
	for (unsigned i = 0; i <= o->threads; i++) {
		front->hands[i].front = front;
		front->hands[i].number = i;
		desk_init(&front->hands[i].desk, &front->options,
		    &front->stopping, &front->large);
	}
}

struct front *
front_new(const struct front_options *options)
{
	struct front *front = room(1, sizeof(*front));
	struct stat st;
	int e;

	front->options = *options;
	front->short_ns = clock_now_ns();
	front->listener = options->listener;
	pthread_mutex_init(&front->lock, NULL);
	pthread_mutex_init(&front->queue_lock, NULL);
	pthread_mutex_init(&front->wake_lock, NULL);
	pthread_cond_init(&front->wake, NULL);
	make_room(front);
	if (options->socket_path != NULL &&
	    lstat(options->socket_path, &st) == 0) {
		front->socket_device = st.st_dev;
		front->socket_inode = st.st_ino;
	}
	if (fcgi_init() != 0 || open_set(front) != 0) {
		e = errno;
		front_free(front);
		errno = e;
		return NULL;
	}
	return front;
}

void
front_free(struct front *front)
{
	if (front == NULL || front->abandoned)
		return;
	for (unsigned i = 0; i <= front->options.threads; i++)
		desk_release(&front->hands[i].desk);
	for (unsigned i = 0; i < front->options.connections_max; i++) {
		if (atomic_load(&front->slots[i].state) != STATE_FREE)
			close(front->slots[i].fd);
	}
	close(front->set);
	close(front->bell);
	close(front->done);
	free(front->hands);
	free(front->queue);
	free(front->slots);
	pthread_cond_destroy(&front->wake);
	pthread_mutex_destroy(&front->wake_lock);
	pthread_mutex_destroy(&front->queue_lock);
	pthread_mutex_destroy(&front->lock);
	free(front);
}
