/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/arena.h"
#include "contract/contract.h"

/*
 * What the targets share.  Each has libFuzzer's entry; a property that does not
 * hold ends the process, and the input is kept by libFuzzer.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(holds)                                                            \
	do {                                                                   \
		if (!(holds)) {                                                \
			fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__,    \
			    __LINE__, #holds);                                 \
			abort();                                               \
		}                                                              \
	} while (0)

/* A file in memory; its name below /proc/self/fd goes to `name`. */
static inline int
fuzz_file(const void *bytes, size_t length, char *name, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	MUST(fd >= 0);
	MUST(write(fd, bytes, length) == (ssize_t)length);
	snprintf(name, size, "%d", fd);
	return fd;
}

/* The contract of a golden test. */
static inline struct contract *
fuzz_contract(const char *name)
{
	const char *top = getenv("SRCDIR");
	struct contract *contract;
	char path[4096];
	struct buf faults;

	snprintf(path, sizeof(path), "%s/tests/golden/%s",
	    top != NULL ? top : ".", name);
	buf_init(&faults, 65536);
	contract = contract_load(path, &faults);
	if (contract == NULL)
		fputs(faults.length > 0 ? faults.at : "no contract\n", stderr);
	MUST(contract != NULL);
	buf_release(&faults);
	return contract;
}

static const char fuzz_secret[] = "0123456789abcdef0123456789abcdef01234567";

/* Keys for the roles of a contract: fuzz_secret. */
static inline struct auth *
fuzz_auth(const struct contract *contract)
{
	const struct contract_about *about = contract_about(contract);
	char path[] = "/tmp/lockstep-fuzz-XXXXXX";
	const struct auth_options options = { .secret_file = path,
		.leeway_s = 30, .roles = about->roles,
		.role_count = about->role_count,
		.anonymous = about->anonymous,
		.server_roles = about->server_roles,
		.server_role_count = about->server_role_count };
	static struct auth_options kept;
	struct auth *auth;
	struct buf fault;
	int fd = mkstemp(path);

	MUST(fd >= 0 && write(fd, fuzz_secret, sizeof(fuzz_secret) - 1) > 0);
	close(fd);
	kept = options;
	buf_init(&fault, 4096);
	auth = auth_new(&kept, &fault);
	MUST(auth != NULL);
	buf_release(&fault);
	unlink(path);
	kept.secret_file = NULL;
	return auth;
}

#endif
