/* SPDX-License-Identifier: MIT */
/*
 * Settings, all from the rows of options.def: one table of where each is kept
 * and how it reads, and three sources that put text into it, the later over
 * the earlier: the file, the environment, the flags.  A value that does not
 * read stops everything with the place it came from; nothing is guessed.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum option_type { OPTION_TEXT, OPTION_PATH, OPTION_NUMBER, OPTION_SWITCH };

struct option {
	const char *name;
	enum option_type type;
	size_t offset;
	const char *fallback;
	long least, most;
	const char *unit;
	const char *sentence;
};

static const struct option options[] = {
#define OPTION(name, type, fallback, least, most, unit, sentence)              \
	{ #name, OPTION_##type, offsetof(struct config, name), fallback,       \
	    least, most, unit, sentence },
#include "options.def"
#undef OPTION
};

/* Where a value came from, for messages and relative paths. */
struct source {
	const char *what;	/* "lockstep.conf:3", "LOCKSTEP_WORKERS" */
	const char *directory;	/* NULL = the working directory */
};

static const struct option *
find_option(const char *name, size_t length)
{
	for (size_t i = 0; i < countof(options); i++) {
		const char *o = options[i].name;
		size_t j = 0;

		while (j < length && o[j] != '\0' &&
		    (o[j] == name[j] || (o[j] == '_' && name[j] == '-')))
			j++;
		if (j == length && o[j] == '\0')
			return &options[i];
	}
	return NULL;
}

static bool
set_number(unsigned *at, const struct option *o, const char *value,
    const struct source *from, struct buf *fault)
{
	int64_t n;

	if (!text_to_int(value, strlen(value), &n) || n < o->least ||
	    n > o->most) {
		buf_format(fault,
		    "%s: %s must be a number from %ld to %ld (%s)",
		    from->what, o->name, o->least, o->most, o->unit);
		return false;
	}
	*at = (unsigned)n;
	return true;
}

static bool
set_switch(bool *at, const struct option *o, const char *value,
    const struct source *from, struct buf *fault)
{
	bool on = strcmp(value, "on") == 0;

	if (!on && strcmp(value, "off") != 0) {
		buf_format(fault, "%s: %s must be on or off", from->what,
		    o->name);
		return false;
	}
	*at = on;
	return true;
}

static const char *
resolve(struct arena *arena, const char *path, const struct source *from)
{
	if (path[0] == '/' || from->directory == NULL ||
	    strcmp(path, "-") == 0)
		return arena_string(arena, path);
	return arena_format(arena, "%s/%s", from->directory, path);
}

static bool
set(struct config *config, struct arena *arena, const struct option *o,
    const char *value, const struct source *from, struct buf *fault)
{
	void *at = (char *)config + o->offset;

	/* Empty means not set, which only some settings may be. */
	if (value[0] == '\0' && o->fallback != NULL) {
		buf_format(fault, "%s: %s must not be empty", from->what,
		    o->name);
		return false;
	}
	switch (o->type) {
	case OPTION_NUMBER:
		return set_number(at, o, value, from, fault);
	case OPTION_SWITCH:
		return set_switch(at, o, value, from, fault);
	case OPTION_PATH:
		*(const char **)at = value[0] == '\0'
		    ? NULL : resolve(arena, value, from);
		return true;
	case OPTION_TEXT:
		*(const char **)at = value[0] == '\0'
		    ? NULL : arena_string(arena, value);
		return true;
	}
	return false;
}

static bool
read_defaults(struct config *config, struct arena *arena, struct buf *fault)
{
	const struct source from = { "default", NULL };

	memset(config, 0, sizeof(*config));
	for (size_t i = 0; i < countof(options); i++)
		if (options[i].fallback != NULL &&
		    !set(config, arena, &options[i], options[i].fallback,
			&from, fault))
			return false;
	return true;
}

static char *
trim(char *s)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return s;
}

/* One line of the file: "name = value", "# comment", or nothing. */
static bool
read_line(struct config *config, struct arena *arena, char *line,
    const struct source *from, struct buf *fault)
{
	const struct option *o;
	char *equals, *name;

	line = trim(line);
	if (line[0] == '\0' || line[0] == '#')
		return true;
	equals = strchr(line, '=');
	if (equals == NULL) {
		buf_format(fault, "%s: expected \"name = value\"", from->what);
		return false;
	}
	*equals = '\0';
	name = trim(line);
	o = find_option(name, strlen(name));
	if (o == NULL) {
		buf_format(fault, "%s: there is no setting \"%s\"; see "
		    "lockstep.conf(5) or lockstep serve --help", from->what,
		    name);
		return false;
	}
	return set(config, arena, o, trim(equals + 1), from, fault);
}

static bool
read_file(struct config *config, struct arena *arena, const char *path,
    struct buf *fault)
{
	const char *slash = strrchr(path, '/');
	struct source from = { .directory = slash == NULL ? NULL :
		arena_copy(arena, path, (size_t)(slash - path)) };
	FILE *file = fopen(path, "re");
	char line[4096];
	bool ok = true;

	if (file == NULL) {
		buf_format(fault, "cannot read the settings in %s: %s",
		    path, strerror(errno));
		return false;
	}
	for (unsigned n = 1; ok && fgets(line, sizeof(line), file); n++) {
		from.what = arena_format(arena, "%s:%u", path, n);
		ok = read_line(config, arena, line, &from, fault);
	}
	fclose(file);
	return ok;
}

static bool
read_environment(struct config *config, struct arena *arena,
    struct buf *fault)
{
	for (size_t i = 0; i < countof(options); i++) {
		char name[64] = "LOCKSTEP_";
		struct source from = { name, NULL };
		const char *value;
		size_t at = strlen(name);

		for (const char *s = options[i].name; *s != '\0'; s++)
			name[at++] = (char)toupper((unsigned char)*s);
		value = getenv(name);
		if (value != NULL &&
		    !set(config, arena, &options[i], value, &from, fault))
			return false;
	}
	return true;
}

/* A flag's place in argv, taken apart: --name=value or --name value. */
struct given {
	const char *name;
	size_t length;
	const char *value;	/* after "=", or NULL */
};

static bool
take_apart(const char *word, struct given *ret)
{
	const char *equals;

	if (strncmp(word, "--", 2) != 0 || word[2] == '\0')
		return false;
	equals = strchr(word, '=');
	ret->name = word + 2;
	ret->length = equals != NULL ? (size_t)(equals - ret->name)
	    : strlen(ret->name);
	ret->value = equals != NULL ? equals + 1 : NULL;
	return true;
}

static struct flag *
find_flag(struct flag *flags, size_t count, const struct given *g)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(flags[i].name) == g->length &&
		    strncmp(flags[i].name, g->name, g->length) == 0)
			return &flags[i];
	return NULL;
}

/*
 * Walks argv.  `apply` false only looks for --config, --help; the settings
 * among the flags are put in afterwards, over file and environment.
 */
struct walk {
	struct config *config;
	struct arena *arena;
	struct flag *flags;
	size_t flag_count;
	const char *config_path;
	bool help;
	bool apply;
	struct buf *fault;
};

static bool
need_value(const char *word, struct given *g, int argc, char **argv, int *i,
    struct buf *fault)
{
	if (g->value != NULL)
		return true;
	if (*i + 1 >= argc) {
		buf_format(fault, "%s needs a value", word);
		return false;
	}
	g->value = argv[++*i];
	return true;
}

/* Keeps one more value of a flag; there are fewer than words in argv. */
static void
flag_take(struct walk *w, struct flag *flag, const char *value, int argc)
{
	flag->value = value;
	if (!w->apply)
		return;
	if (flag->values == NULL)
		flag->values = arena_alloc(w->arena,
		    (size_t)argc * sizeof(*flag->values));
	flag->values[flag->value_count++] = value;
}

static bool
walk_flag(struct walk *w, const char *word, struct given *g, int argc,
    char **argv, int *i)
{
	struct flag *flag = find_flag(w->flags, w->flag_count, g);
	const struct option *o = find_option(g->name, g->length);
	const struct source from = { word, NULL };

	if (flag != NULL && flag->value_name == NULL) {
		flag_take(w, flag, g->value != NULL ? g->value : "", argc);
		return true;
	}
	if (g->length == 4 && strncmp(g->name, "help", 4) == 0) {
		w->help = true;
		return true;
	}
	if (flag == NULL && o == NULL &&
	    !(g->length == 6 && strncmp(g->name, "config", 6) == 0)) {
		buf_format(w->fault, "there is no flag %s; see --help", word);
		return false;
	}
	if (!need_value(word, g, argc, argv, i, w->fault))
		return false;
	if (flag != NULL)
		flag_take(w, flag, g->value, argc);
	else if (o == NULL)
		w->config_path = g->value;
	else if (w->apply)
		return set(w->config, w->arena, o, g->value, &from, w->fault);
	return true;
}

static bool
walk_flags(struct walk *w, int argc, char **argv, int *ret_left)
{
	bool flags_over = false;
	int left = 0;

	for (int i = 0; i < argc; i++) {
		char *word = argv[i];
		struct given g;

		if (!flags_over && strcmp(word, "--") == 0) {
			flags_over = true;
		} else if (!flags_over && strcmp(word, "-h") == 0) {
			w->help = true;
		} else if (!flags_over && take_apart(word, &g)) {
			if (!walk_flag(w, word, &g, argc, argv, &i))
				return false;
		} else {
			if (w->apply)
				argv[left] = word;
			left++;
		}
	}
	*ret_left = left;
	return true;
}

/* What is turned away by one mark must be able to come back by the other. */
static bool
has_marks(const struct config *c, struct buf *fault)
{
	const struct marks {
		const char *low, *high;
		unsigned is_low, is_high;
	} marks[] = {
		{ "pressure_age_low_s", "pressure_age_s",
		    c->pressure_age_low_s, c->pressure_age_s },
		{ "pressure_depth_low", "pressure_depth",
		    c->pressure_depth_low, c->pressure_depth },
	};

	for (size_t i = 0; i < countof(marks); i++) {
		const struct marks *m = &marks[i];

		if (m->is_high == 0 || m->is_low <= m->is_high)
			continue;
		buf_format(fault, "%s is %u, and must not be above %s, which "
		    "is %u", m->low, m->is_low, m->high, m->is_high);
		return false;
	}
	return true;
}

bool
config_read(struct config *config, struct arena *arena, int *argc, char **argv,
    struct flag *flags, size_t flag_count, bool *ret_help, struct buf *fault)
{
	struct walk w = { config, arena, flags, flag_count, NULL, false, false,
		fault };
	int left;

	if (!read_defaults(config, arena, fault) ||
	    !walk_flags(&w, *argc, argv, &left))
		return false;
	if (w.config_path == NULL)
		w.config_path = getenv("LOCKSTEP_CONFIG");
	if (w.config_path == NULL) {
		FILE *here = fopen("lockstep.conf", "re");

		if (here != NULL) {
			fclose(here);
			w.config_path = "lockstep.conf";
		}
	}
	*ret_help = w.help;
	if (w.help)
		return true;
	if (w.config_path != NULL &&
	    !read_file(config, arena, w.config_path, fault))
		return false;
	config->file = w.config_path;
	w.apply = true;
	return read_environment(config, arena, fault) &&
	    walk_flags(&w, *argc, argv, argc) && has_marks(config, fault);
}

static void
dashed(const char *name, FILE *out)
{
	for (; *name != '\0'; name++)
		fputc(*name == '_' ? '-' : *name, out);
}

void
config_help(FILE *out)
{
	fputs("Settings, as flags (and in lockstep.conf, or LOCKSTEP_... in "
	    "the environment):\n", out);
	for (size_t i = 0; i < countof(options); i++) {
		const struct option *o = &options[i];

		fputs("  --", out);
		dashed(o->name, out);
		if (o->unit[0] != '\0')
			fprintf(out, " (%s)", o->unit);
		fprintf(out, "\n        %s", o->sentence);
		if (o->fallback != NULL)
			fprintf(out, "  Default: %s", o->fallback);
		fputc('\n', out);
	}
}

void
config_sample(FILE *out)
{
	fputs("# Settings of Lockstep; see lockstep.conf(5).  What is commented "
	    "out is the default.\n", out);
	for (size_t i = 0; i < countof(options); i++) {
		const struct option *o = &options[i];

		fprintf(out, "\n# %s", o->sentence);
		if (o->unit[0] != '\0')
			fprintf(out, "  (%s)", o->unit);
		fprintf(out, "\n#%s = %s\n", o->name,
		    o->fallback != NULL ? o->fallback : "");
	}
}
