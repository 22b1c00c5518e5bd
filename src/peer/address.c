/* SPDX-License-Identifier: MIT */
/*
 * Which addresses a URL of somebody else may lead to.  The list is of what is
 * not the internet, by IANA's registries of special-purpose addresses; of IPv6
 * all but 2000::/3 is refused, whatever it is assigned to later.  Addresses
 * that stand for an IPv4 address (mapped, compatible, 6to4, Teredo, NAT64) are
 * refused whole: the address that is meant has a form of its own.
 */
#include "peer/internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/room.h"

enum { RANGES_MAX = 64, RANGE_TEXT_MAX = 64 };

struct range {
	sa_family_t family;
	unsigned bits;
	unsigned char at[16];
};

struct peer_ranges {
	size_t count;
	struct range range[RANGES_MAX];
};

/* RFC 6890 and the registry of IPv4. */
static const struct range inside_four[] = {
	{ AF_INET, 8, { 0 } },			/* this network */
	{ AF_INET, 8, { 10 } },			/* private */
	{ AF_INET, 10, { 100, 64 } },		/* behind a carrier's NAT */
	{ AF_INET, 8, { 127 } },		/* loopback */
	{ AF_INET, 32, { 168, 63, 129, 16 } },	/* Azure's own, of each host */
	{ AF_INET, 16, { 169, 254 } },		/* link-local, metadata */
	{ AF_INET, 12, { 172, 16 } },		/* private */
	{ AF_INET, 24, { 192, 0, 0 } },		/* protocol assignments */
	{ AF_INET, 24, { 192, 0, 2 } },		/* documentation */
	{ AF_INET, 24, { 192, 88, 99 } },	/* relays of 6to4 */
	{ AF_INET, 16, { 192, 168 } },		/* private */
	{ AF_INET, 15, { 198, 18 } },		/* benchmarks */
	{ AF_INET, 24, { 198, 51, 100 } },	/* documentation */
	{ AF_INET, 24, { 203, 0, 113 } },	/* documentation */
	{ AF_INET, 4, { 224 } },		/* multicast */
	{ AF_INET, 4, { 240 } },		/* reserved, broadcast */
};

static const struct range unicast = { AF_INET6, 3, { 0x20 } };

/* What is special within 2000::/3. */
static const struct range inside_six[] = {
	/* Protocol assignments: Teredo, benchmarks, ORCHID ... */
	{ AF_INET6, 23, { 0x20, 0x01 } },
	{ AF_INET6, 32, { 0x20, 0x01, 0x0d, 0xb8 } },	/* documentation */
	{ AF_INET6, 16, { 0x20, 0x02 } },		/* 6to4 */
	{ AF_INET6, 16, { 0x3f, 0xfe } },		/* given back: 6bone */
	{ AF_INET6, 20, { 0x3f, 0xff } },		/* documentation */
};

/* The "bad ports" of browsers (WHATWG Fetch), and 0. */
static const uint16_t foreign_ports[] = { 0, 1, 7, 9, 11, 13, 15, 17, 19, 20,
	21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104,
	109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179,
	389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554,
	556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049,
	3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669,
	6679, 6697, 10080 };

bool
peer_is_foreign_port(unsigned port)
{
	for (size_t i = 0; i < countof(foreign_ports); i++)
		if (foreign_ports[i] == port)
			return true;
	return false;
}

/* The bytes of the address, or NULL of another family. */
static const unsigned char *
bytes_of(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return (const unsigned char *)
		    &((const struct sockaddr_in *)address)->sin_addr;
	if (address->sa_family == AF_INET6)
		return (const unsigned char *)
		    &((const struct sockaddr_in6 *)address)->sin6_addr;
	return NULL;
}

static bool
is_in(const struct range *range, const struct sockaddr *address)
{
	const unsigned char *at = bytes_of(address);
	unsigned whole = range->bits / 8, rest = range->bits % 8;

	if (at == NULL || address->sa_family != range->family ||
	    memcmp(at, range->at, whole) != 0)
		return false;
	return rest == 0 ||
	    (at[whole] ^ range->at[whole]) >> (8 - rest) == 0;
}

static bool
is_in_any(const struct range *ranges, size_t count,
    const struct sockaddr *address)
{
	for (size_t i = 0; i < count; i++)
		if (is_in(&ranges[i], address))
			return true;
	return false;
}

bool
peer_is_public(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return !is_in_any(inside_four, countof(inside_four), address);
	return is_in(&unicast, address) &&
	    !is_in_any(inside_six, countof(inside_six), address);
}

bool
peer_ranges_hold(const struct peer_ranges *ranges,
    const struct sockaddr *address)
{
	return ranges != NULL &&
	    is_in_any(ranges->range, ranges->count, address);
}

/* A range's text, which is changed. */
static bool
range_of(char *text, struct range *ret)
{
	char *slash = strchr(text, '/'), *end = NULL;
	unsigned most;
	long bits;

	memset(ret, 0, sizeof(*ret));
	if (slash != NULL)
		*slash = '\0';
	ret->family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(ret->family, text, ret->at) != 1)
		return false;
	most = ret->family == AF_INET6 ? 128 : 32;
	bits = slash == NULL ? (long)most : strtol(slash + 1, &end, 10);
	if (slash != NULL && (end == slash + 1 || *end != '\0'))
		return false;
	ret->bits = (unsigned)bits;
	return bits >= 0 && bits <= (long)most;
}

struct peer_ranges *
peer_ranges_read(const char *text, struct buf *fault)
{
	struct peer_ranges *ranges = room(1, sizeof(*ranges));
	char word[RANGE_TEXT_MAX];
	size_t length;

	for (;; text += length) {
		text += strspn(text, " ,\t");
		length = strcspn(text, " ,\t");
		if (length == 0)
			return ranges;
		snprintf(word, sizeof(word), "%.*s", (int)length, text);
		if (length < sizeof(word) && ranges->count < RANGES_MAX &&
		    range_of(word, &ranges->range[ranges->count])) {
			ranges->count++;
			continue;
		}
		buf_format(fault, "%.*s is no range of addresses such as "
		    "10.1.0.0/16 or fd00:1::/64", (int)length, text);
		peer_ranges_free(ranges);
		return NULL;
	}
}

void
peer_ranges_free(struct peer_ranges *ranges)
{
	free(ranges);
}
