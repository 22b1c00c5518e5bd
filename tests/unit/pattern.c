/* SPDX-License-Identifier: MIT */
/*
 * Patterns: what ECMA-262 takes and refuses, what it means by it, in all
 * engines alike, and that none can be made slow.  The files of the JSON Schema
 * suite that are about patterns are run against the engines themselves, and a
 * made corpus is compared with node's RegExp where there is node.
 */
#include <check.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/text.h"
#include "contract/pattern_tree.h"
#include "run.h"

static struct arena *arena;

static void
setup(void)
{
	arena = arena_new();
}

static void
teardown(void)
{
	arena_free(arena);
}

static const struct schema_pattern *
compiled(const char *text)
{
	const char *reason = "";
	size_t offset;
	const struct schema_pattern *pattern = pattern_compile_all(arena, text,
	    strlen(text), &reason, &offset);

	ck_assert_msg(pattern != NULL, "%s %s", text, reason);
	return pattern;
}

/* ---- What is refused, where and why; and what is not. */

static const struct {
	const char *pattern;
	size_t offset;
	const char *reason;	/* a part of it */
} refused[] = {
	{ "(", 0, "( without its )" }, { "a)", 1, ") without its (" },
	{ "[", 0, "class without its ]" }, { "[a", 0, "class without its ]" },
	{ "*a", 0, "nothing to repeat" }, { "a**", 2, "nothing to repeat" },
	{ "a|?", 2, "nothing to repeat" }, { "(+)", 1, "nothing to repeat" },
	{ "^*", 1, "quantifier after an assertion" },
	{ "$+", 1, "quantifier after an assertion" },
	{ "\\b?", 2, "quantifier after an assertion" },
	{ "(?=a)*", 5, "quantifier after an assertion" },
	{ "(?<!a){2}", 6, "quantifier after an assertion" },
	{ "a++", 2, "possessive" }, { "a?+", 2, "possessive" },
	{ "a{2}+", 4, "possessive" }, { "(?>a)", 2, "atomic" },
	{ "{", 0, "begins no quantifier" },
	{ "a{", 1, "begins no quantifier" },
	{ "a{,3}", 1, "begins no quantifier" },
	{ "a{ 1}", 1, "begins no quantifier" },
	{ "a{1", 1, "without its }" }, { "a{1,2", 1, "without its }" },
	{ "a{2,1}", 1, "bounds swapped" }, { "}", 0, "bracket" },
	{ "]", 0, "bracket" }, { "[]]", 2, "bracket" },
	{ "[b-a]", 1, "ends before it begins" },
	{ "[\\d-z]", 3, "class as the end" },
	{ "[a-\\d]", 5, "class as the end" },
	{ "[\\p{L}-z]", 6, "class as the end" },
	{ "\\", 1, "ends with a backslash" },
	{ "[\\", 2, "ends with a backslash" },
	{ "\\a", 1, "of other languages" }, { "\\Z", 1, "of other languages" },
	{ "\\A", 1, "of other languages" }, { "\\z", 1, "of other languages" },
	{ "\\Q", 1, "of other languages" }, { "\\h", 1, "of other languages" },
	{ "\\R", 1, "of other languages" }, { "\\G", 1, "of other languages" },
	{ "\\_", 1, "needs none" }, { "\\-", 1, "needs none" },
	{ "\\ ", 1, "needs none" }, { "\\\"", 1, "needs none" },
	{ "\\@", 1, "needs none" }, { "\\\xc3\xa9", 1, "needs none" },
	{ "\\i", 1, "does not know" }, { "[\\B]", 2, "does not know" },
	{ "[\\k]", 2, "does not know" }, { "\\01", 1, "octal" },
	{ "\\00", 1, "octal" }, { "[\\1]", 2, "octal" },
	{ "\\1", 0, "a group that it does not have" },
	{ "(a)\\2", 3, "a group that it does not have" },
	{ "\\99999999999", 0, "a group that it does not have" },
	{ "(?<n>a)\\k<m>", 7, "a group that it does not have" },
	{ "\\k", 0, "\\k without" }, { "\\k<n>", 0, "a group that it does" },
	{ "(?<n>a)(?<n>b)", 10, "the same name" },
	{ "(?<>a)", 4, "empty name" }, { "(?<1>a)", 3, "no identifier" },
	{ "(?<a-b>a)", 4, "no identifier" },
	{ "(?<\xe2\x82\xac>a)", 3, "no identifier" },
	{ "(?<a", 4, "without its >" }, { "(?P<n>a)", 2, "Python" },
	{ "(?P=n)", 2, "Python" }, { "(?#c)a", 2, "comment" },
	{ "(?i)a", 2, "flags" }, { "(?i:a)", 2, "flags" },
	{ "(?-i:a)", 2, "flags" }, { "(?|a)", 2, "(?" },
	{ "(?", 2, "(?" }, { "(?'n'a)", 2, "(?" }, { "(?(1)a)", 2, "(?" },
	{ "\\x1", 3, "hexadecimal" }, { "\\u12", 4, "hexadecimal" },
	{ "\\u{}", 3, "without a number" }, { "\\u{1", 4, "hexadecimal" },
	{ "\\u{110000}", 9, "beyond 10FFFF" }, { "\\c", 1, "\\c without" },
	{ "\\c1", 1, "\\c without" }, { "[\\c_]", 2, "\\c without" },
	{ "\\p", 2, "\\p without its {" }, { "\\pL", 2, "\\p without its {" },
	{ "\\p{L", 4, "without its }" }, { "\\p{}", 0, "property" },
	{ "\\p{^L}", 3, "without its }" }, { "\\p{lu}", 0, "property" },
	{ "\\p{letter}", 0, "property" }, { "\\p{Greek}", 0, "property" },
	{ "\\p{IsL}", 0, "property" }, { "\\p{sc=greek}", 0, "property" },
	{ "\\p{Lu=L}", 0, "property" }, { "\\p{gc}", 0, "property" },
	{ "\\p{Alphabetic=Y}", 0, "property" },
	{ "\\p{L&}", 4, "without its }" }, { "[[:alpha:]]", 10, "bracket" },
	{ "a{65536}", 1, "65535" }, { "a{1,65536}", 1, "65535" },
	{ "(?:abc){65535}", 0, "too large" },
	{ "\\p{CWKCF}", 0, "version of PCRE2" }, { "\xff", 0, "UTF-8" },
};

START_TEST(what_is_no_pattern_is_refused_with_its_place_and_reason)
{
	const char *reason = NULL, *text = refused[_i].pattern;
	size_t offset = 99;

	ck_assert_msg(schema_pattern_compile(arena, text, strlen(text),
	    &reason, &offset) == NULL, "%s", text);
	ck_assert_msg(strstr(reason, refused[_i].reason) != NULL, "%s: %s",
	    text, reason);
	ck_assert_msg(offset == refused[_i].offset, "%s: %zu", text, offset);
}
END_TEST

/* Text of `count` times a piece, with something before and after. */
static char *
repeated(const char *before, const char *piece, size_t count,
    const char *after)
{
	struct buf b;
	char *ret;

	buf_init(&b, 1 << 24);
	buf_string(&b, before);
	for (size_t i = 0; i < count; i++)
		buf_string(&b, piece);
	buf_string(&b, after);
	ret = arena_copy(arena, b.at, b.length);
	buf_release(&b);
	return ret;
}

START_TEST(a_pattern_has_bounds)
{
	char *deep = repeated(repeated("", "(", 200, "a"), ")", 200, "");
	char *deeper = repeated(repeated("", "(", 201, "a"), ")", 201, "");
	char *longest = repeated("", "a", 64 * 1024, "");
	char *longer = repeated("", "a", 64 * 1024 + 1, "");

	ck_assert(pattern_is_ecma(deep, strlen(deep)));
	ck_assert(!pattern_is_ecma(deeper, strlen(deeper)));
	ck_assert(pattern_is_ecma(longest, strlen(longest)));
	ck_assert(!pattern_is_ecma(longer, strlen(longer)));
	ck_assert(pattern_is_ecma("a\0b", 3));
	ck_assert(pattern_is_ecma("", 0));
	ck_assert(!pattern_is_ecma("\xff", 1));
	/* Parsed, but not run. */
	ck_assert(pattern_is_ecma("a{99999}", 8));
}
END_TEST

/* ---- What is meant. */

static const struct {
	const char *pattern, *text;
	bool matches;
} meanings[] = {
	{ "b", "abc", true }, { "^b", "abc", false }, { "", "x", true },
	{ "", "", true }, { "^$", "", true }, { "^$", "x", false },
	{ "^", "x", true }, { "$", "x", true }, { "$^", "", true },
	{ "^abc", "abcd", true }, { "^abc", "ab", false },
	{ "bc$", "abc", true }, { "bc$", "abcd", false },
	{ "^abc$", "abc", true }, { "^abc$", "abc\n", false },
	{ "a$", "a\n", false }, { "^b", "a\nb", false },
	{ "^a.c$", "a\nc", false }, { "^a.c$", "a\rc", false },
	{ "^a.c$", "a\xe2\x80\xa8" "c", false },
	{ "^a.c$", "a\xe2\x80\xa9" "c", false },
	{ "^a.c$", "a\xc2\x85" "c", true }, { "^a.c$", "a\vc", true },
	{ "^a.c$", "a\xc3\xa4" "c", true }, { "^.$", "\xf0\x9f\x98\x80", true },
	{ "^..$", "\xf0\x9f\x98\x80", false },
	{ "^[^a]$", "\n", true }, { "[]", "a", false }, { "[^]", "\n", true },
	{ "^[^]$", "\xf0\x9f\x98\x80", true }, { "[^]", "", false },
	{ "(?:[])*a", "a", true }, { "^\\d+$", "\xd9\xa3", false },
	{ "^\\d+$", "0123456789", true }, { "^\\D$", "\xd9\xa3", true },
	{ "^\\w+$", "azAZ09_", true }, { "^\\w+$", "\xc3\xa4", false },
	{ "^\\w$", "\xc5\xbf", false }, { "^\\W$", "\xc3\xa4", true },
	{ "^\\s$", "\xc2\xa0", true }, { "^\\s$", "\xef\xbb\xbf", true },
	{ "^\\s$", "\xe2\x80\xa9", true }, { "^\\s$", "\xe3\x80\x80", true },
	{ "^\\s$", "\xe1\x9a\x80", true }, { "^\\s$", "\xc2\x85", false },
	{ "^\\s$", "\xe1\xa0\x8e", false }, { "^\\s$", "\xe2\x80\x8b", false },
	{ "^\\S$", "\xc2\xa0", false }, { "^[\\s\\d]+$", "1 2", true },
	{ "^[\\S]$", " ", false }, { "^[^\\S]$", " ", true },
	{ "^[\\D\\d]$", "x", true }, { "^[^\\D\\d]$", "x", false },
	{ "^[\\W_]+$", "_-", true }, { "^[a\\-c]+$", "a-c", true },
	{ "^[a-]+$", "a-", true }, { "^[-a]+$", "a-", true },
	{ "^[[a]+$", "[a", true }, { "^[a^]+$", "^a", true },
	{ "^[\\b]$", "\b", true }, { "^[\\]]$", "]", true },
	{ "^[\xc3\xa0-\xc3\xbf]+$", "\xc3\xa4", true },
	{ "^(foo|bar){2}$", "foobar", true }, { "^(?:a|)b$", "b", true },
	{ "^a{2,3}$", "aaaa", false }, { "^a{2,}?$", "aaaa", true },
	{ "^a{0}$", "", true }, { "^a{0}$", "a", false },
	{ "^a{0,0}b$", "b", true },
	{ "^[a-z0-9]+(-[a-z0-9]+)*$", "a-b-c9", true },
	{ "^[a-z0-9]+(-[a-z0-9]+)*$", "a--b", false },
	{ "^[a-z0-9]+(-[a-z0-9]+)*$", "a-", false },
	{ "^([a-z]+\\.)+[a-z]+$", "a.b.c", true },
	{ "^[a-z]{2}(-[A-Z]{2})?$", "de-CH", true },
	{ "^[a-z]{2}(-[A-Z]{2})?$", "de", true },
	{ "^[a-z]{2}(-[A-Z]{2})?$", "de-", false },
	{ "^a(bc)?", "abx", true }, { "^(ab|cd)+$", "abcdab", true },
	{ "^(ab|cd)+$", "abcda", false }, { "^x*y", "xxy", true },
	{ "^(a|b)?c$", "bc", true }, { "^a?a$", "a", true },
	{ "[A-Z]", "abCd", true }, { "[A-Z]", "abc", false },
	{ "[\xc3\xa0-\xc3\xbf]+", "ab\xc3\xa9", true },
	{ "\\/\\.\\$", "/.$", true }, { "#  x", "a#  x", true },
	{ "\\(\\?", "(?", true }, { "/", "/", true }, { "-", "-", true },
	{ "\\^\\$\\\\\\.\\*\\+\\?\\(\\)\\[\\]\\{\\}\\|\\/",
	    "^$\\.*+?()[]{}|/", true },
	{ "^\\t\\n\\v\\f\\r$", "\t\n\v\f\r", true }, { "^\\cJ$", "\n", true },
	{ "^\\cj$", "\n", true }, { "^\\x41$", "A", true },
	{ "^\\u0041$", "A", true }, { "^\\u{000041}$", "A", true },
	{ "^\\ud83d\\udc32$", "\xf0\x9f\x90\xb2", true },
	{ "^\\uD83D\\uDC32$", "\xf0\x9f\x90\xb2", true },
	{ "^\\u{1f432}$", "\xf0\x9f\x90\xb2", true },
	{ "^[\\ud83d\\udc32]$", "\xf0\x9f\x90\xb2", true },
	{ "\\ud83d", "\xf0\x9f\x90\xb2", false },
	{ "\\udc32", "\xf0\x9f\x90\xb2", false },
	{ "^[\\ud800-\\udfff]$", "\xf0\x9f\x90\xb2", false },
	{ "^[^\\ud800-\\udfff]$", "\xf0\x9f\x90\xb2", true },
	{ "^[\\u0000-\\uffff]$", "\xee\x80\x80", true },
	{ "^\\u{d83d}\\u{dc32}$", "\xf0\x9f\x90\xb2", false },
	{ "^\xf0\x9f\x90\xb2*$", "", true },
	{ "^\xf0\x9f\x90\xb2*$", "\xf0\x9f\x90\xb2\xf0\x9f\x90\xb2", true },
	{ "^\xf0\x9f\x90\xb2*$", "\xf0\x9f\x90\x89", false },
	{ "\\bfoo\\b", "a foo.", true }, { "\\bfoo\\b", "afoo", false },
	{ "\\Boo\\b", "foo", true }, { "\\b\xc3\xa4", "\xc3\xa4", false },
	{ "a\\b\xc3\xa4", "a\xc3\xa4", true }, { "^\\B$", "", true },
	{ "a(?=b)", "ab", true }, { "a(?=b)", "ac", false },
	{ "(?=-)a?-", "-", true }, { "a(?!b)", "ab", false },
	{ "a(?!b)", "a", true },
	{ "^(?=.*[a-z])(?=.*\\d).{4,}$", "ab1cd", true },
	{ "^(?=.*[a-z])(?=.*\\d).{4,}$", "abccd", false },
	{ "^(?:(?!foo).)*$", "barfo", true },
	{ "^(?:(?!foo).)*$", "barfoo", false },
	{ "^(?:(?=(a+))a)+$", "aaa", true },
	{ "(?<=a)b", "ab", true }, { "(?<=a)b", "bb", false },
	{ "(?<!a)b", "ab", false }, { "(?<!a)b", "b", true },
	{ "(?<=^a+)b", "aaab", true }, { "(?<=^a+)b", "caab", false },
	{ "(?<=a|bc|def)x", "bcx", true }, { "(?<!a|bc|def)x", "bcx", false },
	{ "(?<=\\$\\d{1,3})x", "$12x", true },
	{ "(?<=a.c)d", "a\xf0\x9f\x98\x80" "cd", true },
	{ "(?<=^|,)x$", "a,x", true }, { "(?<=(?<!a)b)c", "abc", false },
	{ "(?<=(?=b)b)c", "abc", true },
	{ "(a)\\1", "aa", true }, { "^(a)\\1$", "a", false },
	{ "\\1(a)", "a", true }, { "^(a\\1)$", "a", true },
	{ "(?<x>a|b)-\\k<x>", "b-b", true },
	{ "^(?<x>a|b)-\\k<x>$", "b-a", false },
	{ "^\\k<x>(?<x>a)$", "a", true }, { "^(?:(a)|b)\\1$", "b", true },
	{ "^(?:(a)|\\1b)*$", "ab", true }, { "^(?:(a)|b)*\\1$", "ab", true },
	{ "^(z)((a+)?(b+)?(c))*\\3$", "zaacbbbcac", false },
	{ "^(?:(?=(a)))?a\\1$", "aa", false }, { "^(a*)*\\1$", "aa", true },
	{ "^(?:(?=(a))){1}a\\1$", "aa", true }, { "^(a|)+\\1b$", "aab", true },
	{ "^(?!(a))\\1b$", "b", true }, { "(?<=([ab]+)([bc]+))$", "abc", true },
	{ "(?<=\\1(a))b", "aab", true }, { "^(?<=\\1(a))b", "ab", false },
	{ "(?<=\\1\\.(\\d+))x", "12.12x", true },
	{ "(?<=^\\1\\.(\\d+))x", "12.2x", false },
	{ "^(.)(.)\\2\\1$", "\xc3\xa9xx\xc3\xa9", true },
	{ "(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)\\10", "abcdefghijj", true },
	{ "(?<$_\\u0061\xc3\xa9\\u{1d4d0}\\ud835\\udcd1>x)", "x", true },
	{ "(?<\\u0061>x)\\k<a>", "xx", true }, { "(?<a>x)|y", "y", true },
	{ "^\\p{L}+$", "a\xc3\xa4\xce\xb1", true },
	{ "^\\p{Letter}$", "1", false }, { "^\\P{L}$", "1", true },
	{ "^\\p{gc=Letter}$", "a", true }, { "^[^\\p{L}]$", "a", false },
	{ "^\\p{General_Category=Uppercase_Letter}$", "A", true },
	{ "^[^\\P{L}]$", "\xc3\xa4", true }, { "^[\\p{L}\\d]+$", "a1", true },
	{ "^\\p{digit}+$", "\xd9\xa3" "4", true }, { "^\\p{LC}$", "a", true },
	{ "^\\p{Script=Greek}$", "\xce\xb1", true },
	{ "^\\p{sc=Grek}$", "a", false }, { "^\\p{scx=Grek}$", "\xce\xb1",
	    true },
	{ "^\\p{Script_Extensions=Deva}$", "\xe0\xa5\xa4", true },
	{ "^\\p{Script=Deva}$", "\xe0\xa5\xa4", false },
	{ "^\\p{Emoji_Presentation}$", "\xf0\x9f\x98\x80", true },
	{ "^\\p{White_Space}$", " ", true }, { "^\\p{Any}$", "\n", true },
	{ "\\P{Any}", "a", false }, { "^\\p{ASCII}$", "\x7f", true },
	{ "^\\P{ASCII}$", "\xc2\x80", true }, { "^\\p{Assigned}$", "a", true },
	{ "^[\\p{Lu}\\P{ASCII}]$", "\xc3\xa4", true },
	{ "\\p{Cs}", "a", false },
	{ "^\\p{Uppercase}\\p{Lowercase}+$", "\xc3\x84rger", true },
	{ "^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", false },
	{ "^(a|a)*$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", false },
	{ "^(?:(?:a*)*)*$", "aaab", false }, { "^(?:a?){30}a{30}$",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true },
	{ "^(?:a{1,3}){1,3}$", "aaaaaaaaaa", false },
	{ "^(?:ab?){2,3}?c$", "aabac", true }, { "^.{3,}$", "ab", false },
	{ "^.{0,2}$", "a\xf0\x9f\x98\x80", true }, { "a{3}", "xaaay", true },
	{ "^.*?x.*?y$", "axbxcy", true }, { "(?:)", "", true },
};

static const char *const engine_names[] = { "quick", "jit", "steps" };

START_TEST(all_engines_mean_what_ECMA_262_says)
{
	const char *text = meanings[_i].text;
	const struct schema_pattern *p = compiled(meanings[_i].pattern);

	ck_assert_msg(schema_pattern_matches(p, text, strlen(text)) ==
	    meanings[_i].matches, "%s on %s", meanings[_i].pattern, text);
	for (unsigned e = 0; e < ENGINE_COUNT; e++) {
		enum pattern_verdict verdict;

		if (!pattern_has_engine(p, e))
			continue;
		verdict = pattern_match_by(p, e, text, strlen(text));
		if (e == ENGINE_JIT && verdict == PATTERN_EXHAUSTED)
			continue;
		ck_assert_msg(verdict == (meanings[_i].matches ?
		    PATTERN_MATCHES : PATTERN_DIFFERS), "%s: %s on %s",
		    engine_names[e], meanings[_i].pattern, text);
	}
	ck_assert_uint_eq(schema_pattern_exhausted(p), 0);
}
END_TEST

/* ---- Which engine. */

static const struct {
	const char *pattern;
	bool quick, jit;
} engines[] = {
	{ "abc", true, true }, { "^abc", true, true }, { "abc$", true, true },
	{ "^abc$", true, true }, { "^[a-z]{3,9}$", true, true },
	{ "^[a-z]+$", true, true }, { "\\d", true, true },
	{ "\\d+", true, true },
	{ "^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$", true, true },
	{ "^[a-z]{2}(-[A-Z]{2})?$", true, true },
	{ "^[a-z0-9]+(-[a-z0-9]+)*$", true, true },
	{ "^\\+?[1-9]\\d{6,14}$", true, true }, { "^.{1,100}$", true, true },
	{ "^#[0-9a-fA-F]{6}$", true, true }, { "^\\S+$", true, true },
	{ "^(red|green|blue)$", true, true }, { "^[^@]+@[^@]+$", true, true },
	{ "^(a|ab)$", false, true }, { "^a*a$", false, true },
	{ "^\\p{L}+$", false, true }, { "a+b", false, true },
	{ "(a)\\1", false, false }, { "(?<=a+)b", false, false },
	{ "(?<=a)b", false, true }, { "^(?=a)", false, true },
};

START_TEST(simple_patterns_need_no_backtracking)
{
	const struct schema_pattern *p = compiled(engines[_i].pattern);

	ck_assert_int_eq(pattern_has_engine(p, ENGINE_QUICK),
	    engines[_i].quick);
	ck_assert_int_eq(pattern_has_engine(p, ENGINE_JIT), engines[_i].jit);
}
END_TEST

/* ---- What is known of a pattern. */

enum { BACK = 1, BEHIND = 2, EXPLODES = 4, OVERLAPS = 8 };

static const struct {
	const char *pattern;
	unsigned facts;
} known[] = {
	{ "^[a-z]+$", 0 }, { "(a)\\1", BACK }, { "(?<=a)b", BEHIND },
	{ "(?<!a)b", BEHIND }, { "(?<n>a)\\k<n>", BACK }, { "(?=a+)b", 0 },
	{ "(a+)+", EXPLODES }, { "(a*)*", EXPLODES }, { "(a+)*b", EXPLODES },
	{ "(x+x+)+y", EXPLODES | OVERLAPS }, { "(a|a)*$", EXPLODES },
	{ "(a|aa)+$", EXPLODES }, { "([a-z]+-?)*", EXPLODES },
	{ "(a|b+)*", EXPLODES }, { "((a+)b?)+", EXPLODES },
	{ "(a+){2,99}", EXPLODES }, { "(.*,)*x", EXPLODES },
	{ "^(\\w+\\s?)*$", EXPLODES }, { "(\\d+|\\d+x)*", EXPLODES },
	{ "(a?b?)*", EXPLODES }, { "([a-z]|\\w)+$", EXPLODES },
	{ "((ab)*)+c", EXPLODES }, { "(?=(a+)+$)", EXPLODES },
	{ "(\\p{L}|\\p{Lu})*1", EXPLODES }, { "(a{1,20}){1,20}", EXPLODES },
	{ "^(([a-z])+.)+[A-Z]([a-z])+$", EXPLODES },
	{ "[a-z]+(-[a-z]+)*", 0 }, { "^([a-z]+\\.)+[a-z]+$", 0 },
	{ "^(ab|cd|ef)*$", 0 }, { "^(\\d{3}-?)*$", 0 },
	{ "^([0-9a-f]{8}-?)+$", 0 }, { "^(a{1,2}){1,2}$", 0 },
	{ "^(\"([^\"\\\\]|\\\\.)*\",?)*$", 0 }, { "^(\\s*\\w+\\s*,)*$", 0 },
	{ "^(?:(?!foo).)*$", 0 }, { "^(\\w+\\s)*\\w+$", 0 },
	{ "^(foo|bar)+(foo|bar)?$", 0 }, { "^.*a.*b$", 0 },
	{ "\\s*\\s*$", OVERLAPS }, { ".*.*.*x", OVERLAPS },
	{ "\\w*-?\\d*", OVERLAPS }, { "\\w*-\\d*", 0 },
	{ "[a-z]+[0-9]+", 0 },
	{ "^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\\.[a-z0-9!#$%&'*+/=?^_`"
	  "{|}~-]+)*@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\\.)+[a-z0-9]"
	  "(?:[a-z0-9-]*[a-z0-9])?$", 0 },
	{ "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
	    0 },
};

START_TEST(what_can_explode_is_known_and_little_else)
{
	/* { and | in a class need no escape, but outside a class they do. */
	const struct pattern_facts *facts = schema_pattern_facts(
	    compiled(known[_i].pattern));
	unsigned got = (facts->backreference ? BACK : 0) |
	    (facts->lookbehind ? BEHIND : 0) |
	    (facts->explosive ? EXPLODES : 0) |
	    (facts->overlapping ? OVERLAPS : 0);

	ck_assert_msg(got == known[_i].facts, "%s: %x", known[_i].pattern,
	    got);
}
END_TEST

/* ---- Time. */

static const struct {
	const char *pattern, *piece, *end;
} hostile[] = {
	{ "^(a+)+$", "a", "b" }, { "(x+x+)+y", "x", "" },
	{ "(a|aa)+$", "a", "b" }, { "^(a|a)*$", "a", "b" },
	{ ".*.*.*x", "a", "" }, { "^.*.*.*.*x", "a", "" },
	{ "a+b", "a", "" }, { "\\s+$", " ", "x" }, { "(.*,)*x", ",", "" },
	{ "^(\\w+\\s?)*$", "ab ", "!" }, { "(?=.*x)a", "a", "" },
	{ "(?:(?=.*x)a)*y", "a", "" }, { "(?:(?!.*x)a)*y", "a", "" },
	{ "(?=(?:(?=.*x)a)*y)z", "a", "" }, { "(?<=a*)b", "a", "" },
	{ "(?<=x.*)b", "a", "b" }, { "(a*)*\\1b", "a", "" },
	{ "(a+)\\1b", "a", "" }, { "((a+)+)\\1b", "a", "" },
	{ "^(?:(.*)\\1)*x", "a", "" }, { "a{0,5000}x", "a", "" },
	{ "(?:a{0,100}){100}x", "a", "" }, { "(?:a?){1000}b", "a", "" },
	{ "\\p{L}+\\d", "\xc3\xa4", "" }, { "(\\p{L}|\\p{Lu})*1", "\xc3\xa4",
	    "" },
	{ "[^x]*[^y]*[^z]*w", "\xc3\xa4", "" },
	{ "(?:a|b|c|d|e|f|g|h|i|j|k|l|m|n)*x", "n", "" },
	{ "(?:(?:(?:(?:a|b)|c)|d)|e)*x", "a", "" },
	{ "(?:a(?:a(?:a(?:a)*)*)*)*x", "a", "" }, { "(?:.*)*x", "a", "\n" },
	{ "^(([a-z])+.)+[A-Z]([a-z])+$", "a", "" }, { "a.*b.*c.*d", "abc", "" },
	{ "(?:aaaaaaaa|aaaaaaaaa|aaaaaaaaaa)*b", "a", "" },
	{ "\\b\\w+\\b.*\\b\\w+!", "a ", "" }, { "aaaaaaaaaaaaaaab", "a", "" },
	{ "(.)(.)(.)(.)\\4\\3\\2\\1x", "a", "" },
	{ "(?!$)^(ab{2,}.|a+){2}$", "a", "b" }, { "(?=.*x)^a", "a", "" },
	{ "([\\p{Ll}1]|.{1,3}?\\S){1,3}?$", "abca", " " },
};

static uint64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Far above what is measured, for sanitizers and laden machines. */
static uint64_t
bound_ms(void)
{
#if defined(__SANITIZE_ADDRESS__)
	return 1000;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
	return 1000;
#endif
#endif
	return 50;
}

START_TEST(no_pattern_takes_long_on_64_KiB)
{
	const char *piece = hostile[_i].piece, *reason;
	char *text = repeated("", piece, 65536 / strlen(piece),
	    hostile[_i].end);
	size_t offset, length = strlen(text);
	const struct schema_pattern *p = schema_pattern_compile(arena,
	    hostile[_i].pattern, strlen(hostile[_i].pattern), &reason,
	    &offset);
	uint64_t began, most = 0, at = 0;

	ck_assert_msg(p != NULL, "%s %s", hostile[_i].pattern, reason);
	/* The longest is not always the slowest: engines change with length. */
	for (size_t n = length; n > 16; n = n * 2 / 3) {
		const char *from = text + (length - n);

		while (((unsigned char)*from & 0xc0) == 0x80)
			from++;
		began = cpu_ns();
		(void)schema_pattern_matches(p, from,
		    (size_t)(text + length - from));
		began = cpu_ns() - began;
		if (began > most) {
			most = began;
			at = n;
		}
	}
	if (getenv("PATTERN_FIGURES") != NULL)
		fprintf(stderr, "# %7.3f ms at %6lu, exhausted %lu: %s\n",
		    (double)most / 1e6, (unsigned long)at,
		    (unsigned long)schema_pattern_exhausted(p),
		    hostile[_i].pattern);
	ck_assert_msg(most < bound_ms() * 1000000, "%s: %lu us",
	    hostile[_i].pattern, (unsigned long)(most / 1000));
}
END_TEST

START_TEST(a_match_that_runs_out_of_steps_counts_as_none_and_is_told)
{
	const struct schema_pattern *p = compiled("^((a+)+)\\1$");
	char *text = repeated("", "a", 2001, "");

	ck_assert(schema_pattern_matches(p, "aaaa", 4));
	ck_assert_uint_eq(schema_pattern_exhausted(p), 0);
	ck_assert(!schema_pattern_matches(p, text, strlen(text)));
	ck_assert_uint_eq(schema_pattern_exhausted(p), 1);
	ck_assert(!schema_pattern_matches(p, text, strlen(text)));
	ck_assert_uint_eq(schema_pattern_exhausted(p), 2);
}
END_TEST

START_TEST(many_matches_share_a_bound)
{
	const struct schema_pattern *slow = compiled("^((a+)+)\\1$");
	const struct schema_pattern *quick = compiled("^a+$");
	char *text = repeated("", "a", 2001, "");
	uint32_t steps = 2 * PATTERN_STEPS_MAX, before = steps;

	ck_assert(schema_pattern_matches_within(quick, text, 2001, &steps));
	ck_assert_uint_lt(steps, before);
	ck_assert_uint_gt(steps, before - 1000);
	ck_assert(schema_pattern_matches_within(slow, text, 4, &steps));
	before = steps;
	ck_assert(!schema_pattern_matches_within(slow, text, 2001, &steps));
	ck_assert_uint_le(steps, before - PATTERN_STEPS_MAX);
	ck_assert_uint_gt(steps, 0);
	ck_assert_uint_eq(schema_pattern_exhausted(slow), 1);
	ck_assert(!schema_pattern_matches_within(slow, text, 2001, &steps));
	ck_assert_uint_eq(steps, 0);
	ck_assert_uint_eq(schema_pattern_exhausted(slow), 1);
	ck_assert(!schema_pattern_matches_within(quick, text, 1, &steps));
}
END_TEST

START_TEST(texts_of_all_lengths_are_matched)
{
	static const char *const patterns[] = { "(a+)+b", "(a|aa)+b",
		"(a*)*(a?)\\2b" };
	char *text = repeated("", "a", 2100, "");

	for (size_t i = 0; i < countof(patterns); i++) {
		const struct schema_pattern *p = compiled(patterns[i]);

		for (size_t n = 0; n < (i < 2 ? 2100 : 10); n++)
			ck_assert_int_eq(pattern_match_by(p, ENGINE_STEPS,
			    text, n), PATTERN_DIFFERS);
	}
}
END_TEST

/* ---- Threads. */

struct job {
	const struct schema_pattern *patterns[countof(meanings)];
	atomic_uint_fast64_t wrong;
};

static void *
match_all(void *object)
{
	struct job *job = object;

	for (unsigned round = 0; round < 50; round++)
		for (size_t i = 0; i < countof(meanings); i++)
			if (schema_pattern_matches(job->patterns[i],
				meanings[i].text, strlen(meanings[i].text)) !=
			    meanings[i].matches)
				job->wrong++;
	return NULL;
}

START_TEST(threads_share_patterns)
{
	struct job *job = arena_alloc(arena, sizeof(*job));
	const char *reason;
	pthread_t threads[4];
	size_t offset;

	for (size_t i = 0; i < countof(meanings); i++)
		job->patterns[i] = schema_pattern_compile(arena,
		    meanings[i].pattern, strlen(meanings[i].pattern), &reason,
		    &offset);
	for (size_t i = 0; i < countof(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, match_all,
		    job), 0);
	for (size_t i = 0; i < countof(threads); i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(job->wrong, 0);
}
END_TEST

/* ---- The suite. */

static char *
suite_path(const char *name)
{
	const char *suites = getenv("LOCKSTEP_SUITES");
	const char *top = getenv("SRCDIR");

	if (suites == NULL || suites[0] == '\0')
		suites = arena_format(arena, "%s/../shared/suites",
		    top == NULL ? "." : top);
	return arena_format(arena, "%s/json-schema-test-suite/tests/"
				   "draft2020-12/%s.json", suites, name);
}

static bool
finds(const char *pattern, const char *text)
{
	const struct schema_pattern *p = compiled(pattern);

	return schema_pattern_matches(p, text, strlen(text));
}

/* As much of a schema as the files say; other keywords must not be there. */
static bool
schema_holds(struct json_object *schema, struct json_object *data)
{
	bool object = json_object_is_type(data, json_type_object);
	struct json_object *closed = NULL, *patterns = NULL, *found;

	(void)json_object_object_get_ex(schema, "patternProperties",
	    &patterns);
	(void)json_object_object_get_ex(schema, "additionalProperties",
	    &closed);
	if (json_object_is_type(data, json_type_string)) {
		const char *text = json_object_get_string(data);

		if (json_object_object_get_ex(schema, "pattern", &found))
			return finds(json_object_get_string(found), text);
		if (json_object_object_get_ex(schema, "format", &found))
			return pattern_is_ecma(text, strlen(text));
	}
	if (!object || patterns == NULL || closed == NULL)
		return true;
	json_object_object_foreach(data, name, value) {
		bool matched = false;

		(void)value;
		json_object_object_foreach(patterns, pattern, inner) {
			(void)inner;
			matched = matched || finds(pattern, name);
		}
		if (!matched)
			return false;
	}
	return true;
}

static const struct {
	const char *name;
	unsigned least;		/* tests that must have been run */
	bool asserts;		/* `format` */
} suite_files[] = {
	{ "pattern", 12, false }, { "optional/ecmascript-regex", 74, false },
	{ "optional/non-bmp-regex", 7, false },
	{ "optional/format/regex", 8, true },
	{ "optional/format/ecmascript-regex", 1, true },
};

/* Left out are the tests of patternProperties whose values are judged. */
static bool
is_ours(struct json_object *schema, struct json_object *data)
{
	return !json_object_is_type(data, json_type_object) ||
	    json_object_object_get_ex(schema, "additionalProperties", NULL) ||
	    !json_object_object_get_ex(schema, "patternProperties", NULL);
}

static unsigned
judge_group(const char *file, struct json_object *group)
{
	struct json_object *schema, *tests;
	unsigned run = 0;

	(void)json_object_object_get_ex(group, "schema", &schema);
	(void)json_object_object_get_ex(group, "tests", &tests);
	for (size_t i = 0; i < json_object_array_length(tests); i++) {
		struct json_object *test = json_object_array_get_idx(tests, i);
		struct json_object *data, *valid, *description;

		(void)json_object_object_get_ex(test, "data", &data);
		(void)json_object_object_get_ex(test, "valid", &valid);
		(void)json_object_object_get_ex(test, "description",
		    &description);
		if (!is_ours(schema, data))
			continue;
		run++;
		ck_assert_msg(schema_holds(schema, data) ==
		    json_object_get_boolean(valid), "%s: %s", file,
		    json_object_get_string(description));
	}
	return run;
}

START_TEST(the_suite_is_judged_as_it_says)
{
	const char *name = suite_files[_i].name;
	struct json_object *groups = json_object_from_file(suite_path(name));
	unsigned run = 0;

	ck_assert_msg(groups != NULL, "%s", name);
	for (size_t i = 0; i < json_object_array_length(groups); i++)
		run += judge_group(name, json_object_array_get_idx(groups, i));
	json_object_put(groups);
	ck_assert_msg(run >= suite_files[_i].least, "%s: %u", name, run);
}
END_TEST

/* ---- node's RegExp on a made corpus. */

enum {
	ORACLE_PATTERNS = 12000,
	ORACLE_TEXTS = 8,
};

static uint64_t seed = 20260;

static unsigned
pick(unsigned n)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return (unsigned)(seed >> 33) % n;
}

#define PICK(table) ((table)[pick(countof(table))])

static const char *const atoms[] = { "a", "b", "c", "a", "b", "ab", ".", "\\d",
	"\\w", "\\s", "\\S", "\\W", "[ab]", "[^a]", "[a-c]", "\xc3\xa9",
	"\xf0\x9f\x90\xb2", "\\u{1f432}", "\\ud83d\\udc32", "[^\xc3\xa9]",
	"\\p{L}", "\\P{Lu}", "[\\p{Ll}1]", "[^\\s\\d]", "1", "-", " ", "\\n",
	"[]", "[^]", "[\xc3\xa0-\xf0\x9f\x90\xb2]", "\\x61", "\\u0062",
	"\\-", "[\\-a]", "\\p{Script=Latin}", "\\.", "\\cJ", "\\0" };
static const char *const assertions[] = { "^", "$", "\\b", "\\B", "^", "$" };
static const char *const quantifiers[] = { "*", "+", "?", "{2}", "{1,2}",
	"{0,3}", "{2,}", "*?", "+?", "??", "{1,3}?", "{0}" };
static const char *const opens[] = { "(", "(", "(?:", "(?:", "(?=", "(?!",
	"(?<=", "(?<!", "(?<n>" };
static const char *const odds[] = { "(", ")", "[", "]", "{", "}", "*", "+",
	"?", "|", "\\", "^", "$", "-", ",", "1", "<", ">", "=", "!", ":", "k",
	"p", "u", "x", "c", "n", "{2", "\\p{", "\\u{", "(?<", "\\k<n>", "\\1",
	"\\2", "(?", "a-", "\xc3\xa9", "\\d", "0" };
static const char *const pieces[] = { "a", "b", "c", "ab", "aa", "1", "-", " ",
	"\n", "\xc3\xa9", "\xf0\x9f\x90\xb2", "A", "bc", "_", "\xe2\x80\xa8" };

static void
make_choices(struct buf *b, unsigned depth, unsigned *groups);

static void
make_term(struct buf *b, unsigned depth, unsigned *groups)
{
	unsigned kind = pick(depth < 4 ? 10 : 6);
	const char *open;

	if (kind == 0) {
		buf_string(b, PICK(assertions));
		return;
	}
	if (kind == 1 && *groups > 0 && pick(2) == 0) {
		buf_format(b, "\\%u", 1 + pick(*groups));
	} else if (kind < 6) {
		buf_string(b, PICK(atoms));
	} else {
		open = PICK(opens);
		*groups += strcmp(open, "(") == 0 || strcmp(open, "(?<n>") == 0;
		buf_string(b, open);
		make_choices(b, depth + 1, groups);
		buf_char(b, ')');
		if (strchr("=!", open[strlen(open) - 1]) != NULL)
			return;
	}
	if (pick(3) == 0)
		buf_string(b, PICK(quantifiers));
}

static void
make_choices(struct buf *b, unsigned depth, unsigned *groups)
{
	do {
		for (unsigned n = pick(4); n > 0; n--)
			make_term(b, depth, groups);
	} while (pick(4) == 0 && (buf_char(b, '|'), true));
}

/* A pattern by the grammar, and sometimes with something odd put into it. */
static void
make_pattern(struct buf *b)
{
	unsigned groups = 0;
	struct buf odd;

	buf_clear(b);
	if (pick(3) == 0)
		buf_char(b, '^');
	make_choices(b, 0, &groups);
	if (pick(3) == 0)
		buf_char(b, '$');
	if (pick(4) != 0)
		return;
	buf_init(&odd, 1 << 16);
	for (size_t i = 0, at = pick((unsigned)b->length + 1); i <= b->length;
	    i++) {
		if (i == at && pick(4) != 0)
			buf_string(&odd, PICK(odds));
		if (i < b->length && (i != at || pick(2) == 0 ||
			((unsigned char)b->at[i] & 0x80) != 0))
			buf_char(&odd, b->at[i]);
	}
	if (text_is_utf8(odd.at, odd.length)) {
		buf_clear(b);
		buf_add(b, odd.at, odd.length);
	}
	buf_release(&odd);
}

static void
make_text(struct buf *b)
{
	buf_clear(b);
	for (unsigned n = pick(7); n > 0; n--)
		buf_string(b, PICK(pieces));
}

/*
 * One line a pattern: R, or 0 and 1 for the texts.  V8 looks for a match of no
 * characters inside a surrogate pair too, which ECMA-262 does not; a match
 * there is a "?" and not compared.
 */
static const char script[] =
    "const fs = require('fs');\n"
    "let out = '';\n"
    "for (const line of fs.readFileSync(process.argv[2], 'utf8')"
    ".split('\\n')) {\n"
    "  if (line === '') continue;\n"
    "  const [pattern, ...texts] = JSON.parse(line);\n"
    "  let r;\n"
    "  try { r = new RegExp(pattern, 'u'); }\n"
    "  catch (e) { out += 'R\\n'; continue; }\n"
    "  out += texts.map(t => {\n"
    "    const m = r.exec(t);\n"
    "    if (m === null) return '0';\n"
    "    return m.index > 0 && t.codePointAt(m.index - 1) > 0xffff ?\n"
    "      '?' : '1';\n"
    "  }).join('') + '\\n';\n"
    "}\n"
    "fs.writeFileSync(process.argv[3], out);\n";

struct oracle {
	char *folder;
	char *patterns[ORACLE_PATTERNS];
	char *texts[ORACLE_PATTERNS][ORACLE_TEXTS];
	unsigned refused, matches, differs, odd;
	unsigned answers[ENGINE_COUNT], none[ENGINE_COUNT];
};

static void
write_file(const char *path, const char *text, size_t length)
{
	FILE *file = fopen(path, "wb");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, length, file), length);
	ck_assert_int_eq(fclose(file), 0);
}

static void
make_corpus(struct oracle *o)
{
	struct buf all, one;

	buf_init(&all, 1 << 26);
	buf_init(&one, 1 << 16);
	for (size_t i = 0; i < ORACLE_PATTERNS; i++) {
		make_pattern(&one);
		o->patterns[i] = arena_copy(arena, one.at, one.length);
		buf_char(&all, '[');
		buf_json_string(&all, o->patterns[i]);
		for (size_t j = 0; j < ORACLE_TEXTS; j++) {
			make_text(&one);
			o->texts[i][j] = arena_copy(arena, one.at, one.length);
			buf_char(&all, ',');
			buf_json_string(&all, o->texts[i][j]);
		}
		buf_string(&all, "]\n");
	}
	write_file(arena_format(arena, "%s/in", o->folder), all.at,
	    all.length);
	buf_release(&all);
	buf_release(&one);
}

/* What this has no program for although it is a pattern: what is too large. */
static void
compare(struct oracle *o, size_t i, const char *line)
{
	const char *pattern = o->patterns[i], *reason = "";
	struct arena *own = arena_new();
	const struct schema_pattern *p;
	size_t offset;
	bool is = pattern_is_ecma(pattern, strlen(pattern));

	ck_assert_msg(is == (line[0] != 'R'), "%s is %s", pattern,
	    is ? "taken" : "refused");
	o->refused += !is;
	p = is ? pattern_compile_all(own, pattern, strlen(pattern), &reason,
	    &offset) : NULL;
	ck_assert_msg(!is || p != NULL, "%s %s", pattern, reason);
	for (unsigned j = 0; j < ORACLE_TEXTS && is; j++)
		for (unsigned e = 0; e < ENGINE_COUNT; e++) {
			const char *text = o->texts[i][j];
			enum pattern_verdict verdict;

			if (!pattern_has_engine(p, e) || line[j] == '?')
				continue;
			verdict = pattern_match_by(p, e, text, strlen(text));
			o->answers[e]++;
			o->none[e] += verdict == PATTERN_EXHAUSTED;
			ck_assert_msg(verdict == PATTERN_EXHAUSTED ||
			    (verdict == PATTERN_MATCHES) == (line[j] == '1'),
			    "%s on %s: %s says %d", pattern, text,
			    engine_names[e], (int)verdict);
			o->matches += verdict == PATTERN_MATCHES;
		}
	arena_free(own);
}

static void
drop_folder(const char *folder)
{
	static const char *const names[] = { "in", "out", "script.js" };

	for (size_t i = 0; i < countof(names); i++)
		(void)unlink(arena_format(arena, "%s/%s", folder, names[i]));
	(void)rmdir(folder);
}

START_TEST(node_says_the_same)
{
	struct oracle *o = arena_alloc(arena, sizeof(*o));
	char folder[] = "/tmp/pattern-XXXXXX", line[ORACLE_TEXTS + 4];
	FILE *out;

	o->folder = mkdtemp(folder);
	ck_assert_ptr_nonnull(o->folder);
	if (getenv("PATTERN_SEED") != NULL)
		seed = strtoull(getenv("PATTERN_SEED"), NULL, 10);
	make_corpus(o);
	write_file(arena_format(arena, "%s/script.js", folder), script,
	    strlen(script));
	ck_assert_int_eq(system(arena_format(arena,
	    "cd %s && timeout 60 node script.js in out", folder)), 0);
	out = fopen(arena_format(arena, "%s/out", folder), "r");
	ck_assert_ptr_nonnull(out);
	for (size_t i = 0; i < ORACLE_PATTERNS; i++) {
		ck_assert_ptr_nonnull(fgets(line, sizeof(line), out));
		compare(o, i, line);
	}
	fclose(out);
	drop_folder(folder);
	if (getenv("PATTERN_FIGURES") != NULL)
		fprintf(stderr, "# of %d patterns %u refused; answers %u %u "
				"%u, none %u %u %u; %u matches\n",
		    ORACLE_PATTERNS, o->refused, o->answers[0], o->answers[1],
		    o->answers[2], o->none[0], o->none[1], o->none[2],
		    o->matches);
	ck_assert_uint_gt(o->answers[ENGINE_QUICK], 4000);
	ck_assert_uint_gt(o->answers[ENGINE_JIT], 40000);
	ck_assert_uint_lt(o->none[ENGINE_STEPS], 10);
	ck_assert_uint_gt(o->refused, 500);
}
END_TEST

static void
add_oracle(TCase *tests)
{
	if (system("node -e 0 >/dev/null 2>&1") == 0)
		tcase_add_test(tests, node_says_the_same);
	else
		fprintf(stderr, "# SKIP the comparison: there is no node\n");
}

static void
add_suite_files(TCase *tests)
{
	bool there;

	setup();
	there = access(suite_path("pattern"), R_OK) == 0;
	teardown();
	if (there || getenv("CI") != NULL)
		tcase_add_loop_test(tests, the_suite_is_judged_as_it_says, 0,
		    (int)countof(suite_files));
	else
		fprintf(stderr, "# SKIP the suite: it is not there; set "
				"LOCKSTEP_SUITES\n");
}

int
main(void)
{
	Suite *suite = suite_create("pattern");
	TCase *tests = tcase_create("pattern");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests,
	    what_is_no_pattern_is_refused_with_its_place_and_reason, 0,
	    (int)countof(refused));
	tcase_add_test(tests, a_pattern_has_bounds);
	tcase_add_loop_test(tests, all_engines_mean_what_ECMA_262_says, 0,
	    (int)countof(meanings));
	tcase_add_loop_test(tests, simple_patterns_need_no_backtracking, 0,
	    (int)countof(engines));
	tcase_add_loop_test(tests, what_can_explode_is_known_and_little_else,
	    0, (int)countof(known));
	tcase_add_loop_test(tests, no_pattern_takes_long_on_64_KiB, 0,
	    (int)countof(hostile));
	tcase_add_test(tests,
	    a_match_that_runs_out_of_steps_counts_as_none_and_is_told);
	tcase_add_test(tests, many_matches_share_a_bound);
	tcase_add_test(tests, texts_of_all_lengths_are_matched);
	tcase_add_test(tests, threads_share_patterns);
	add_suite_files(tests);
	add_oracle(tests);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
