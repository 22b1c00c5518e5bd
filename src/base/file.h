/* SPDX-License-Identifier: MIT */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>

#include "base/attribute.h"

struct buf;

/*
 * Adds all bytes of a regular file to the buffer, whose limit they must not
 * pass.  false with errno set otherwise: EFBIG when they would, EISDIR or
 * EINVAL when it is no regular file (a pipe is not waited for).
 */
bool file_read(const char *path, struct buf *ret) MUST_CHECK;

#endif
