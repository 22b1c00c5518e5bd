/* SPDX-License-Identifier: MIT */
/*
 * Each format by what its standard takes and refuses at its edges.  A text is
 * judged in memory of its exact size, so that a byte read too far is seen.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "contract/format.h"
#include "contract/format_idna.h"
#include "run.h"

#define countof(a) (sizeof(a) / sizeof((a)[0]))

/* A text may hold NUL. */
struct text {
	const char *at;
	size_t length;
};
#define T(s) { s, sizeof(s) - 1 }

static bool
holds(const char *name, const char *at, size_t length)
{
	const struct format *format = format_find(name);
	char *exact = malloc(length > 0 ? length : 1);
	bool verdict;

	ck_assert_msg(format != NULL, "no format %s", name);
	memcpy(exact, at, length);
	verdict = format->holds(exact, length);
	free(exact);
	return verdict;
}

static void
all_are(const char *name, const struct text *texts, size_t count, bool wanted)
{
	for (size_t i = 0; i < count; i++)
		ck_assert_msg(holds(name, texts[i].at, texts[i].length) ==
		    wanted, "%s \"%s\" is %s", name, texts[i].at,
		    wanted ? "refused" : "taken");
}
#define ALL_HOLD(name, texts) all_are(name, texts, countof(texts), true)
#define NONE_HOLDS(name, texts) all_are(name, texts, countof(texts), false)

/* 63 and 64 letters, and names of 253 and 254 bytes. */
#define L7  "abcdefg"
#define L9  "abcdefghi"
#define L54 L9 L9 L9 L9 L9 L9
#define L63 L54 L9
#define L61 L54 L7
#define N253 L63 "." L63 "." L63 "." L61
#define N254 L63 "." L63 "." L63 "." L61 "a"

START_TEST(a_date_is_a_day_of_the_calendar)
{
	static const struct text good[] = { T("0000-01-01"), T("9999-12-31"),
		T("2000-02-29"), T("2024-02-29"), T("1600-02-29") };
	static const struct text bad[] = { T("1900-02-29"), T("2023-02-29"),
		T("2023-00-10"), T("2023-01-00"), T("2023-13-01"),
		T("2023-04-31"), T("2023-06-31"), T("2023-11-31"),
		T("2023-1-01"), T("2023-01-1"), T("2023-01-011"),
		T("2023/01/01"), T("-023-01-01"), T("2023-01-0\0"),
		T("2023-01-0:"), T("2023-01-0/"), T("") };

	ALL_HOLD("date", good);
	NONE_HOLDS("date", bad);
}
END_TEST

START_TEST(a_time_has_an_offset_and_leaps_at_midnight_of_UTC)
{
	static const struct text good[] = { T("00:00:00Z"), T("23:59:59z"),
		T("00:00:60+00:01"), T("23:59:60-00:00"), T("18:59:60-05:00"),
		T("23:59:60.999Z"), T("12:00:00.0000000000000000001+23:59"),
		T("00:58:60-23:01") };
	static const struct text bad[] = { T(""), T("00:00:00"),
		T("24:00:00Z"), T("00:60:00Z"), T("00:00:61Z"),
		T("00:00:60Z"), T("23:59:60+00:01"), T("00:00:00.Z"),
		T("00:00:00,5Z"), T("00:00Z"), T("00:00:00+0000"),
		T("00:00:00+00"), T("00:00:00+24:00"), T("00:00:00+00:60"),
		T("00:00:00+1:00"), T("00:00:00ZZ"), T("00:00:00 Z"),
		T("00:00:00Z\n"), T("00:00:00+00:0"), T("0:00:000Z") };

	ALL_HOLD("time", good);
	NONE_HOLDS("time", bad);
}
END_TEST

START_TEST(a_date_time_is_both_with_a_T)
{
	static const struct text good[] = { T("2023-01-01T00:00:00Z"),
		T("2023-01-01t00:00:00z"), T("2016-12-31T23:59:60Z"),
		T("2017-01-01T08:59:60.5+09:00"),
		T("9999-12-31T23:59:59Z"),
		T("9999-12-31T23:59:59.999999Z"),
		T("9999-12-31T23:59:59+00:01"),
		T("0001-01-01T00:00:00Z"),
		T("0001-01-01T00:00:00-00:01") };
	static const struct text bad[] = { T("2023-01-01T00:00:00"),
		T("2023-01-01 00:00:00Z"), T("2023-01-01T00:00:00.Z"),
		T("2023-01-01"), T("2023-01-01T"), T("2023-02-30T00:00:00Z"),
		T("2023-01-01TT00:00:00Z"), T("2023-01-01T00:00:00Z "),
		T("2023-01-01T24:00:00Z"), T("20230101T000000Z"),
		T("9999-12-31T23:59:59.9999999Z"),
		T("9999-12-31T23:59:60Z"), T("9999-12-31T23:59:59-00:01"),
		T("0001-01-01T00:00:00+00:01"),
		T("0000-12-31T23:59:59Z") };

	ALL_HOLD("date-time", good);
	NONE_HOLDS("date-time", bad);
}
END_TEST

START_TEST(a_duration_leaves_out_no_unit_in_between)
{
	static const struct text good[] = { T("P0Y"), T("P1Y2M"), T("P2M3D"),
		T("P1Y2M3DT4H5M6S"), T("P1YT1S"), T("PT1H2M"), T("PT2M3S"),
		T("P99W"), T("P00000000000000000000000000000001D") };
	static const struct text bad[] = { T(""), T("P"), T("PT"), T("P1DT"),
		T("P1Y3D"), T("PT1H3S"), T("P1M1Y"), T("P1Y1Y"), T("PT1H1H"),
		T("P1W1D"), T("P1WT1H"), T("P1D1W"), T("p1d"), T("P1d"),
		T("P1H"), T("PT1Y"), T("P1"), T("PD"), T("P1.5D"), T("+P1D"),
		T("P-1D"), T("P1DT1"), T("P1DT1HT1M"), T("PT1M1H"),
		T("P1D\0"), T("PTT1H") };

	ALL_HOLD("duration", good);
	NONE_HOLDS("duration", bad);
}
END_TEST

START_TEST(an_email_is_a_mailbox_of_RFC_5321)
{
	static const struct text good[] = { T("a@b"), T("a@b.c"),
		T("!#$%&'*+-/=?^_`{|}~@x.y"), T("\"\"@b.c"),
		T("\"a\\\"b\"@example.com"), T("\"a\\ b\"@example.com"),
		T("a@[1.2.3.4]"), T("a@[ipv6:::1]"), T("a@[x-y:z!]"),
		T(L63 "a@b.c"), T("a@xn--9n2bp8q") };
	static const struct text bad[] = { T(""), T("@"), T("a@"), T("@b"),
		T("a"), T("a@b@c"), T("a..b@c"), T(".a@c"), T("a.@c"),
		T("a b@c"), T("a@b_c"), T("a@-b"), T("a@b-"), T("a@b."),
		T("a@.b"), T("a@[IPv6:::1"), T("a@IPv6:::1]"), T("a@[]"),
		T("a@[1.2.3]"), T("a@[:x]"), T("a@[x:]"), T("a@[x-:y]"),
		T("a@[x:[]"), T("a@[x:]]"), T("a@[x:\\]"), T("\"a@b.c"),
		T("\"\\"), T("\"\\\"@b.c"), T("\"a\"b@c.d"), T("a\"b\"@c.d"),
		T("\"\n\"@b.c"), T("\"\\\n\"@b.c"), T("a\0@b.c"),
		T("a@b.c\0"), T("a@b.c\n"), T("\xc3\xa4@b.c"),
		T("a@b\xc3\xa4.c"), T(L63 "ab@b.c"), T("a@" N253),
		T("a@xn--a"), T("A <a@b.c>"), T("a@b, c@d") };

	ALL_HOLD("email", good);
	NONE_HOLDS("email", bad);
}
END_TEST

START_TEST(an_idn_email_may_go_beyond_ASCII)
{
	static const struct text good[] = { T("a@b.c"),
		T("\xc3\xa4@b\xc3\xbc.de"), T("\"\xe2\x82\xac \"@b.c"),
		T("\xf0\x9f\x98\x80@b.c"), T("a@xn--bcher-kva.de"),
		T("a@bu\xcc\x88.de"), T("\"\xc3\xa4\"@[1.2.3.4]") };
	static const struct text bad[] = { T("\xc3\xa4"), T("\xc3\xa4@"),
		T("@\xc3\xa4"), T("\xc3@b.c"), T("\xff@b.c"),
		T("\xed\xa0\x80@b.c"), T("\xc0\xaf@b.c"),
		T("\xf4\x90\x80\x80@b.c"), T("a@\xe2\x82\xac.de"),
		T("a@b\xe3\x80\x82" "c"), T("a@\xc3"),
		T("\"\\\xc3\xa4\"@b.c"), T("\"\xc3"), T("a@\xcc\x88" "b") };

	ALL_HOLD("idn-email", good);
	NONE_HOLDS("idn-email", bad);
}
END_TEST

START_TEST(a_hostname_is_of_ASCII_and_its_A_labels_decode)
{
	static const struct text good[] = { T("a"), T("A.b-C.9"), T("1.2"),
		T("a--b"), T("abc--d"), T(L63), T(N253), T("xn--9n2bp8q"),
		T("XN--9N2BP8Q.com"), T("xn--bcher-kva.example"),
		T("example.xn--bcher-kva"), T("xn--zca"),
		T("xn--4db.xn--4dbc") };
	static const struct text bad[] = { T(""), T("."), T("a."), T(".a"),
		T("a..b"), T("-a"), T("a-"), T("a.-b"), T("a-.b"), T("-"),
		T("a_b"), T("a b"), T("a\0"), T("a\n"), T("b\xc3\xbc"),
		T(L63 "a"), T(N254), T("ab--c"), T("a---b"), T("xn--"),
		T("xn--a"),
		T("xn---"), T("xn--a-"), T("xn--99999999"), T("xn--bcher-kv"),
		T("xn--bcher-KVA."), T("xn--bcher_kva"), T("zn--bcher-kva"),
		/* A capital, a symbol, not NFC, right to left with a digit. */
		T("xn--Bcher-jva8"), T("xn--gk9a"), T("xn--bu-ikc"),
		T("xn--4db.0a"), T("0a.xn--4db"), T("xn--9999999999999999") };

	ALL_HOLD("hostname", good);
	NONE_HOLDS("hostname", bad);
}
END_TEST

START_TEST(an_idn_hostname_keeps_the_rules_of_IDNA2008)
{
	static const struct text good[] = { T("a.b"), T("b\xc3\xbc" "cher.de"),
		T("stra\xc3\x9f" "e"), T("xn--bcher-kva.b\xc3\xbc" "cher"),
		T("a\xe3\x80\x82" "b\xef\xbc\x8e" "c\xef\xbd\xa1" "d"),
		/* Alef and bet; a digit may end what is right to left. */
		T("\xd7\x90\xd7\x91" "1"), T("a.\xd7\x90"), T("l\xc2\xb7l"),
		/* Devanagari ka, virama, joiner, ssa. */
		T("\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d\xe0\xa4\xb7"),
		T("\xe4\xb8\xad\xe5\x9b\xbd"), T(N253) };
	static const struct text bad[] = { T(""), T("\xe3\x80\x82"),
		T("a\xe3\x80\x82"), T("\xc3\xbc-"), T("-\xc3\xbc"),
		T("ab--\xc3\xbc"), T("ab--c"), T("B\xc3\xbc"),
		T("\xc3\x9c"), T("bu\xcc\x88"), T("\xcc\x88" "a"),
		T("\xe2\x82\xac"), T("\xf0\x9f\x98\x80"), T("a b"),
		T("\xc3\xbc_"),
		T("\x80\x80\x80\x80\x80\x80"), T("\xbf\xbf\xbf\xbf\xbf"),
		T("\xc3\xbc\0"), T("\xc3"), T("a\xff"),
		T("a\xed\xa0\x80"), T("\xcd\xb8"),
		/* Right to left: a letter of the other way, no letter last. */
		T("\xd7\x90" "a"), T("a\xd7\x90"), T("1.\xd7\x90"),
		T("\xd7\x90.1"), T("\xd7\x90-"), T("\xd9\xa1\xd7\x90"),
		T("\xd7\x90" "1\xd9\xa1"), T("\xd9\xa1\xdb\xb1\xd7\x90"),
		T("\xc2\xb7"), T("l\xc2\xb7"), T("a\xe2\x80\x8d" "b"),
		T("a\xe2\x80\x8c" "b"), T("\xd7\xb3"), T("\xe3\x83\xbb" "a"),
		T("\xcd\xb5" "a"), T(L63 "\xc3\xbc"),
		T(N253 "\xe3\x80\x82" "a"),
		T("xn--bcher-kv\xc3\xbc") };

	ALL_HOLD("idn-hostname", good);
	NONE_HOLDS("idn-hostname", bad);
}
END_TEST

START_TEST(addresses_are_written_as_their_RFCs_say)
{
	static const struct text four[] = { T("0.0.0.0"),
		T("255.255.255.255") };
	static const struct text no_four[] = { T(""), T("1.2.3"),
		T("1.2.3.4."), T("1.2.3.4.5"), T("1.2.3.256"), T("01.2.3.4"),
		T("00.0.0.0"), T("1.2.3.4\0"), T("1..3.4"), T("1.2.3.0004") };
	static const struct text six[] = { T("::"), T("::1"), T("1::"),
		T("1:2:3:4:5:6:7::"), T("::2:3:4:5:6:7:8"),
		T("1:2:3:4:5:6:1.2.3.4"), T("::1.2.3.4"),
		T("1:2:3:4:5::1.2.3.4"), T("FFFF::abcd") };
	static const struct text no_six[] = { T(""), T(":"), T(":::"),
		T("1:"), T(":1"), T("::1.2.3"), T("::1::"), T("12345::"),
		T("1:2:3:4:5:6:7"), T("1:2:3:4:5:6:7:8:9"),
		T("1:2:3:4:5:6:7:8::"), T("1:2:3:4:5:6:7:1.2.3.4"),
		T("1:2:3:4:5:6::1.2.3.4"), T("1.2.3.4"), T("::1.2.3.4:5"),
		T("::1%eth0"), T("::1/64"), T("[::1]"), T("::g"), T("::1\0"),
		T("1.2.3.4::") };

	ALL_HOLD("ipv4", four);
	NONE_HOLDS("ipv4", no_four);
	ALL_HOLD("ipv6", six);
	NONE_HOLDS("ipv6", no_six);
}
END_TEST

START_TEST(a_uri_has_a_scheme_and_the_generic_syntax)
{
	static const struct text good[] = { T("a:"), T("a://"), T("a:b"),
		T("a+.-9:b"), T("a:/"), T("a:?"), T("a:#"), T("a:?/?#/?"),
		T("http://[v1.a:b]/"), T("http://[::1]:"), T("http://a:"),
		T("http://u:p@h:80/p;x=1?q#f"), T("http://%41/"), T("a:b@c:d"),
		T("a:b//c"), T("http://u@[::1]"), T("a://@") };
	static const struct text bad[] = { T(""), T("a"), T(":"), T("/a"),
		T("1a:b"), T("a_b:c"), T("http://a:80:90/"), T("a:%0"),
		T("a:%"), T("a:%zz"), T("http://a/#b#c"), T("http://[::1"),
		T("http://::1]"), T("http://[::1]a"), T("http://[::1%25e]"),
		T("http://[v.a]"), T("http://[v1.]"), T("http://[v1.%41]"),
		T("http://[vg.a]"), T("http://a@b@c"), T("http://a b"),
		T("a:\0"), T("a:\xc3\xa4"), T("a:[b]"), T("a:?[b]"),
		T("a:#[b]"), T("http://a:b@c:d"), T("a:<b>"), T("a:\""),
		T("a:\x7f"), T("http://a\\b") };

	ALL_HOLD("uri", good);
	NONE_HOLDS("uri", bad);
}
END_TEST

START_TEST(a_uri_reference_may_be_relative)
{
	static const struct text good[] = { T(""), T("a"), T("/"), T("//"),
		T("//a:1/b"), T("?"), T("#"), T("a/b:c"), T("./a:b"),
		T("a@b"), T("/a:b"), T("../.."), T("a:b"), T("%41/b:c"),
		T("a?b:c"), T("a#b:c"), T("@@") };
	static const struct text bad[] = { T("1:a"), T("%41:a"), T("@:a"),
		T("a@b:c"), T(":a"), T("//a:b"), T("//a:1:2"), T("\\a"),
		T("a b"), T("//["), T("#a#"), T("/\xc3\xa4") };

	ALL_HOLD("uri-reference", good);
	NONE_HOLDS("uri-reference", bad);
}
END_TEST

START_TEST(an_iri_goes_beyond_ASCII_where_RFC_3987_says)
{
	static const struct text good[] = { T("a:\xc3\xa4"),
		T("http://\xc3\xa4@\xc3\xa4:1/\xc3\xa4?\xc3\xa4#\xc3\xa4"),
		T("a:?\xee\x80\x80"), T("a:?\xf3\xb0\x80\x80"),
		T("a:\xf0\x90\x80\x80"), T("a:\xc2\xa0") };
	static const struct text bad[] = { T("\xc3\xa4:a"), T("\xc3\xa4"),
		T("a:\xee\x80\x80"), T("a:#\xee\x80\x80"),
		T("a:\xf3\xb0\x80\x80"), T("a:\xc2\x85"),
		T("a:\xef\xb7\x90"), T("a:\xef\xbf\xbd"),
		T("a:\xf0\x9f\xbf\xbe"), T("a:\xf3\xa0\x80\x81"),
		T("a:\xe2\x80\x8e"), T("a:\xe2\x80\xae"), T("a:\xc3"),
		T("a:\xed\xa0\x80"), T("a:\x80\x80\x80\x80\x80"),
		T("a:\xc1\xbf"), T("a:\xe0\x9f\xbf"), T("a:\xf0\x8f\xbf\xbf"),
		T("a:\xf4\x90\x80\x80"), T("a:\xf5\x80\x80\x80"),
		T("http://[::\xc3\xa4]") };
	static const struct text relative[] = { T("\xc3\xa4"), T("/\xc3\xa4"),
		T("//\xc3\xa4"), T("\xc3\xa4/b:c"), T("") };
	static const struct text neither[] = { T("\xc3\xa4:a"), T("\xc3"),
		T("//\xc3\xa4:\xc3\xa4") };

	ALL_HOLD("iri", good);
	NONE_HOLDS("iri", bad);
	ALL_HOLD("iri-reference", relative);
	NONE_HOLDS("iri-reference", neither);
}
END_TEST

START_TEST(a_uri_template_closes_its_expressions)
{
	static const struct text good[] = { T(""), T("{a}"), T("{a}{b}"),
		T("{?a,b*,c:3}"), T("{a.b_c%41}"), T("{=a}"), T("{|a}"),
		T("%41\xc3\xa4\xee\x80\x80"), T("{a:9999}"), T("/x{/a}#[]") };
	static const struct text bad[] = { T("{"), T("}"), T("{}"), T("{?}"),
		T("{a"), T("{a}}"), T("{{a}}"), T("{a,}"), T("{,}"),
		T("{a:}"), T("{a:0}"), T("{a:10000}"), T("{a*:1}"),
		T("{a:1*}"), T("{.a.}"), T("{a-b}"), T("{a b}"), T("{\0}"),
		T("{%4}"), T("%4"), T("<"), T("^"), T("`"), T("|"), T("\\"),
		T("\""), T(" "), T("\xc2\x80"), T("\xc3"), T("{\xc3\xa4}") };

	ALL_HOLD("uri-template", good);
	NONE_HOLDS("uri-template", bad);
}
END_TEST

START_TEST(a_uuid_is_hexadecimal_with_four_hyphens)
{
	static const char uuid[] = "2eb8aa08-AA98-11ea-b4aa-73b441d16380";
	char text[37];

	ck_assert(holds("uuid", uuid, 36));
	ck_assert(!holds("uuid", uuid, 35));
	ck_assert(!holds("uuid", "", 0));
	for (size_t i = 0; i < 36; i++) {
		memcpy(text, uuid, sizeof(text));
		text[i] = uuid[i] == '-' ? '0' : '-';
		ck_assert_msg(!holds("uuid", text, 36), "%s", text);
		text[i] = 'g';
		ck_assert_msg(!holds("uuid", text, 36), "%s", text);
		text[i] = '\xb9';
		ck_assert_msg(!holds("uuid", text, 36), "%s", text);
	}
}
END_TEST

START_TEST(pointers_escape_the_tilde)
{
	static const struct text good[] = { T(""), T("/"), T("//"), T("/~0~1"),
		T("/a/\0b"), T("/\xc3\xa4"), T("/ ") };
	static const struct text bad[] = { T("a"), T("#"), T("#/a"), T("~0"),
		T("/~"), T("/~2"), T("/a~"), T("/~0~") };
	static const struct text relative[] = { T("0"), T("10"), T("0#"),
		T("1/a"), T("0/"), T("0+1"), T("12-3/a~1"), T("0-1#") };
	static const struct text neither[] = { T(""), T("#"), T("/a"),
		T("00"), T("01/a"), T("-1"), T("+1"), T("0a"), T("0##"),
		T("0#/a"), T("0/~"), T("0+"), T("0+01"), T("0+1+1"),
		T("0\0") };

	ALL_HOLD("json-pointer", good);
	NONE_HOLDS("json-pointer", bad);
	ALL_HOLD("relative-json-pointer", relative);
	NONE_HOLDS("relative-json-pointer", neither);
}
END_TEST

/* ---- what formats of names stand on ---- */

/* Punycode of RFC 3492, section 7.1, and its code points. */
static const struct {
	const char *ascii;
	uint32_t points[24];
} samples[] = {
	{ "egbpdaj6bu4bxfgehfvwxn", { 0x644, 0x64a, 0x647, 0x645, 0x627, 0x628,
		0x62a, 0x643, 0x644, 0x645, 0x648, 0x634, 0x639, 0x631, 0x628,
		0x64a, 0x61f } },
	{ "ihqwcrb4cv8a8dqg056pqjye", { 0x4ed6, 0x4eec, 0x4e3a, 0x4ec0, 0x4e48,
		0x4e0d, 0x8bf4, 0x4e2d, 0x6587 } },
	{ "d9juau41awczczp", { 0x305d, 0x306e, 0x30b9, 0x30d4, 0x30fc, 0x30c9,
		0x3067 } },
	{ "bcher-kva", { 'b', 0xfc, 'c', 'h', 'e', 'r' } },
};

START_TEST(Punycode_is_read_and_written_as_in_RFC_3492)
{
	const size_t length = strlen(samples[_i].ascii);
	struct idna_label label;
	char again[IDNA_LABEL_MAX];
	size_t size = 0;

	ck_assert(punycode_decode(samples[_i].ascii, length, &label));
	for (size_t i = 0; i < label.count; i++)
		ck_assert_uint_eq(label.at[i], samples[_i].points[i]);
	ck_assert_uint_eq(samples[_i].points[label.count], 0);
	ck_assert(punycode_encode(&label, again, &size));
	ck_assert_uint_eq(size, length);
	ck_assert_mem_eq(again, samples[_i].ascii, length);
}
END_TEST

START_TEST(Punycode_that_overflows_or_ends_early_is_refused)
{
	static const char *const broken[] = { "9", "99", "9999999999",
		"a-99999999", "zzzzzzzzzzzzzzzzzzzz", "-", "a-b_", "A",
		"zz9999999999999999999999999999999999999999" };
	struct idna_label label;

	for (size_t i = 0; i < countof(broken); i++)
		ck_assert_msg(!punycode_decode(broken[i], strlen(broken[i]),
		    &label), "%s", broken[i]);
}
END_TEST

START_TEST(Punycode_too_long_for_a_label_is_not_written)
{
	struct idna_label label = { .count = IDNA_LABEL_MAX };
	char out[IDNA_LABEL_MAX];
	size_t size;

	for (size_t i = 0; i < label.count; i++)
		label.at[i] = i % 2 == 0 ? 0x10ffff : 0x80;
	ck_assert(!punycode_encode(&label, out, &size));
	for (size_t i = 0; i < label.count; i++)
		label.at[i] = i == 0 ? 0xfc : 'a';
	ck_assert(!punycode_encode(&label, out, &size));
}
END_TEST

START_TEST(the_tables_know_what_RFC_5892_derives)
{
	static const struct {
		uint32_t c;
		unsigned status;
	} known[] = { { 0, 0 }, { '-', IDNA_PVALID }, { '0', IDNA_PVALID },
		{ 'A', 0 }, { 'a', IDNA_PVALID }, { 'z', IDNA_PVALID },
		{ '{', 0 }, { 0xb7, IDNA_CONTEXTO }, { 0xdf, IDNA_PVALID },
		{ 0xd7, 0 }, { 0x378, 0 }, { 0x3c2, IDNA_PVALID },
		{ 0x640, 0 }, { 0x660, IDNA_CONTEXTO },
		{ 0x6f9, IDNA_CONTEXTO }, { 0x1100, 0 },
		{ 0x200c, IDNA_CONTEXTJ }, { 0x200d, IDNA_CONTEXTJ },
		{ 0x20ac, 0 }, { 0x3007, IDNA_PVALID }, { 0x4e00, IDNA_PVALID },
		{ 0xac00, IDNA_PVALID }, { 0xd800, 0 }, { 0xf900, 0 },
		{ 0xffff, 0 }, { 0x1f600, 0 }, { 0x31350, IDNA_PVALID },
		{ 0x323af, IDNA_PVALID }, { 0x323b0, 0 }, { 0x10ffff, 0 },
		{ 0xffffffff, 0 } };

	for (size_t i = 0; i < countof(known); i++)
		ck_assert_msg((idna_traits(known[i].c) & IDNA_STATUS) ==
		    known[i].status, "U+%04X", known[i].c);
	ck_assert_uint_eq(idna_combining(0x301), 230);
	ck_assert_uint_eq(idna_combining(0x94d), 9);
	ck_assert_uint_eq(idna_combining('a'), 0);
}
END_TEST

static const struct {
	uint32_t points[6];
	bool nfc;
} normal[] = {
	{ { 'a' }, true }, { { 0xe4 }, true }, { { 'a', 0x308 }, false },
	{ { 'q', 0x308 }, true }, { { 'a', 0x323, 0x302 }, false },
	{ { 0x1ead }, true }, { { 0xe1, 0x323 }, false },
	{ { 0x1ea1, 0x301 }, true }, { { 'q', 0x301, 0x323 }, false },
	{ { 'q', 0x323, 0x301 }, true }, { { 0x301 }, true },
	{ { 0x9c7, 0x9be }, false }, { { 0x9c7, 'a', 0x9be }, true },
	{ { 0xac00, 0xac01 }, true }, { { 0x110a5 }, true },
	{ { 0x11131, 0x11127 }, false }, { { 'a', 0x5b0, 0x308 }, false },
	{ { 'a', 0x308, 0x301 }, false }, { { 0xe4, 0x301 }, true },
	{ { 0x1d6, 0x323 }, false }, { { 0x3b9, 0x308, 0x301 }, false },
};

START_TEST(a_label_is_known_to_be_in_NFC_or_not)
{
	struct idna_label label = { 0 };

	while (normal[_i].points[label.count] != 0) {
		label.at[label.count] = normal[_i].points[label.count];
		label.count++;
	}
	ck_assert(idna_is_nfc(&label) == normal[_i].nfc);
}
END_TEST

/* ---- hostile texts ---- */

/* What cost the square of a MiB would run into the time limit. */
START_TEST(a_long_text_is_judged_in_one_pass)
{
	static const char *const units[] = { "a", "1", ".", "-", "a.", "%41",
		"a:", ":", "/", "~0", "@", "\"", "\\\"", "{a}", "{", "a,",
		"\xe4\xb8\xad", "\xcc\x81", "\xcc\xa3\xcc\x81", "xn--",
		"xn--a.", "P1D", "[", "a?", "a@", "{a,", "\xe2\x80\x8c",
		"\xd8\xa8\xd9\x8b\xe2\x80\x8c", "\xff", "" };
	const size_t length = 1 << 20;
	const char *unit = units[_i];
	const size_t size = strlen(unit) > 0 ? strlen(unit) : 1;
	static const char *const heads[] = { "", "a:", "a://", "a@", "{", "\"",
		"/", "0", "P", "2023-01-01T00:00:00." };
	char *text = malloc(length);

	for (size_t h = 0; h < countof(heads); h++) {
		size_t head = strlen(heads[h]);

		memcpy(text, heads[h], head);
		for (size_t i = head; i < length; i += size)
			memcpy(text + i, unit, size < length - i ? size :
								   length - i);
		/* A pattern has limits of its own. */
		for (const struct format *f = formats_all(); f->name != NULL;
		     f++)
			if (strcmp(f->name, "regex") != 0)
				(void)f->holds(text, length);
	}
	free(text);
}
END_TEST

/* What holds for the first format of a row holds for the second as well. */
static const char *const wider[][2] = {
	{ "uri", "iri" }, { "uri", "uri-reference" },
	{ "uri-reference", "iri-reference" }, { "iri", "iri-reference" },
	{ "email", "idn-email" }, { "hostname", "idn-hostname" },
	{ "ipv4", "hostname" },
};

static void
judge_by_all(const char *text, size_t length)
{
	for (const struct format *f = formats_all(); f->name != NULL; f++)
		(void)holds(f->name, text, length);
	for (size_t i = 0; i < countof(wider); i++)
		ck_assert_msg(!holds(wider[i][0], text, length) ||
		    holds(wider[i][1], text, length), "%s \"%.*s\" is no %s",
		    wider[i][0], (int)length, text, wider[i][1]);
}

/* Every beginning of what holds, and every byte in each place of it. */
static const char *const seeds[] = { "2023-01-01T00:00:00.5+01:00",
	"P1Y2M3DT4H5M6S", "\"a\\\"b\"@[IPv6:1::2]", "a.b@c.d",
	"u:p@h:1/p?q#f", "http://[::1.2.3.4]:80/%41?q#f", "{+a.b:12,c*}x",
	"xn--bcher-kva.xn--9n2bp8q", "m\xc3\xbcnchen.\xd7\x90\xd7\x91",
	"0+1/a~0", "2eb8aa08-aa98-11ea-b4aa-73b441d16380", "1::2:3.4.5.6",
	"\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d\xe0\xa4\xb7" };

START_TEST(a_wider_format_takes_what_a_narrower_takes)
{
	const size_t length = strlen(seeds[_i]);
	char text[64];

	for (size_t n = 0; n < length; n++) {
		judge_by_all(seeds[_i], n);
		for (int c = 0; c < 256; c++) {
			memcpy(text, seeds[_i], length);
			text[n] = (char)c;
			judge_by_all(text, length);
		}
	}
	judge_by_all(seeds[_i], length);
}
END_TEST

START_TEST(every_format_of_the_standard_is_known)
{
	static const char *const names[] = { "date-time", "date", "time",
		"duration", "email", "idn-email", "hostname", "idn-hostname",
		"ipv4", "ipv6", "uri", "uri-reference", "iri",
		"iri-reference", "uri-template", "uuid", "json-pointer",
		"relative-json-pointer", "regex" };
	size_t count = 0;

	for (size_t i = 0; i < countof(names); i++)
		ck_assert_msg(format_find(names[i]) != NULL, "%s", names[i]);
	for (const struct format *f = formats_all(); f->name != NULL; f++)
		count++;
	ck_assert_uint_eq(count, countof(names));
	ck_assert_ptr_null(format_find("unknown"));
	ck_assert_ptr_null(format_find(""));
}
END_TEST

static Suite *
format_suite(void)
{
	Suite *suite = suite_create("format");
	TCase *c = tcase_create("formats");

	tcase_add_test(c, every_format_of_the_standard_is_known);
	tcase_add_test(c, a_date_is_a_day_of_the_calendar);
	tcase_add_test(c, a_time_has_an_offset_and_leaps_at_midnight_of_UTC);
	tcase_add_test(c, a_date_time_is_both_with_a_T);
	tcase_add_test(c, a_duration_leaves_out_no_unit_in_between);
	tcase_add_test(c, an_email_is_a_mailbox_of_RFC_5321);
	tcase_add_test(c, an_idn_email_may_go_beyond_ASCII);
	tcase_add_test(c, a_hostname_is_of_ASCII_and_its_A_labels_decode);
	tcase_add_test(c, an_idn_hostname_keeps_the_rules_of_IDNA2008);
	tcase_add_test(c, addresses_are_written_as_their_RFCs_say);
	tcase_add_test(c, a_uri_has_a_scheme_and_the_generic_syntax);
	tcase_add_test(c, a_uri_reference_may_be_relative);
	tcase_add_test(c, an_iri_goes_beyond_ASCII_where_RFC_3987_says);
	tcase_add_test(c, a_uri_template_closes_its_expressions);
	tcase_add_test(c, a_uuid_is_hexadecimal_with_four_hyphens);
	tcase_add_test(c, pointers_escape_the_tilde);
	suite_add_tcase(suite, c);
	c = tcase_create("names");
	tcase_add_loop_test(c, Punycode_is_read_and_written_as_in_RFC_3492, 0,
	    countof(samples));
	tcase_add_test(c, Punycode_that_overflows_or_ends_early_is_refused);
	tcase_add_test(c, Punycode_too_long_for_a_label_is_not_written);
	tcase_add_test(c, the_tables_know_what_RFC_5892_derives);
	tcase_add_loop_test(c, a_label_is_known_to_be_in_NFC_or_not, 0,
	    countof(normal));
	suite_add_tcase(suite, c);
	c = tcase_create("hostile");
	tcase_set_timeout(c, 20);
	tcase_add_loop_test(c, a_long_text_is_judged_in_one_pass, 0, 30);
	tcase_add_loop_test(c, a_wider_format_takes_what_a_narrower_takes, 0,
	    countof(seeds));
	suite_add_tcase(suite, c);
	return suite;
}

int
main(void)
{
	return run_suite(format_suite());
}
