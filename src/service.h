/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_H
#define SERVICE_H

#include "auth/auth.h"
#include "base/attribute.h"
#include "base/buf.h"
#include "config.h"
#include "contract/contract.h"
#include "store/store.h"

/*
 * Settings -> what the parts want of them, and the server that is made of it.
 */

/* The contract; NULL with a line in `faults` for each. */
struct contract *service_contract(const struct config *config,
    struct buf *faults) MUST_CHECK;

/* How tokens are judged; the strings are those of settings and contract. */
void service_auth(const struct config *config, const struct contract *contract,
    struct auth_options *ret);

/* How the database is spoken to. */
struct store_options service_store(const struct config *config);

/* The ranges of deliver_allow; false with a line in `faults`. */
struct peer_ranges;
bool service_ranges(const struct config *config, struct peer_ranges **ret,
    struct buf *faults) MUST_CHECK;

/* Are the settings that were opened once still these?  A line for each else. */
bool service_stays(const struct config *now, const struct config *then,
    struct buf *faults) MUST_CHECK;

/* Opens the log and the figures; false when told why not. */
bool service_open(const struct config *config) MUST_CHECK;

/*
 * Serves until it is told to stop.  The words of the command are those that
 * the settings were read from, and are read from again at a reload.  The exit
 * code; what keeps it from beginning is written to standard error.
 */
int service_run(const struct config *config, char *const *words, int count)
    MUST_CHECK;

/*
 * The same for jobs: those of the queues, or of all when there are none; until
 * there is nothing left to do, with `drain`.
 */
int service_work(const struct config *config, char *const *words, int count,
    const char *const *queues, size_t queue_count, bool drain) MUST_CHECK;

#endif
