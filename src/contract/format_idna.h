/* SPDX-License-Identifier: MIT */
#ifndef CONTRACT_FORMAT_IDNA_H
#define CONTRACT_FORMAT_IDNA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Internationalized host names (IDNA2008).  Private to format*.c. */

/* RFC 1035, section 2.3.4, in bytes of ASCII; a name without a last dot. */
enum { IDNA_LABEL_MAX = 63, IDNA_NAME_MAX = 253 };

enum idna_mode {
	IDNA_ASCII,	/* A-labels, but no U-labels */
	IDNA_STRICT,	/* both, and the dots of RFC 3490, section 3.1 */
	IDNA_MAIL,	/* both; a U-label need not be in NFC (RFC 6531) */
};

/* Is the text a host name? */
bool idna_holds(const char *at, size_t length, enum idna_mode mode);

/* A label in Unicode. */
struct idna_label {
	size_t count;
	uint32_t at[IDNA_LABEL_MAX];
};

/*
 * What is known of a code point, in bits: its status, its class of the bidi
 * rule, how it joins, its script, and whether it is a mark.  0 when no label
 * may hold it.
 */
unsigned idna_traits(uint32_t c);
enum {
	IDNA_STATUS = 3, IDNA_PVALID = 1, IDNA_CONTEXTJ = 2, IDNA_CONTEXTO = 3,
	IDNA_BIDI_SHIFT = 2, IDNA_BIDI_MASK = 7,
	IDNA_JOINING = 7 << 5, IDNA_JOINS_LEFT = 1 << 5,
	IDNA_JOINS_RIGHT = 2 << 5, IDNA_JOINS_BOTH = 3 << 5,
	IDNA_JOINS_THROUGH = 4 << 5,
	IDNA_SCRIPT = 3 << 8, IDNA_GREEK = 1 << 8, IDNA_HEBREW = 2 << 8,
	IDNA_KANA_OR_HAN = 3 << 8,
	IDNA_MARK = 1 << 10,
};
enum idna_bidi { BIDI_L, BIDI_R, BIDI_AN, BIDI_EN, BIDI_NSM, BIDI_OTHER };

/* Canonical_Combining_Class; 9 is a virama. */
unsigned idna_combining(uint32_t c);

/* Is the label, of code points with traits, in Normalization Form C? */
bool idna_is_nfc(const struct idna_label *label);

/*
 * RFC 3492, without the prefix.  Decoding takes lower case; false = it is no
 * Punycode, or too long.  Encoding writes IDNA_LABEL_MAX bytes at most; false
 * = it would be more.
 */
bool punycode_decode(const char *at, size_t length, struct idna_label *ret);
bool punycode_encode(const struct idna_label *label, char *ret,
    size_t *ret_length);

#endif
