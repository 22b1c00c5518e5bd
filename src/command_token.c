/* SPDX-License-Identifier: MIT */
/*
 * lockstep token: development tokens, and keys for those who make their own.
 * What others need of it, a token for explain, goes by the same way.
 */
#include "call.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "service.h"

struct auth *
call_auth(const struct auth_options *options)
{
	struct auth *auth;
	struct buf fault;

	buf_init(&fault, 4096);
	auth = auth_new(options, &fault);
	if (auth == NULL)
		call_trouble("%s (jwt_secret_file, jwks_file, issuers)",
		    fault.length > 0 ? fault.at : "the keys are unfit");
	buf_release(&fault);
	return auth;
}

void
call_no_token(const struct scope *sc, enum problem p)
{
	call_trouble("no token: %s; see lockstep token --help",
	    sc->cause != NULL ? sc->cause : problem_kind(p)->sentence);
}

/* Prints a token, or why there is none. */
static int
print_token(const struct auth *auth, const struct auth_wish *wish)
{
	struct arena *arena = arena_new();
	struct scope sc;
	struct buf out;
	enum problem p;

	scope_init(&sc, arena);
	buf_init(&out, 16384);
	p = auth_mint(auth, &sc, wish, &out);
	if (p == PROBLEM_NONE)
		puts(out.at);
	else
		call_no_token(&sc, p);
	buf_release(&out);
	arena_free(arena);
	return p == PROBLEM_NONE ? EXIT_WELL : EXIT_TROUBLE;
}

/* The private key of --key, or NULL with the reason told. */
static struct auth_signer *
read_signer(const char *path, const char *algorithm)
{
	struct auth_signer *signer;
	struct buf fault;

	buf_init(&fault, 4096);
	signer = auth_signer_read(path, algorithm, &fault);
	if (signer == NULL)
		call_trouble("%s", fault.at);
	buf_release(&fault);
	return signer;
}

/* token --new-key ALGORITHM --key FILE */
static int
make_key(const char *path, const char *algorithm)
{
	struct buf fault;
	bool made;

	if (path == NULL)
		return call_trouble("--new-key needs --key, the file to make");
	buf_init(&fault, 4096);
	made = auth_signer_create(path, algorithm, &fault);
	if (!made)
		call_trouble("%s", fault.at);
	buf_release(&fault);
	return made ? EXIT_WELL : EXIT_TROUBLE;
}

/* token --jwks --key FILE...: the public keys as a set. */
static int
print_jwks(const struct flag *keys, const char *algorithm)
{
	struct auth_signer *signer;
	bool well = keys->value_count > 0;
	struct buf out;

	if (!well)
		return call_trouble("--jwks needs --key, which may be "
		    "repeated");
	buf_init(&out, 1 << 20);
	buf_string(&out, "{\"keys\":[");
	for (size_t i = 0; well && i < keys->value_count; i++) {
		signer = read_signer(keys->values[i], algorithm);
		well = signer != NULL;
		if (!well)
			break;
		buf_string(&out, i > 0 ? ",\n " : "\n ");
		auth_signer_jwk(signer, &out);
		auth_signer_free(signer);
	}
	buf_string(&out, "\n]}");
	if (well)
		puts(out.at);
	buf_release(&out);
	return well ? EXIT_WELL : EXIT_TROUBLE;
}

/* Makes the token with the key, if one is named, or the secret. */
static int
make_token(struct call *call, struct auth_wish *wish)
{
	struct auth_signer *signer = NULL;
	struct auth_options keys;
	struct contract *contract;
	struct auth *auth;
	int status = EXIT_TROUBLE;

	if (call_flag(call, "key") != NULL && (signer = read_signer(
	    call_flag(call, "key"), call_flag(call, "algorithm"))) == NULL)
		return EXIT_TROUBLE;
	contract = call_contract(call);
	if (contract == NULL) {
		auth_signer_free(signer);
		return EXIT_TROUBLE;
	}
	service_auth(&call->config, contract, &keys);
	auth = call_auth(&keys);
	wish->signer = signer;
	if (auth != NULL)
		status = print_token(auth, wish);
	auth_free(auth);
	contract_free(contract);
	auth_signer_free(signer);
	return status;
}

int
call_token(struct call *call)
{
	const char *algorithm = call_flag(call, "algorithm");
	const char *key = call_flag(call, "key");
	const char *life = call_flag(call, "life-s");
	struct auth_wish wish = {
		.role = call_flag(call, "role"),
		.subject = call_flag(call, "sub"),
		.claims = call_flag(call, "claims"),
		.issuer = call_flag(call, "issuer"),
		.access = call_flag(call, "access") != NULL,
	};
	int64_t life_s = 3600;

	if (call_flag(call, "new-key") != NULL)
		return make_key(key, call_flag(call, "new-key"));
	if (call_flag(call, "jwks") != NULL)
		return print_jwks(call_flag_given(call, "key"), algorithm);
	if (wish.role == NULL)
		return call_trouble("token needs --role; the contract's "
		    "api.json lists them");
	if (algorithm != NULL && key == NULL &&
	    strcmp(algorithm, "HS256") != 0)
		return call_trouble("--algorithm %s needs --key, a private "
		    "key; make one with --new-key %s --key FILE", algorithm,
		    algorithm);
	if (life != NULL && (!text_to_int(life, strlen(life), &life_s) ||
	    life_s < 1 || life_s > 31536000))
		return call_trouble("--life-s must be from 1 to 31536000");
	wish.life_s = (unsigned)life_s;
	return make_token(call, &wish);
}
