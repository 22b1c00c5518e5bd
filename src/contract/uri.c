/* SPDX-License-Identifier: MIT */
/*
 * Reference resolution by RFC 3986, section 5.2.  A reference is taken apart
 * into spans of its text, put together from those of the base where it has none
 * of its own, and its dot segments are removed.  Nothing is normalized beyond
 * that: identifiers are equal when their texts are.
 */
#include "contract/uri.h"

#include <string.h>

/* A component; `at` NULL when there is none. */
struct component {
	const char *at;
	size_t length;
};

struct uri {
	struct component scheme, authority, path, query;
};

static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
static const char scheme_bytes[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";

/* The length of the scheme; 0 when there is none. */
static size_t
scheme_length(const char *s)
{
	size_t length = strspn(s, scheme_bytes);

	return *s != '\0' && strchr(letters, *s) != NULL && s[length] == ':' ?
	    length : 0;
}

bool
uri_has_scheme(const char *reference)
{
	return scheme_length(reference) > 0;
}

/* Takes a reference apart; its fragment is left out. */
static struct uri
taken_apart(const char *s)
{
	struct uri uri = { 0 };
	size_t length = scheme_length(s);

	if (length > 0) {
		uri.scheme = (struct component){ s, length };
		s += length + 1;
	}
	if (strncmp(s, "//", 2) == 0) {
		s += 2;
		length = strcspn(s, "/?#");
		uri.authority = (struct component){ s, length };
		s += length;
	}
	length = strcspn(s, "?#");
	uri.path = (struct component){ s, length };
	s += length;
	if (*s == '?')
		uri.query = (struct component){ s + 1, strcspn(s + 1, "#") };
	return uri;
}

/* Cuts the last segment off; an empty path stays. */
static char *
last_cut(char *path, char *end)
{
	while (end > path && *--end != '/')
		;
	return end;
}

/* Section 5.2.4, in place: what is read is never behind what is written. */
static void
remove_dots(char *path)
{
	char *in = path, *out = path;

	while (*in != '\0') {
		size_t length;

		if (strncmp(in, "../", 3) == 0 || strncmp(in, "./", 2) == 0) {
			in += in[1] == '/' ? 2 : 3;
		} else if (strncmp(in, "/./", 3) == 0) {
			in += 2;
		} else if (strncmp(in, "/../", 4) == 0) {
			in += 3;
			out = last_cut(path, out);
		} else if (strcmp(in, "/.") == 0 || strcmp(in, "/..") == 0) {
			if (in[2] == '.')
				out = last_cut(path, out);
			*out++ = '/';
			break;
		} else if (strcmp(in, ".") == 0 || strcmp(in, "..") == 0) {
			break;
		} else {
			length = 1 + strcspn(in + 1, "/");
			memmove(out, in, length);
			in += length;
			out += length;
		}
	}
	*out = '\0';
}

/* The path of a reference below the base's (section 5.2.3). */
static char *
merged(struct arena *arena, const struct uri *base, const struct uri *uri)
{
	size_t length = base->path.length;

	if (uri->path.length > 0 && *uri->path.at == '/')
		return arena_copy(arena, uri->path.at, uri->path.length);
	while (length > 0 && base->path.at[length - 1] != '/')
		length--;
	return arena_format(arena, "%s%.*s%.*s",
	    base->authority.at != NULL && base->path.length == 0 ? "/" : "",
	    (int)length, base->path.at, (int)uri->path.length, uri->path.at);
}

static const char *
put_together(struct arena *arena, const struct uri *uri, const char *path)
{
	return arena_format(arena, "%.*s:%s%.*s%s%s%.*s",
	    (int)uri->scheme.length, uri->scheme.at,
	    uri->authority.at != NULL ? "//" : "", (int)uri->authority.length,
	    uri->authority.at != NULL ? uri->authority.at : "", path,
	    uri->query.at != NULL ? "?" : "", (int)uri->query.length,
	    uri->query.at != NULL ? uri->query.at : "");
}

const char *
uri_resolve(struct arena *arena, const char *base, const char *reference)
{
	struct uri from = taken_apart(base), uri = taken_apart(reference);
	char *path;

	if (uri.scheme.at == NULL && uri.authority.at == NULL &&
	    uri.path.length == 0) {
		path = arena_copy(arena, from.path.at, from.path.length);
		if (uri.query.at == NULL)
			uri.query = from.query;
		uri.authority = from.authority;
		uri.scheme = from.scheme;
		return put_together(arena, &uri, path);
	}
	if (uri.scheme.at != NULL || uri.authority.at != NULL) {
		path = arena_copy(arena, uri.path.at, uri.path.length);
	} else {
		path = merged(arena, &from, &uri);
		uri.authority = from.authority;
	}
	if (uri.scheme.at == NULL)
		uri.scheme = from.scheme;
	remove_dots(path);
	return put_together(arena, &uri, path);
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
uri_decode(char *s)
{
	char *out = s;

	for (; *s != '\0'; s++, out++) {
		*out = *s;
		if (*s != '%')
			continue;
		if (hex_value(s[1]) < 0 || hex_value(s[2]) < 0)
			return false;
		*out = (char)(hex_value(s[1]) * 16 + hex_value(s[2]));
		if (*out == '\0')
			return false;
		s += 2;
	}
	*out = '\0';
	return true;
}
