/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_READ_H
#define CONFIG_READ_H

#include <stdbool.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/attribute.h"
#include "base/buf.h"

/*
 * The settings of options.def: lockstep.conf, then the environment, then
 * flags.  Const once read.
 */

#define CONFIG_TEXT const char *
#define CONFIG_PATH const char *
#define CONFIG_NUMBER unsigned
#define CONFIG_SWITCH bool

struct config {
	const char *file;	/* that was read, or NULL */
#define OPTION(name, type, fallback, least, most, unit, sentence)              \
	CONFIG_##type name;
#include "options.def"
#undef OPTION
};

/* A flag that one command takes beside the settings. */
struct flag {
	const char *name;	/* "role" for --role */
	const char *value_name;	/* "ROLE"; NULL = takes no value */
	const char *sentence;
	const char *value;	/* read: NULL = not given, "" for no value;
				 * the last one, when it is repeated */
	const char **values;	/* all of them, in order */
	size_t value_count;
};

/*
 * Reads defaults, the file (--config FILE, else LOCKSTEP_CONFIG, else
 * lockstep.conf here if there is one), the environment and the flags of argv;
 * what is neither goes to argv again, in order, and *argc tells how many.
 * Paths in the file are relative to the file's directory.  Texts are in the
 * arena.  false: fault then holds one sentence with a hint.  *ret_help is set
 * when --help or -h was among the flags.
 */
bool config_read(struct config *config, struct arena *arena, int *argc,
    char **argv, struct flag *flags, size_t flag_count, bool *ret_help,
    struct buf *fault) MUST_CHECK;

/* Writes the settings as --help shows them, or as a sample file. */
void config_help(FILE *out);
void config_sample(FILE *out);

#endif
