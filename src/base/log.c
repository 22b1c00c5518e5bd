/* SPDX-License-Identifier: MIT */
/*
 * A line is put together on the stack and leaves by one write(2): O_APPEND
 * keeps lines of several processes apart.  Invariant: a line is complete JSON
 * of LINE_BYTES at most; what does not fit is cut between characters, and the
 * line says so ("truncated").  The descriptor's number never changes once a
 * file is open (dup3), so a thread that is writing cannot hit another file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

enum { LINE_BYTES = 8192 };

static const char *const level_words[] = {
	[LOG_DEBUG] = "debug",
	[LOG_INFO] = "info",
	[LOG_WARN] = "warn",
	[LOG_ERROR] = "error",
};

/* Where lines go.  path is changed at start only, before there are threads. */
static struct {
	_Atomic int fd;
	_Atomic int least;
	char *path;	/* NULL: standard error */
} state = { .fd = STDERR_FILENO, .least = LOG_INFO };

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

static void
add_text(struct line *line, const char *s)
{
	size_t left = strlen(s), taken, n;
	char to[8];

	if (!add_whole(line, "\"", 1))
		return;
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

void
log_fields(enum log_level level, const char *event,
    const struct log_field *fields, unsigned n)
{
	struct line line;
	int fd = atomic_load_explicit(&state.fd, memory_order_relaxed);
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
	/* A log that cannot be written has nobody to tell. */
	while (write(fd, line.at, line.length) < 0 && errno == EINTR)
		continue;
	errno = saved;
}

/* Makes lines go to path from now on. */
static bool
direct(const char *path)
{
	int to = atomic_load(&state.fd), from;

	from = path == NULL ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3) :
	    open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY,
	    0640);
	if (from < 0)
		return false;
	if (to == STDERR_FILENO) {
		atomic_store(&state.fd, from);
		return true;
	}
	if (dup3(from, to, O_CLOEXEC) < 0) {
		close(from);
		return false;
	}
	close(from);
	return true;
}

bool
log_open(const char *path, enum log_level least)
{
	char *kept = NULL;

	if (path != NULL && strcmp(path, "-") == 0)
		path = NULL;
	if (path != NULL && (kept = strdup(path)) == NULL)
		abort();
	if (!direct(path)) {
		free(kept);
		return false;
	}
	free(state.path);
	state.path = kept;
	atomic_store(&state.least, (int)least);
	return true;
}

bool
log_reopen(void)
{
	return state.path == NULL || direct(state.path);
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
