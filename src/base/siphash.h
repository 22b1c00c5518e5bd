/* SPDX-License-Identifier: MIT */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012) of bytes under a secret key of 16
 * bytes: a hash whose collisions nobody can look for who lacks the key.
 */
uint64_t siphash(const unsigned char key[16], const void *bytes,
    size_t length);

#endif
