/* SPDX-License-Identifier: MIT */
/*
 * A line is put together on the stack, then added to those that wait, which
 * leave by one write(2).  Invariants: a line is complete JSON of LINE_BYTES at
 * most; what does not fit is cut between characters, and the line says so
 * ("truncated").  What waits is whole lines in the order of their coming, and
 * where a process does not gather, nothing waits once log_fields() returns.
 *
 * The write of a line of its own costs a request some 3 us, and waiting for
 * the file's lock in the kernel when threads write at once.  A thread of ours
 * ends the waiting: it sleeps until there is a first line, then until that one
 * is old enough, so that it wakes ten times a second under load and never in a
 * process that has nothing to say.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

enum {
	LINE_BYTES = 8192,
	WAITING_BYTES = PIPE_BUF,	/* a pipe takes them whole or not yet */
	WAIT_NS = LOG_WAIT_MS * 1000000,
};

static const char *const level_words[] = {
	[LOG_DEBUG] = "debug",
	[LOG_INFO] = "info",
	[LOG_WARN] = "warn",
	[LOG_ERROR] = "error",
};

/* Where lines go, and those that wait; all but `least` under the lock. */
static struct {
	_Atomic int least;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	char *path;		/* NULL: standard error */
	int fd;
	bool gathers;
	bool asleep;		/* the thread waits for `wake` */
	uint64_t since_ns;	/* the first that waits came */
	size_t length;
	char waiting[WAITING_BYTES];
} state = {
	.least = LOG_INFO,
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.wake = PTHREAD_COND_INITIALIZER,
	.fd = STDERR_FILENO,
};

struct line {
	char at[LINE_BYTES];
	size_t length;
	bool truncated;
};

static const char line_end[] = "}\n";
static const char line_end_truncated[] = ",\"truncated\":true}\n";

/* What fields may use: the longer end and a closing quote always fit. */
static size_t
room(const struct line *line)
{
	const size_t most = LINE_BYTES - sizeof(line_end_truncated);

	return line->length < most ? most - line->length : 0;
}

static void
add(struct line *line, const char *s, size_t length)
{
	memcpy(line->at + line->length, s, length);
	line->length += length;
}

/* Adds all of s or nothing. */
static bool
add_whole(struct line *line, const char *s, size_t length)
{
	if (length > room(line)) {
		line->truncated = true;
		return false;
	}
	add(line, s, length);
	return true;
}

/*
 * Writes how the first piece of s stands in a JSON string and returns the bytes
 * taken from s: a whole character's, or one that is none, told as \\xff.
 */
static size_t
piece(const char *s, size_t left, char to[8], size_t *ret_length)
{
	unsigned char c = (unsigned char)*s;
	size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	if (c < 0x20 || c == 0x7f) {
		*ret_length = (size_t)snprintf(to, 8, "\\u%04x", c);
	} else if (c == '"' || c == '\\') {
		*ret_length = (size_t)snprintf(to, 8, "\\%c", c);
	} else if (n > left || !text_is_utf8(s, n)) {
		*ret_length = (size_t)snprintf(to, 8, "\\\\x%02x", c);
	} else {
		memcpy(to, s, n);
		*ret_length = n;
		return n;
	}
	return 1;
}

/* How many bytes of s stand in a JSON string as they are. */
static size_t
plain(const char *s)
{
	size_t n = 0;

	while (s[n] >= ' ' && s[n] < 0x7f && s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

static void
add_text(struct line *line, const char *s)
{
	size_t left = strlen(s), taken, n;
	char to[8];

	if (!add_whole(line, "\"", 1))
		return;
	/* Nearly all text is plain, and is added in one piece. */
	n = plain(s);
	if (n <= room(line)) {
		add(line, s, n);
		s += n;
		left -= n;
	}
	for (; left > 0; s += taken, left -= taken) {
		taken = piece(s, left, to, &n);
		if (!add_whole(line, to, n))
			break;
	}
	/* The end kept a byte for this one. */
	add(line, "\"", 1);
}

/* Writes n in decimal at the end of to, at least `width` digits of it. */
static size_t
digits(char to[24], int64_t n, unsigned width)
{
	uint64_t rest = n < 0 ? -(uint64_t)n : (uint64_t)n;
	size_t at = 24;

	do {
		to[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0 || 24 - at < width);
	if (n < 0)
		to[--at] = '-';
	return at;
}

static void
add_int(struct line *line, int64_t n)
{
	char text[24];
	size_t at = digits(text, n, 1);

	add_whole(line, text + at, sizeof(text) - at);
}

/* Nanoseconds as milliseconds with three decimals. */
static void
add_ms(struct line *line, int64_t ns)
{
	char text[24], with_point[25];
	size_t at = digits(text, ns / 1000, 4);
	size_t whole = sizeof(text) - at - 3;

	memcpy(with_point, text + at, whole);
	with_point[whole] = '.';
	memcpy(with_point + whole + 1, text + sizeof(text) - 3, 3);
	add_whole(line, with_point, whole + 4);
}

static void
add_field(struct line *line, const struct log_field *field)
{
	size_t name = strlen(field->name);

	if (field->type == LOG_TYPE_TEXT && field->text == NULL)
		return;
	/* The head and the longest number, or an empty text, or nothing. */
	if (name + 4 + 25 > room(line)) {
		line->truncated = true;
		return;
	}
	add(line, ",\"", 2);
	add(line, field->name, name);
	add(line, "\":", 2);
	if (field->type == LOG_TYPE_TEXT)
		add_text(line, field->text);
	else if (field->type == LOG_TYPE_INT)
		add_int(line, field->number);
	else
		add_ms(line, field->number);
}

static void
add_head(struct line *line, enum log_level level, const char *event)
{
	const struct log_field head[] = {
		LOG_TEXT("level", level_words[level]),
		LOG_TEXT("event", event),
		LOG_INT("pid", getpid()),
	};
	char time[25];

	clock_rfc3339(clock_unix_ms(), time);
	add_whole(line, "{\"time\":\"", 9);
	add_whole(line, time, sizeof(time) - 1);
	add_whole(line, "\"", 1);
	for (unsigned i = 0; i < countof(head); i++)
		add_field(line, &head[i]);
}

/* A log that cannot be written has nobody to tell. */
static void
write_all(const char *at, size_t length)
{
	ssize_t n;

	for (; length > 0; at += n, length -= (size_t)n) {
		while ((n = write(state.fd, at, length)) < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
	}
}

/* Under the lock, as all that follows but what others call. */
static void
write_waiting(void)
{
	write_all(state.waiting, state.length);
	state.length = 0;
}

static void
wait_or_write(enum log_level level, const char *line, size_t length)
{
	if (length > WAITING_BYTES - state.length)
		write_waiting();
	if (length > WAITING_BYTES) {
		write_all(line, length);
		return;
	}
	if (state.length == 0)
		state.since_ns = clock_now_ns();
	memcpy(state.waiting + state.length, line, length);
	state.length += length;
	if (!state.gathers || level >= LOG_WARN) {
		write_waiting();
	} else if (state.asleep) {
		state.asleep = false;
		pthread_cond_signal(&state.wake);
	}
}

void
log_fields(enum log_level level, const char *event,
    const struct log_field *fields, unsigned n)
{
	struct line line;
	int saved = errno;

	if ((int)level <
	    atomic_load_explicit(&state.least, memory_order_relaxed))
		return;
	line.length = 0;
	line.truncated = false;
	add_head(&line, level, event);
	for (unsigned i = 0; i < n && fields[i].type != LOG_TYPE_END; i++)
		add_field(&line, &fields[i]);
	if (line.truncated)
		add(&line, line_end_truncated, sizeof(line_end_truncated) - 1);
	else
		add(&line, line_end, sizeof(line_end) - 1);
	pthread_mutex_lock(&state.lock);
	wait_or_write(level, line.at, line.length);
	pthread_mutex_unlock(&state.lock);
	errno = saved;
}

/* ---- Gathering. */

static void
sleep_until(uint64_t ns)
{
	struct timespec until = { (time_t)(ns / 1000000000),
		(long)(ns % 1000000000) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/*
 * Writes what has waited long enough.  Under load, when lines are written for
 * want of room, it finds younger ones and naps again: it is not woken for each
 * lot, only when it found none at all.
 */
static void *
write_in_time(void *unused)
{
	uint64_t due_ns;

	pthread_mutex_lock(&state.lock);
	for (;;) {
		state.asleep = state.length == 0;
		while (state.asleep)
			pthread_cond_wait(&state.wake, &state.lock);
		due_ns = state.since_ns + WAIT_NS;
		pthread_mutex_unlock(&state.lock);
		sleep_until(due_ns);
		pthread_mutex_lock(&state.lock);
		if (clock_now_ns() >= state.since_ns + WAIT_NS)
			write_waiting();
	}
	return unused;
}

bool
log_gather(void)
{
	pthread_t thread;
	int e = pthread_create(&thread, NULL, write_in_time, NULL);

	if (e != 0) {
		errno = e;
		return false;
	}
	pthread_detach(thread);
	pthread_mutex_lock(&state.lock);
	state.gathers = true;
	pthread_mutex_unlock(&state.lock);
	return true;
}

void
log_finish(void)
{
	pthread_mutex_lock(&state.lock);
	state.gathers = false;
	write_waiting();
	pthread_mutex_unlock(&state.lock);
}

/* ---- The file. */

/* Makes lines go to path from now on; what waits goes where it was to go. */
static bool
direct(const char *path)
{
	int fd = path == NULL ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3) :
	    open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY,
	    0640);

	if (fd < 0)
		return false;
	write_waiting();
	if (state.fd != STDERR_FILENO)
		close(state.fd);
	state.fd = fd;
	return true;
}

bool
log_open(const char *path, enum log_level least)
{
	char *kept = NULL;
	bool done;

	if (path != NULL && strcmp(path, "-") == 0)
		path = NULL;
	if (path != NULL && (kept = strdup(path)) == NULL)
		abort();
	pthread_mutex_lock(&state.lock);
	done = direct(path);
	if (done) {
		free(state.path);
		state.path = kept;
		atomic_store(&state.least, (int)least);
	}
	pthread_mutex_unlock(&state.lock);
	if (!done)
		free(kept);
	return done;
}

bool
log_reopen(void)
{
	bool done;

	pthread_mutex_lock(&state.lock);
	done = state.path == NULL || direct(state.path);
	pthread_mutex_unlock(&state.lock);
	return done;
}

void
log_lines(enum log_level level, const char *event, const char *lines)
{
	char line[LINE_BYTES];
	size_t length;

	for (; *lines != '\0'; lines += length + (lines[length] != '\0')) {
		length = strcspn(lines, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)length, lines);
		if (length > 0)
			log_event(level, event, LOG_TEXT("cause", line));
	}
}

bool
log_level_of(const char *word, enum log_level *ret)
{
	for (unsigned i = 0; i < countof(level_words); i++)
		if (strcmp(word, level_words[i]) == 0) {
			*ret = (enum log_level)i;
			return true;
		}
	return false;
}
