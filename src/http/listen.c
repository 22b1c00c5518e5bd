/* SPDX-License-Identifier: MIT */
/*
 * The listening socket.  It is bound beside its path and renamed over it, so
 * that nginx finds a listener at the path at every moment of a restart: the
 * old one's up to the rename, ours from there on.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/http.h"

enum { BACKLOG = 511 };

/* Binds to a name of our own first; the mode is set before it is seen. */
static int
bind_beside(int fd, const char *path, unsigned mode)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int n = snprintf(at.sun_path, sizeof(at.sun_path), "%s.%ld", path,
	    (long)getpid());

	if (n < 0 || (size_t)n >= sizeof(at.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	unlink(at.sun_path);
	if (fchmod(fd, mode) != 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		return -1;
	if (chmod(at.sun_path, mode) != 0 || listen(fd, BACKLOG) != 0 ||
	    rename(at.sun_path, path) != 0) {
		n = errno;
		unlink(at.sun_path);
		errno = n;
		return -1;
	}
	return 0;
}

int
front_listen(const char *path, unsigned mode)
{
	int fd, e;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (bind_beside(fd, path, mode) != 0) {
		e = errno;
		close(fd);
		errno = e;
		return -1;
	}
	return fd;
}
