/* SPDX-License-Identifier: MIT */
#ifndef PEER_INTERNAL_H
#define PEER_INTERNAL_H

#include "peer/peer.h"

/* Is the address in one of the ranges?  No ranges hold none. */
bool peer_ranges_hold(const struct peer_ranges *ranges,
    const struct sockaddr *address) MUST_CHECK;

/* Is something else than HTTP known to listen on the port? */
bool peer_is_foreign_port(unsigned port) MUST_CHECK;

#endif
