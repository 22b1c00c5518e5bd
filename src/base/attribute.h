/* SPDX-License-Identifier: MIT */
#ifndef BASE_ATTRIBUTE_H
#define BASE_ATTRIBUTE_H

/* The result must be looked at: it is the only way a failure is told. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* The argument at FORMAT is a printf format, its arguments start at FIRST. */
#define PRINTF_LIKE(format_at, first)                                          \
	__attribute__((format(printf, format_at, first)))

/* The number of elements of an array. */
#define countof(array) (sizeof(array) / sizeof((array)[0]))

#endif
