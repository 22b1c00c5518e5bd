/* SPDX-License-Identifier: MIT */
/*
 * A file where a team works: what is there is theirs, and is not written over
 * unless they say so.  A new file is complete or not there: it is written under
 * another name first.
 */
#include "tool/reflect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"

enum { FILE_MAX = 1 << 20 };

/* Makes the directories before the last "/". */
static bool
make_directories(struct arena *arena, const char *path)
{
	char *text = arena_string(arena, path), *at = text;

	while ((at = strchr(at + 1, '/')) != NULL) {
		*at = '\0';
		if (mkdir(text, 0777) != 0 && errno != EEXIST)
			return false;
		*at = '/';
	}
	return true;
}

static bool
write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		text += n;
		length -= (size_t)n;
	}
	return true;
}

static bool
write_file(struct arena *arena, const char *path, const char *text,
    unsigned mode)
{
	char *other = arena_format(arena, "%s.%ld.new", path, (long)getpid());
	int fd = open(other, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	bool well = fd >= 0 && write_all(fd, text, strlen(text));
	int why = errno;

	if (fd >= 0 && close(fd) != 0 && well) {
		well = false;
		why = errno;
	}
	if (well && rename(other, path) == 0)
		return true;
	if (well)
		why = errno;
	if (fd >= 0)
		(void)unlink(other);
	errno = why;
	return false;
}

/* Is the file there, and is it as it would be? */
static enum placed
look(const char *path, const char *text)
{
	enum placed found = PLACED_LEFT;
	struct buf old;

	if (access(path, F_OK) != 0)
		return PLACED_NEW;
	buf_init(&old, FILE_MAX);
	if (file_read(path, &old) && old.length == strlen(text) &&
	    memcmp(old.at, text, old.length) == 0)
		found = PLACED_SAME;
	buf_release(&old);
	return found;
}

enum placed
tool_place(const char *path, const char *text, unsigned mode, bool replace)
{
	enum placed found = look(path, text);
	struct arena *arena;
	bool well;

	if (found == PLACED_SAME || (found == PLACED_LEFT && !replace))
		return found;
	arena = arena_new();
	well = make_directories(arena, path) &&
	    write_file(arena, path, text, mode);
	arena_free(arena);
	if (!well)
		return PLACED_FAILED;
	return found == PLACED_NEW ? PLACED_NEW : PLACED_REPLACED;
}
