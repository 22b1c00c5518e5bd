/* SPDX-License-Identifier: MIT */
/*
 * Fetching by libcurl.  What is fetched decides whom we believe, so the
 * transport is as narrow as it can be: one scheme, one host, one answer.  A
 * redirect is not followed, even to the same host: the URL that was configured
 * is the one that was vouched for.  Invariant: nothing of the environment
 * (proxies, netrc, cookies) changes where a request goes, and no answer takes
 * more than its bound of bytes or time.
 */
#include "base/fetch.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>

#include "base/text.h"

enum { CONNECT_MS = 3000 };

/* What libcurl's calls back have. */
struct transfer {
	const struct fetch *what;
	struct buf *body;
};

void
fetch_init(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Is the host, as a URL has it, this very one? */
static bool
is_loopback(const char *host)
{
	struct in_addr four;

	if (text_same(host, "localhost") || strcmp(host, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, host, &four) == 1 &&
	    (ntohl(four.s_addr) >> 24) == 127;
}

/* A part of the URL; NULL when there is none.  curl_free() it. */
static char *
part_of(CURLU *url, CURLUPart part)
{
	char *text = NULL;

	return curl_url_get(url, part, &text, 0) == CURLUE_OK ? text : NULL;
}

/* Why the parsed URL may not be fetched, or NULL. */
static const char *
judge(CURLU *url, bool plain)
{
	char *scheme = part_of(url, CURLUPART_SCHEME);
	char *host = part_of(url, CURLUPART_HOST);
	char *user = part_of(url, CURLUPART_USER);
	char *fragment = part_of(url, CURLUPART_FRAGMENT);
	const char *reason = NULL;

	if (scheme == NULL)
		reason = "it is no URL";
	else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
		reason = "it must be https";
	else if (host == NULL)
		reason = "it has no host";
	else if (user != NULL || fragment != NULL)
		reason = "it has a user or a fragment";
	else if (strcmp(scheme, "http") == 0 && !plain && !is_loopback(host))
		reason = "it must be https, since keys that came in the clear "
		    "may be anybody's";
	curl_free(scheme);
	curl_free(host);
	curl_free(user);
	curl_free(fragment);
	return reason;
}

bool
fetch_may(const char *url, bool plain, struct buf *fault)
{
	CURLU *parsed = curl_url();
	const char *reason = "it is no URL";

	if (parsed != NULL && curl_url_set(parsed, CURLUPART_URL, url,
	    CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
		reason = judge(parsed, plain);
	curl_url_cleanup(parsed);
	if (reason != NULL)
		buf_format(fault, "%s cannot be fetched: %s", url, reason);
	return reason == NULL;
}

/* Takes a piece of the body; less than all of it ends the transfer. */
static size_t
take(char *bytes, size_t size, size_t count, void *context)
{
	struct transfer *t = context;

	buf_add(t->body, bytes, size * count);
	return t->body->failed ? 0 : size * count;
}

/* Is called at least once a second, and ends the transfer by 1. */
static int
watch(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct transfer *t = context;

	(void)a, (void)b, (void)c, (void)d;
	return t->what->stop != NULL && atomic_load(t->what->stop);
}

bool
fetch_fence(void *curl, const char *ca_file, unsigned connect_ms,
    unsigned timeout_ms)
{
	CURLcode e = CURLE_OK;

	e |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	e |= curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	e |= curl_easy_setopt(curl, CURLOPT_PROXY, "");
	e |= curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	e |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	e |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	e |= curl_easy_setopt(curl, CURLOPT_SSLVERSION,
	    (long)CURL_SSLVERSION_TLSv1_2);
	if (ca_file != NULL) {
		e |= curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
		e |= curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
	/* No signal: the default resolver would use one in any thread. */
	e |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	e |= curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	e |= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)connect_ms);
	return e == CURLE_OK;
}

/* What is asked, and where the answer goes. */
static bool
ask(CURL *curl, struct transfer *t, struct curl_slist *headers)
{
	CURLcode e = CURLE_OK;

	e |= curl_easy_setopt(curl, CURLOPT_URL, t->what->url);
	e |= curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	e |= curl_easy_setopt(curl, CURLOPT_USERAGENT, "lockstep");
	/* Said in advance or not, no more than the limit is taken. */
	e |= curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE,
	    (curl_off_t)t->body->limit);
	e |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	e |= curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
	e |= curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	e |= curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch);
	e |= curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
	return e == CURLE_OK;
}

/* Does it all, with the handle; false with the reason. */
static bool
perform(CURL *curl, struct transfer *t, struct curl_slist *headers,
    struct buf *reason)
{
	long status = 0;
	CURLcode e;

	if (!fetch_fence(curl, t->what->ca_file, CONNECT_MS,
	    t->what->timeout_ms) || !ask(curl, t, headers)) {
		buf_string(reason, "libcurl lacks what is needed");
		return false;
	}
	e = curl_easy_perform(curl);
	if (t->body->failed || e == CURLE_FILESIZE_EXCEEDED) {
		buf_format(reason, "it has more than %zu bytes",
		    t->body->limit);
		return false;
	}
	if (e != CURLE_OK) {
		buf_string(reason, curl_easy_strerror(e));
		return false;
	}
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		buf_format(reason, "the answer is %ld and not 200", status);
	return status == 200;
}

bool
fetch_get(const struct fetch *what, struct buf *body, struct buf *fault)
{
	struct transfer t = { what, body };
	struct curl_slist *headers = NULL;
	char accept[128] = "Accept: ";
	struct buf reason;
	CURL *curl;
	bool got;

	if (!fetch_may(what->url, what->plain, fault))
		return false;
	strncat(accept, what->accept, sizeof(accept) - strlen(accept) - 1);
	buf_init(&reason, 512);
	curl = curl_easy_init();
	headers = curl_slist_append(NULL, accept);
	got = curl != NULL && headers != NULL &&
	    perform(curl, &t, headers, &reason);
	if (!got)
		buf_format(fault, "%s: %s", what->url,
		    reason.length > 0 ? reason.at : "libcurl failed");
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	buf_release(&reason);
	return got;
}
