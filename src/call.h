/* SPDX-License-Identifier: MIT */
#ifndef CALL_H
#define CALL_H

#include <stdbool.h>

#include "auth/auth.h"
#include "base/arena.h"
#include "base/attribute.h"
#include "config.h"
#include "contract/contract.h"

#ifndef LOCKSTEP_VERSION
#define LOCKSTEP_VERSION "0.1.0"
#endif

/*
 * What the files of the commands share: a command's world, and the ways to read
 * it.  Private to command.c and command_*.c.
 */
enum { EXIT_WELL = 0, EXIT_FOUND = 1, EXIT_TROUBLE = 2 };

/* Settings, its own flags, the words left, its memory. */
struct call {
	struct config config;
	struct flag *flags;
	int argc;
	char **argv;
	struct arena *arena;
	char **given;		/* argv before the settings were read */
	int given_count;
};

/* Tells one sentence on standard error; EXIT_TROUBLE. */
int call_trouble(const char *format, ...) PRINTF_LIKE(1, 2);

/* The value of a flag of the command's own row, or NULL: not given. */
const char *call_flag(const struct call *call, const char *name);

/* The flag itself, with all its values. */
const struct flag *call_flag_given(const struct call *call, const char *name);

/* The contract, or NULL with its faults on standard error. */
struct contract *call_contract(const struct call *call) MUST_CHECK;

/* Reads a file, "-" for standard input, whole; false with the reason told. */
bool call_body(const char *path, struct buf *body) MUST_CHECK;

/* What judges tokens, or NULL with the reason told. */
struct auth *call_auth(const struct auth_options *options) MUST_CHECK;

/* Tells why auth_mint() gave no token. */
void call_no_token(const struct scope *sc, enum problem p);

/* The commands that have a file of their own: command_check.c, ... */
int call_check(struct call *call);
int call_import(struct call *call);
int call_init(struct call *call);
int call_new(struct call *call);

/* What `check` found, for --patch; command_patch.c. */
struct catalog;
struct findings;
struct findings_choice;
struct patch_call {
	const struct contract *contract;
	const struct catalog *catalog;
	const struct findings *found;
	const struct findings_choice *choice;
};
int call_patch(struct call *call, const struct patch_call *patch);
int call_token(struct call *call);
int call_gen(struct call *call);
int call_validate(struct call *call);
int call_work(struct call *call);
int call_jobs(struct call *call);
int call_rollup(struct call *call);
int call_status(struct call *call);
int call_expect(struct call *call);
int call_sign(struct call *call);

/* The part of call_check() that is asked for by --prove. */
struct findings;
struct findings_choice;
int call_prove(struct call *call, struct findings *findings,
    const struct findings_choice *choice, unsigned form, bool strict);

#endif
