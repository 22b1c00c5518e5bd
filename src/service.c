/* SPDX-License-Identifier: MIT */
/*
 * The server as its settings want it.  All that it hangs on is one service,
 * made when it begins and anew at each reload, so a reload reads everything
 * again by the same way, and takes it or leaves it whole.
 *
 * What is opened before the first worker and shared with it (log, figures,
 * socket, counts of rates) is not opened again: settings that name it must stay.
 */
#include "service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metric.h"
#include "peer/peer.h"
#include "serve/serve.h"
#include "service_check.h"

enum { EXIT_TROUBLE = 2 };

/* The first settings and the words that they were read from. */
struct beginning {
	const struct config *config;
	char *const *words;
	int count;
};

struct contract *
service_contract(const struct config *config, struct buf *faults)
{
	struct contract *contract = contract_load(config->contract, faults);

	if (contract == NULL)
		buf_format(faults, "lockstep: the contract in %s has faults; "
		    "see lockstep-contract(5)\n", config->contract);
	return contract;
}

void
service_auth(const struct config *c, const struct contract *contract,
    struct auth_options *ret)
{
	const struct contract_about *about = contract_about(contract);

	*ret = (struct auth_options){
		.secret_file = c->jwt_secret_file,
		.jwks_file = c->jwks_file,
		.jwks_url = c->jwks_url,
		.jwks_refresh_s = c->jwks_refresh_s,
		.jwks_timeout_ms = c->jwks_timeout_ms,
		.jwks_ca_file = c->jwks_ca_file,
		.jwks_plain = c->jwks_http,
		.issuers_file = c->issuers,
		.issuer = c->jwt_issuer,
		.audience = c->jwt_audience,
		.role_claim = c->jwt_role_claim,
		.leeway_s = c->jwt_leeway_s,
		.life_max_s = c->jwt_life_max_s,
		.roles = about->roles,
		.role_count = about->role_count,
		.anonymous = about->anonymous,
		.server_roles = about->server_roles,
		.server_role_count = about->server_role_count,
		.server_roles_from_browsers = c->server_roles_from_browsers,
	};
}

struct store_options
service_store(const struct config *c)
{
	return (struct store_options){
		.database = c->database,
		.database_read = c->database_read,
		.connect_timeout_ms = c->connect_timeout_ms,
		.statement_timeout_ms = c->statement_timeout_ms,
		.lock_timeout_ms = c->lock_timeout_ms,
		.idle_timeout_ms = c->idle_timeout_ms,
		.reconnect_max_ms = c->reconnect_max_ms,
		.statements_max = c->statements,
		.unprepared = !c->prepare,
		.keep_hours = c->idempotency_hours,
		.event_days = c->webhook_days,
		.rejected_days = c->rejected_days,
		.message_days = c->message_days,
		.deliver_allow = c->deliver_allow,
		.reply_limit_bytes = c->reply_limit_bytes,
		.trace_file = c->trace_file,
	};
}

bool
service_ranges(const struct config *c, struct peer_ranges **ret,
    struct buf *faults)
{
	struct buf fault;

	buf_init(&fault, 1024);
	*ret = peer_ranges_read(c->deliver_allow != NULL ? c->deliver_allow :
	    "", &fault);
	if (*ret == NULL)
		buf_format(faults, "lockstep: deliver_allow: %s\n", fault.at);
	buf_release(&fault);
	return *ret != NULL;
}

static struct front_options
front_settings(const struct config *c)
{
	return (struct front_options){
		.threads = c->threads,
		.queue = c->queue,
		.queue_timeout_ms = c->queue_timeout_ms,
		.queue_target_ms = c->queue_target_ms,
		.connections_max = c->connections,
		.body_limit_bytes = c->body_limit_bytes,
		.large_max = c->bulk_at_once,
		.reply_limit_bytes = c->reply_limit_bytes,
		.io_timeout_ms = c->io_timeout_ms,
		.request_timeout_ms = c->request_timeout_ms,
		.drain_ms = c->drain_ms,
	};
}

static struct pressure_marks
pressure_settings(const struct config *c)
{
	return (struct pressure_marks){
		.age_s = c->pressure_age_s,
		.age_low_s = c->pressure_age_low_s,
		.depth = c->pressure_depth,
		.depth_low = c->pressure_depth_low,
		.look_ms = c->pressure_look_ms,
	};
}

/* The digits of socket_mode are octal ones: 660 is 0660. */
static bool
octal(unsigned digits, unsigned *ret)
{
	char text[16], *end;

	snprintf(text, sizeof(text), "%u", digits);
	*ret = (unsigned)strtoul(text, &end, 8);
	return *end == '\0';
}

/* What serve_run() is given, and what it hangs on. */
struct service {
	struct serve_options options;	/* first, so that it is found again */
	struct arena *arena;
	struct config config;
	struct auth_options keys;
	struct contract *contract;
	struct auth *auth;
	struct keyring *keyring;
};

static void
service_drop(void *context, struct serve_options *options)
{
	struct service *s = (struct service *)options;

	(void)context;
	keyring_free(s->keyring);
	auth_free(s->auth);
	contract_free(s->contract);
	arena_free(s->arena);
	free(s);
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* What was opened when the server began is not opened again. */
bool
service_stays(const struct config *now, const struct config *then, struct buf *faults)
{
	const struct {
		const char *name;
		bool same;
	} rows[] = {
		{ "listen", same_text(now->listen, then->listen) },
		{ "socket_mode", now->socket_mode == then->socket_mode },
		{ "log_file", same_text(now->log_file, then->log_file) },
		{ "log_level", same_text(now->log_level, then->log_level) },
		{ "metric_file",
		    same_text(now->metric_file, then->metric_file) },
		{ "limit_file", same_text(now->limit_file, then->limit_file) },
		{ "limit_entries", now->limit_entries == then->limit_entries },
	};
	bool all = true;

	for (size_t i = 0; i < countof(rows); i++) {
		if (!rows[i].same)
			buf_format(faults, "lockstep: %s has changed, which a "
			    "reload cannot follow; stop and start\n",
			    rows[i].name);
		all = all && rows[i].same;
	}
	return all;
}

/* Reads the settings as the command did, from the same words. */
static bool
service_settings(struct service *s, const struct beginning *from,
    struct buf *faults)
{
	size_t size = ((size_t)from->count + 1) * sizeof(char *);
	int argc = from->count;
	char **argv = arena_alloc(s->arena, size);
	bool help = false;
	struct buf fault;
	bool well;

	memcpy(argv, from->words, (size_t)argc * sizeof(char *));
	buf_init(&fault, 4096);
	well = config_read(&s->config, s->arena, &argc, argv, NULL, 0, &help,
	    &fault);
	if (!well)
		buf_format(faults, "lockstep: %s\n", fault.length > 0 ?
		    fault.at : "bad settings");
	buf_release(&fault);
	return well && service_stays(&s->config, from->config, faults);
}

static bool
service_keys(struct service *s, struct buf *faults)
{
	struct buf fault;

	service_auth(&s->config, s->contract, &s->keys);
	buf_init(&fault, 4096);
	s->auth = auth_new(&s->keys, &fault);
	if (s->auth == NULL)
		buf_format(faults, "lockstep: %s\n", fault.length > 0 ?
		    fault.at : "the keys are unfit");
	buf_release(&fault);
	return s->auth != NULL;
}

/* Where nothing can be verified, whoever watches should know. */
static bool
service_hooks(struct service *s, struct buf *faults)
{
	size_t count;
	const struct webhook *all = contract_webhooks(s->contract, &count);

	s->keyring = keyring_open(s->contract, s->config.webhook_secrets,
	    faults);
	for (size_t i = 0; s->keyring != NULL && i < count; i++)
		if (keyring_find(s->keyring, &all[i]) == NULL)
			log_event(LOG_WARN, "webhook_without_secret",
			    LOG_TEXT("source", all[i].name));
	return s->keyring != NULL;
}

static bool
service_read(struct service *s, const struct beginning *from,
    struct buf *faults)
{
	struct serve_options *o = &s->options;
	struct peer_ranges *ranges;

	if (!service_settings(s, from, faults))
		return false;
	if (!service_ranges(&s->config, &ranges, faults))
		return false;
	peer_ranges_free(ranges);
	if (!octal(s->config.socket_mode, &o->socket_mode)) {
		buf_string(faults, "lockstep: socket_mode must be octal "
		    "digits, like 660\n");
		return false;
	}
	if (!service_check_of(s->config.check, &o->check)) {
		buf_string(faults, "lockstep: check must be refuse, warn or "
		    "off\n");
		return false;
	}
	s->contract = service_contract(&s->config, faults);
	if (s->contract == NULL || !service_keys(s, faults) ||
	    (o->check != SERVE_UNCHECKED &&
	    !service_accepts(s->config.contract, s->arena, faults)))
		return false;
	if (!service_hooks(s, faults))
		return false;
	o->listen = s->config.listen;
	o->workers = s->config.workers;
	o->front = front_settings(&s->config);
	o->bulk_limit_bytes = s->config.bulk_limit_bytes;
	o->pressure = pressure_settings(&s->config);
	o->store = service_store(&s->config);
	o->rates = s->config.rates;
	o->limit_file = s->config.limit_file;
	o->limit_entries = s->config.limit_entries;
	o->check_timeout_ms = s->config.check_timeout_ms;
	o->accept.rollback = s->config.tx_rollback;
	o->contract = s->contract;
	o->auth = s->auth;
	o->keyring = s->keyring;
	o->exports = s->config.export_dir != NULL;
	if (!o->exports && contract_export_kind(s->contract) != NULL)
		log_event(LOG_WARN, "export_dir_missing",
		    LOG_TEXT("cause", "exports are answered 503"));
	return true;
}

/* The look of serve_source; the words are those of the command. */
static void
service_look(void *context, const struct serve_options *options,
    const char *database, struct serve_look *ret)
{
	const struct service *s = (const struct service *)options;
	const struct beginning *from = context;

	service_check(&(struct service_check){ .contract = s->contract,
		.directory = s->config.contract, .database = database,
		.words = from->words, .count = from->count }, ret);
}

static struct serve_options *
service_make(void *context, struct buf *faults)
{
	struct service *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	s->arena = arena_new();
	if (service_read(s, context, faults))
		return &s->options;
	service_drop(context, &s->options);
	return NULL;
}

/* The log and the figures, which workers inherit. */
bool
service_open(const struct config *config)
{
	enum log_level level;

	if (!log_level_of(config->log_level, &level))
		fputs("lockstep: log_level must be debug, info, warn or "
		    "error\n", stderr);
	else if (!log_open(config->log_file, level))
		fprintf(stderr, "lockstep: cannot open the log %s: %s\n",
		    config->log_file, strerror(errno));
	else if (!metric_open(config->metric_file))
		fprintf(stderr, "lockstep: cannot map the figures %s: %s\n",
		    config->metric_file, strerror(errno));
	else
		return true;
	return false;
}

int
service_run(const struct config *config, char *const *words, int count)
{
	struct beginning beginning = { config, words, count };
	const struct serve_source source = { &beginning, service_make,
		service_drop, service_look };

	if (!service_open(config))
		return EXIT_TROUBLE;
	if (config->jwt_secret_file == NULL && config->jwks_file == NULL &&
	    config->jwks_url == NULL && config->issuers == NULL)
		log_event(LOG_WARN, "no_keys", LOG_TEXT("cause", "no token "
		    "will do: set jwt_secret_file, jwks_file, jwks_url or "
		    "issuers"));
	return serve_run(&source);
}
