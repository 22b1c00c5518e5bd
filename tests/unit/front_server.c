/* SPDX-License-Identifier: MIT */
/*
 * A server of http/ and base/ alone, for tests/flow/front.py: it says what it
 * was asked, and waits where it is told to wait.
 *
 *   front_server SOCKET [NAME=NUMBER...]	(the names of `knobs` below)
 *
 * GET /slow waits until a byte "r" comes on standard input, one byte for each;
 * a byte "m" prints the metrics and a line with a dot, which takes no thread
 * of the front.  SIGTERM stops it gracefully; at its end it prints its counts.
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/metric.h"
#include "http/http.h"

static struct {
	_Atomic unsigned served, refused, entered, left;
} count;
static sem_t released;
static struct front_options options = {
	.threads = 2,
	.queue = 4,
	.queue_timeout_ms = 10000,
	.connections_max = 1024,
	.body_limit_bytes = 256 * 1024,
	.reply_limit_bytes = 8 << 20,
	.io_timeout_ms = 2000,
	.request_timeout_ms = 10000,
	.drain_ms = 10000,
};
static unsigned body_limit, files;

static const struct {
	const char *name;
	unsigned *value;
} knobs[] = {
	{ "threads", &options.threads },
	{ "queue", &options.queue },
	{ "queue_timeout_ms", &options.queue_timeout_ms },
	{ "connections_max", &options.connections_max },
	{ "io_timeout_ms", &options.io_timeout_ms },
	{ "request_timeout_ms", &options.request_timeout_ms },
	{ "drain_ms", &options.drain_ms },
	{ "body_limit", &body_limit },
	{ "files", &files },
};

#ifdef __SANITIZE_THREAD__
/*
 * ThreadSanitizer takes EPOLL_CTL_ADD for a hand-over, but not EPOLL_CTL_MOD:
 * it sees no order between parking a connection and its next owner's close.
 */
const char *__tsan_default_suppressions(void);
const char *
__tsan_default_suppressions(void)
{
	return "race:connection_park\n";
}
#endif

static void *
enter(void *context, unsigned thread)
{
	(void)context;
	(void)thread;
	atomic_fetch_add(&count.entered, 1);
	return &count;
}

static void
leave(void *context, void *state)
{
	(void)context;
	if (state == &count)
		atomic_fetch_add(&count.left, 1);
}

static void
echo(const struct scope *sc, const struct request *rq, struct reply *rp)
{
	unsigned long sum = 0;

	for (size_t i = 0; i < rq->body_length; i++)
		sum = (sum * 31 + (unsigned char)rq->body[i]) & 0xffffffff;
	buf_string(&rp->body, "{\"method\":");
	buf_json_string(&rp->body, rq->method_text);
	buf_string(&rp->body, ",\"path\":");
	buf_json_string(&rp->body, rq->path);
	buf_string(&rp->body, ",\"accept\":");
	buf_json_string(&rp->body, rq->accept != NULL ? rq->accept : "");
	buf_format(&rp->body, ",\"length\":%zu,\"sum\":%lu,\"id\":\"%s\"}",
	    rq->body_length, sum, sc->request_id);
}

static void
serve(void *context, void *state, struct scope *sc, const struct request *rq,
    enum problem parsed, struct reply *rp)
{
	const char *what = rq->segments > 0 ? rq->segment[0] : "";

	(void)context;
	(void)state;
	reply_header(rp, "X-Request-Id", sc->request_id);
	if (parsed != PROBLEM_NONE) {
		atomic_fetch_add(&count.served, 1);
		rp->status = problem_kind(parsed)->status;
		buf_format(&rp->body, "{\"code\":\"%s\"}",
		    problem_kind(parsed)->code);
		return;
	}
	if (strcmp(what, "count") == 0) {
		buf_format(&rp->body, "{\"served\":%u,\"refused\":%u}",
		    atomic_load(&count.served), atomic_load(&count.refused));
		return;
	}
	atomic_fetch_add(&count.served, 1);
	if (strcmp(what, "slow") == 0) {
		while (sem_wait(&released) != 0)
			continue;
	} else if (strcmp(what, "status") == 0 && rq->segments > 1) {
		rp->status = atoi(rq->segment[1]);
	} else if (strcmp(what, "big") == 0 && rq->segments > 1) {
		for (long n = atol(rq->segment[1]); n > 0; n--)
			buf_char(&rp->body, (char)('a' + n % 26));
		return;
	} else if (strcmp(what, "close") == 0) {
		rp->close = true;
	}
	echo(sc, rq, rp);
}

static void
overload(void *context, struct scope *sc, const struct request *rq,
    struct reply *rp)
{
	(void)context;
	(void)rq;
	atomic_fetch_add(&count.refused, 1);
	rp->status = 503;
	reply_header(rp, "Retry-After", "1");
	buf_format(&rp->body, "{\"id\":\"%s\"}", sc->request_id);
}

static void
print_metrics(void)
{
	struct buf text;

	buf_init(&text, 1 << 20);
	metric_write(&text);
	printf("%s.\n", text.at);
	fflush(stdout);
	buf_release(&text);
}

static void *
read_commands(void *argument)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) == 1) {
		if (byte == 'r')
			sem_post(&released);
		else if (byte == 'm')
			print_metrics();
	}
	return argument;
}

static void *
read_signals(void *argument)
{
	sigset_t set;
	int signo;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	if (sigwait(&set, &signo) == 0)
		front_stop(argument);
	return NULL;
}

static void
take_knob(const char *word)
{
	size_t n = strcspn(word, "=");

	for (size_t i = 0; i < countof(knobs) && word[n] == '='; i++) {
		if (strlen(knobs[i].name) == n &&
		    strncmp(knobs[i].name, word, n) == 0) {
			*knobs[i].value = (unsigned)atoi(word + n + 1);
			return;
		}
	}
	fprintf(stderr, "front_server: no knob \"%s\"\n", word);
	exit(2);
}

static void
begin(int argc, char **argv)
{
	sigset_t all;

	if (argc < 2)
		exit(2);
	for (int i = 2; i < argc; i++)
		take_knob(argv[i]);
	if (body_limit > 0)
		options.body_limit_bytes = body_limit;
	if (files > 0 && setrlimit(RLIMIT_NOFILE,
	    &(struct rlimit){ files, files }) != 0)
		exit(2);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	sem_init(&released, 0, 0);
	if (!metric_open(NULL))
		exit(2);
	metric_process();
	options.socket_path = argv[1];
	options.listener = front_listen(argv[1], 0660);
	options.enter = enter;
	options.serve = serve;
	options.overload = overload;
	options.leave = leave;
}

int
main(int argc, char **argv)
{
	pthread_t commands, signals;
	struct front *front;
	int ret;

	begin(argc, argv);
	if (options.listener < 0 || (front = front_new(&options)) == NULL) {
		perror("front_server");
		return 2;
	}
	pthread_create(&commands, NULL, read_commands, NULL);
	pthread_create(&signals, NULL, read_signals, front);
	pthread_detach(commands);
	pthread_detach(signals);
	ret = front_run(front);
	front_free(front);
	printf("{\"served\":%u,\"refused\":%u,\"entered\":%u,\"left\":%u}\n",
	    atomic_load(&count.served), atomic_load(&count.refused),
	    atomic_load(&count.entered), atomic_load(&count.left));
	return ret == 0 ? 0 : 1;
}
