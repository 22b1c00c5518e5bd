/* SPDX-License-Identifier: MIT */
/*
 * Texts of a contract inside TypeScript.  A contract may come from others: no
 * description, name or value of it may end the comment or the string that it
 * stands in, start a directive of the compiler, or turn the reading direction
 * so that people read other code than there is.
 */
#include "tool/typescript.h"

#include <ctype.h>
#include <string.h>

#include "base/json.h"

enum { COLUMNS = 80 };

static const char *const reserved[] = {
	/* of the language, strict mode included */
	"abstract", "any", "arguments", "as", "async", "await", "boolean",
	"break", "case", "catch", "class", "const", "continue", "debugger",
	"declare", "default", "delete", "do", "else", "enum", "eval", "export",
	"extends", "false", "finally", "for", "from", "function", "get", "if",
	"implements", "import", "in", "infer", "instanceof", "interface", "is",
	"keyof", "let", "module", "namespace", "never", "new", "null",
	"number", "object", "of", "package", "private", "protected", "public",
	"readonly", "require", "return", "set", "static", "string", "super",
	"switch", "symbol", "this", "throw", "true", "try", "type", "typeof",
	"undefined", "unique", "unknown", "using", "var", "void", "while",
	"with", "yield",
	/* of what is around the values that are made */
	"body", "bodyValidator", "call", "choice", "chosen", "createClient",
	"exports", "fits", "formats", "globalThis", "judge", "maybe", "module",
	"more", "open", "stored", "validator", "validators", "whole", "z",
};

bool
typescript_is_reserved(const char *word)
{
	for (size_t i = 0; i < countof(reserved); i++)
		if (strcmp(reserved[i], word) == 0)
			return true;
	return false;
}

const char *
typescript_value_name(struct typescript *ts, const char *component)
{
	char *name = arena_format(ts->arena, "%s_", component);

	*name = (char)tolower((unsigned char)*name);
	name[strlen(component)] = '\0';
	/* "_3dModel" has no other case. */
	if (typescript_is_reserved(name) || *component == '_')
		name[strlen(component)] = '_';
	return name;
}

const char *
typescript_camel(struct typescript *ts, const char *name)
{
	char *camel = arena_string(ts->arena, name), *to = camel;

	for (const char *s = name; *s != '\0'; s++) {
		bool joint = *s == '_' && s > name &&
		    islower((unsigned char)s[1]);

		if (joint)
			s++;
		*to++ = joint ? (char)toupper((unsigned char)*s) : *s;
	}
	*to = '\0';
	return camel;
}

const char *
typescript_reference(struct json_object *reference)
{
	const char *text = json_object_get_string(reference);
	const char *slash = strrchr(text, '/');

	return slash != NULL ? slash + 1 : text;
}

/* ---- characters ---- */

/*
 * The character at s if it is invisible or ends lines, and how many bytes it
 * has; 0 for others.
 */
static unsigned
odd_character(const char *s, size_t left, size_t *ret_length)
{
	const unsigned char *u = (const unsigned char *)s;
	unsigned point;

	*ret_length = 1;
	if (u[0] < 0x20 || u[0] == 0x7f)
		return u[0] == 0 ? 0x10000 : u[0];
	if (u[0] == 0xc2 && left > 1 && u[1] < 0xa0) {
		*ret_length = 2;
		return u[1];
	}
	if (u[0] < 0xe0 || u[0] > 0xef || left < 3)
		return 0;
	*ret_length = 3;
	point = (u[0] & 15U) << 12 | (u[1] & 63U) << 6 | (u[2] & 63U);
	if ((point >= 0x200b && point <= 0x200f) ||
	    (point >= 0x2028 && point <= 0x202e) ||
	    (point >= 0x2060 && point <= 0x206f) || point == 0xfeff)
		return point;
	*ret_length = 1;
	return 0;
}

static void
add_escape(struct buf *out, unsigned point)
{
	static const char letters[] = "btnvfr";

	point &= 0xffff;
	if (point >= 8 && point <= 13 && point != 11)
		buf_format(out, "\\%c", letters[point - 8]);
	else
		buf_format(out, "\\u%04x", point);
}

void
typescript_string(struct buf *out, const char *text, size_t length)
{
	bool apostrophe = memchr(text, '\'', length) != NULL;
	char quote = apostrophe && memchr(text, '"', length) == NULL ? '"' :
	    '\'';
	size_t step;

	buf_char(out, quote);
	for (size_t i = 0; i < length; i += step) {
		unsigned odd = odd_character(text + i, length - i, &step);

		if (odd != 0) {
			add_escape(out, odd);
			continue;
		}
		if (text[i] == '\\' || text[i] == quote)
			buf_char(out, '\\');
		buf_char(out, text[i]);
	}
	buf_char(out, quote);
}

void
typescript_name(struct buf *out, const char *name)
{
	size_t length = strlen(name), i = 0;

	while (i < length && (isalnum((unsigned char)name[i]) ||
		name[i] == '_' || name[i] == '$'))
		i++;
	/* In an object literal it would set the prototype. */
	if (strcmp(name, "__proto__") == 0)
		buf_string(out, "['__proto__']");
	else if (i == length && length > 0 && !isdigit((unsigned char)*name))
		buf_string(out, name);
	else
		typescript_string(out, name, length);
}

static void
write_items(struct buf *out, struct json_object *list)
{
	buf_char(out, '[');
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		if (i > 0)
			buf_string(out, ", ");
		typescript_literal(out, json_object_array_get_idx(list, i));
	}
	buf_char(out, ']');
}

static void
write_members(struct buf *out, struct json_object *map)
{
	const char *before = "{ ";

	json_object_object_foreach(map, name, value) {
		buf_string(out, before);
		typescript_name(out, name);
		buf_string(out, ": ");
		typescript_literal(out, value);
		before = ", ";
	}
	buf_string(out, *before == '{' ? "{}" : " }");
}

void
typescript_literal(struct buf *out, struct json_object *value)
{
	if (json_object_is_type(value, json_type_string))
		typescript_string(out, json_object_get_string(value),
		    (size_t)json_object_get_string_len(value));
	else if (json_object_is_type(value, json_type_array))
		write_items(out, value);
	else if (json_object_is_type(value, json_type_object))
		write_members(out, value);
	else
		json_write(out, value);
}

/* ---- comments ---- */

/* Where the next word begins, and how long it is; 0 at the end. */
static const char *
next_word(const char *s, size_t *ret_length)
{
	size_t left = strlen(s), step, n = 0;

	while (left > 0 && (*s == ' ' || odd_character(s, left, &step) != 0)) {
		step = *s == ' ' ? 1 : step;
		s += step;
		left -= step;
	}
	while (n < left && s[n] != ' ' &&
	    odd_character(s + n, left - n, &step) == 0)
		n++;
	*ret_length = n;
	return s;
}

/* A word in which nothing ends a comment or is a directive. */
static void
add_word(struct buf *out, const char *word, size_t length)
{
	if (*word == '@')
		buf_char(out, '\\');
	for (size_t i = 0; i < length; i++) {
		if (i > 0 && word[i] == '/' && word[i - 1] == '*')
			buf_char(out, '\\');
		buf_char(out, word[i]);
	}
}

const char *
typescript_plain(struct typescript *ts, const char *text)
{
	const char *word = text, *plain;
	struct buf line;
	size_t length;

	buf_init(&line, 2 * strlen(text) + 16);
	while (*(word = next_word(word, &length)) != '\0') {
		if (line.length > 0)
			buf_char(&line, ' ');
		add_word(&line, word, length);
		word += length;
	}
	plain = arena_copy(ts->arena, line.length > 0 ? line.at : "",
	    line.length);
	buf_release(&line);
	return plain;
}

/* The text's words, lines of at most 80 columns, each begun alike. */
static void
write_lines(struct buf *out, unsigned indent, const char *text)
{
	size_t column = COLUMNS, length;
	const char *word = text;

	while (*(word = next_word(word, &length)) != '\0') {
		if (column + 1 + length > COLUMNS) {
			buf_format(out, "\n%*s *", (int)indent, "");
			column = indent + 2;
		}
		buf_char(out, ' ');
		add_word(out, word, length);
		column += 1 + length;
		word += length;
	}
}

void
typescript_comment(struct buf *out, unsigned indent, const char *text)
{
	size_t from = out->length, length;

	if (text == NULL || *next_word(text, &length) == '\0')
		return;
	buf_format(out, "%*s/**", (int)indent, "");
	for (const char *s = text; *(s = next_word(s, &length)) != '\0';
	     s += length) {
		buf_char(out, ' ');
		add_word(out, s, length);
	}
	buf_string(out, " */\n");
	if (out->length - from <= COLUMNS + 1)
		return;
	buf_rewind(out, from);
	buf_format(out, "%*s/**", (int)indent, "");
	write_lines(out, indent, text);
	buf_format(out, "\n%*s */\n", (int)indent, "");
}
