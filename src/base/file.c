/* SPDX-License-Identifier: MIT */
/*
 * Whole files.  The size is looked at before memory is spent, and again while
 * reading, as files may grow; what is no regular file has no size and is not
 * read.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"

static bool
refuse(int cause)
{
	errno = cause;
	return false;
}

static bool
descriptor_read(int fd, struct buf *b)
{
	char piece[16 * 1024];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) != 0)
		return false;
	if (!S_ISREG(st.st_mode))
		return refuse(S_ISDIR(st.st_mode) ? EISDIR : EINVAL);
	if (st.st_size < 0 || (size_t)st.st_size > b->limit)
		return refuse(EFBIG);
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		buf_add(b, piece, (size_t)n);
	if (n < 0)
		return false;
	return !b->failed || refuse(EFBIG);
}

bool
file_read(const char *path, struct buf *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), cause;
	bool well;

	if (fd < 0)
		return false;
	well = descriptor_read(fd, ret);
	cause = errno;
	close(fd);
	errno = cause;
	return well;
}
