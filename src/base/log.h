/* SPDX-License-Identifier: MIT */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attribute.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/*
 * One JSON object a line, so many whole lines a write(2), so that processes
 * may share a file.  Never a token, a body, a value or an address of a person.
 *
 *   log_event(LOG_INFO, "request", LOG_TEXT("request_id", id),
 *       LOG_INT("status", 200), LOG_MS("run_ms", ns));
 *
 * gives {"time":"...","level":"info","event":"request","pid":1,...}.  LOG_END
 * stands for no field.
 */
enum log_type { LOG_TYPE_END, LOG_TYPE_TEXT, LOG_TYPE_INT, LOG_TYPE_MS };
struct log_field {
	enum log_type type;
	const char *name;
	const char *text;	/* NULL text fields are left out */
	int64_t number;		/* LOG_MS: nanoseconds, printed as ms */
};
#define LOG_END ((struct log_field){ LOG_TYPE_END, NULL, NULL, 0 })
#define LOG_TEXT(n, s) ((struct log_field){ LOG_TYPE_TEXT, (n), (s), 0 })
#define LOG_INT(n, i) ((struct log_field){ LOG_TYPE_INT, (n), NULL, (i) })
#define LOG_MS(n, ns)                                                          \
	((struct log_field){ LOG_TYPE_MS, (n), NULL, (int64_t)(ns) })

/*
 * Opens the log: path NULL or "-" is standard error; lines below `least` are
 * dropped.  log_reopen() opens the path anew (after rotation).  Returns false
 * with errno set when the file cannot be opened; the old one stays.
 */
bool log_open(const char *path, enum log_level least) MUST_CHECK;
bool log_reopen(void) MUST_CHECK;

/*
 * From now on lines below "warn" wait to be written together: until they fill
 * 4 KiB, a line of "warn" or "error" comes, which they precede, or LOG_WAIT_MS
 * after the first of them.  So a process that is killed, or crashes, may take
 * with it what it had to tell of its last LOG_WAIT_MS, below "warn".
 *
 * For a process with threads and all signals blocked, that forks no more: a
 * child would have the same lines waiting.  false with errno set: there is no
 * thread to write them in time, and each line is written at once as before.
 */
enum { LOG_WAIT_MS = 100 };
bool log_gather(void) MUST_CHECK;

/* Before the end of the process: nothing waits any more, and nothing will. */
void log_finish(void);

/* Writes a line.  Text that is not UTF-8 is escaped bytewise. */
void log_fields(enum log_level level, const char *event,
    const struct log_field *fields, unsigned n);
#define log_event(level, event, ...)                                           \
	log_fields((level), (event), (const struct log_field[]){ __VA_ARGS__ }, \
	    sizeof((const struct log_field[]){ __VA_ARGS__ }) /                \
	    sizeof(struct log_field))

/* Writes an event for each line of the text that is not empty, as its cause. */
void log_lines(enum log_level level, const char *event, const char *lines);

/* "debug", "info", "warn", "error" -> level; false when it is none. */
bool log_level_of(const char *word, enum log_level *ret) MUST_CHECK;

#endif
