/* SPDX-License-Identifier: MIT */
/*
 * struct reply -> bytes.  libfcgi's writer copies everything through 8 KiB and
 * makes a system call for each; an answer is complete in memory here, so its
 * records are laid out as one vector over the buffers as they stand and leave
 * with one sendmsg(2): no copy of the body, and no moment at which half an
 * answer is under way because this process was stopped between two writes.
 *
 * Invariant: what is sent is a whole answer.  A reply that passed its limit is
 * replaced before, and a connection that did not take all of it is dropped.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/problem.h"
#include "http/http.h"
#include "http/internal.h"

enum {
	HEAD_MAX = 64 * 1024,	/* bytes of all header lines of a reply */
	VALUE_MAX = 14 * 1024,	/* of one value: nginx takes a head of 32 KiB */

	/* FastCGI specification, sections 3.3 and 8. */
	RECORD_HEADER = 8,
	RECORD_MAX = 65528,	/* content: a multiple of 8, so no padding */
	RECORD_END_REQUEST = 3,
	RECORD_STDOUT = 6,
	RECORD_STDERR = 7,

	RECORDS_AT_ONCE = 32,	/* of one sendmsg(): 2 MiB */
	PARTS_MAX = RECORDS_AT_ONCE * 3 + 1,
};

static const struct {
	int status;
	const char *phrase;
} phrases[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 206, "Partial Content" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 422, "Unprocessable Content" },
	{ 428, "Precondition Required" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
};

void
reply_init(struct reply *rp, size_t limit)
{
	*rp = (struct reply){ .status = 200 };
	buf_init(&rp->head, HEAD_MAX);
	buf_init(&rp->body, limit);
}

void
reply_release(struct reply *rp)
{
	buf_release(&rp->head);
	buf_release(&rp->body);
}

void
reply_clear(struct reply *rp)
{
	rp->status = 200;
	rp->content_type = NULL;
	rp->bodiless = false;
	rp->close = false;
	rp->stream = NULL;
	buf_clear(&rp->head);
	buf_clear(&rp->body);
}

struct buf *
reply_value(struct reply *rp, const char *name)
{
	rp->line = rp->head.length;
	buf_string(&rp->head, name);
	buf_add(&rp->head, ": ", 2);
	rp->value = rp->head.length;
	return &rp->head;
}

void
reply_value_end(struct reply *rp)
{
	struct buf *head = &rp->head;
	size_t length = head->length - rp->value;

	if (head->failed)
		return;
	if (length > 0 && length < VALUE_MAX &&
	    field_is_clean(head->at + rp->value))
		buf_add(head, "\r\n", 2);
	else
		buf_rewind(head, rp->line);
}

void
reply_header(struct reply *rp, const char *name, const char *value)
{
	buf_string(reply_value(rp, name), value);
	reply_value_end(rp);
}

bool
reply_settle(struct reply *rp, const struct scope *sc)
{
	const struct problem_kind *kind = problem_kind(PROBLEM_INTERNAL);

	if (!rp->head.failed && !rp->body.failed)
		return true;
	reply_clear(rp);
	rp->status = kind->status;
	buf_format(&rp->body, "{\"ok\":false,\"error\":{\"code\":\"%s\","
	    "\"status\":%d,\"message\":\"%s\",\"retryable\":false,"
	    "\"issues\":[]},\"meta\":{\"request_id\":\"%s\"}}", kind->code,
	    kind->status, kind->sentence, sc->request_id);
	return !rp->body.failed;
}

static const char *
phrase_of(int status)
{
	for (size_t i = 0; i < countof(phrases); i++) {
		if (phrases[i].status == status)
			return phrases[i].phrase;
	}
	return "";
}

/* 204 and 304 have no content, so neither length nor type (RFC 9110, 8.6). */
static bool
is_contentless(int status)
{
	return status == 204 || status == 304;
}

/*
 * The lines before the body (RFC 3875, section 6).  The length is what lets a
 * client see that an answer was cut off; to HEAD it is that of the body that
 * GET would have had.
 */
static void
write_head(const struct reply *rp, struct buf *head)
{
	buf_clear(head);
	buf_string(head, "Status: ");
	buf_int(head, rp->status);
	buf_char(head, ' ');
	buf_string(head, phrase_of(rp->status));
	if (!is_contentless(rp->status)) {
		buf_string(head, "\r\nContent-Type: ");
		buf_string(head, rp->content_type != NULL ? rp->content_type :
		    "application/json");
	}
	if (!is_contentless(rp->status) && rp->stream == NULL) {
		buf_string(head, "\r\nContent-Length: ");
		buf_int(head, (int64_t)rp->body.length);
	}
	buf_string(head, "\r\n");
	buf_add(head, rp->head.at, rp->head.length);
	buf_string(head, "\r\n");
}

static void
record_header(unsigned char at[RECORD_HEADER], int type, int request_id,
    size_t length)
{
	at[0] = 1;
	at[1] = (unsigned char)type;
	at[2] = (unsigned char)(request_id >> 8);
	at[3] = (unsigned char)request_id;
	at[4] = (unsigned char)(length >> 8);
	at[5] = (unsigned char)length;
	at[6] = 0;
	at[7] = 0;
}

/* Sends all parts; EAGAIN is SO_SNDTIMEO running out. */
static bool
send_all(int fd, struct iovec *part, size_t parts)
{
	struct msghdr message = { .msg_iov = part, .msg_iovlen = parts };

	while (message.msg_iovlen > 0) {
		ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		for (; message.msg_iovlen > 0; message.msg_iovlen--) {
			part = message.msg_iov;
			if ((size_t)n < part->iov_len) {
				part->iov_base = (char *)part->iov_base + n;
				part->iov_len -= (size_t)n;
				break;
			}
			n -= (ssize_t)part->iov_len;
			message.msg_iov++;
		}
	}
	return true;
}

/* Two pieces of text, of which the first may be used up. */
struct content {
	const char *at[2];
	size_t left[2];
};

/* Lays out one record of what is left; returns the number of parts added. */
static size_t
lay_record(struct content *content, unsigned char header[RECORD_HEADER],
    int request_id, struct iovec *part)
{
	size_t length = 0, n = 1;

	for (int i = 0; i < 2; i++) {
		size_t take = content->left[i];

		if (take > RECORD_MAX - length)
			take = RECORD_MAX - length;
		if (take == 0)
			continue;
		part[n++] = (struct iovec){ (void *)content->at[i], take };
		content->at[i] += take;
		content->left[i] -= take;
		length += take;
	}
	record_header(header, RECORD_STDOUT, request_id, length);
	part[0] = (struct iovec){ header, RECORD_HEADER };
	return n;
}

/* What follows the records: their end, with a farewell when it is the last. */
enum end { END_NONE, END_KEPT, END_LAST };

static bool
send_records(int fd, int request_id, struct content *content, enum end how)
{
	unsigned char header[RECORDS_AT_ONCE][RECORD_HEADER];
	unsigned char end[4 * RECORD_HEADER] = { 0 };
	struct iovec part[PARTS_MAX];
	size_t parts, records;

	record_header(end, RECORD_STDOUT, request_id, 0);
	record_header(end + RECORD_HEADER, RECORD_END_REQUEST, request_id,
	    RECORD_HEADER);
	record_header(end + 3 * RECORD_HEADER, RECORD_STDERR, request_id, 0);
	do {
		parts = records = 0;
		while (records < RECORDS_AT_ONCE &&
		    (content->left[0] > 0 || content->left[1] > 0))
			parts += lay_record(content, header[records++],
			    request_id, part + parts);
		if (content->left[1] == 0 && content->left[0] == 0 &&
		    how != END_NONE)
			part[parts++] = (struct iovec){ end, sizeof(end) -
			    (how == END_LAST ? 0 : RECORD_HEADER) };
		if (!send_all(fd, part, parts))
			return false;
	} while (content->left[0] > 0 || content->left[1] > 0);
	return true;
}

bool
reply_send(int fd, int request_id, const struct reply *rp, enum method m,
    bool last, struct buf *head)
{
	struct content content = { 0 };

	write_head(rp, head);
	if (head->failed)
		return false;
	content.at[0] = head->at;
	content.left[0] = head->length;
	if (m != METHOD_HEAD && !rp->bodiless && !is_contentless(rp->status)) {
		content.at[1] = rp->body.at;
		content.left[1] = rp->body.length;
	}
	return send_records(fd, request_id, &content, rp->stream != NULL ?
	    END_NONE : last ? END_LAST : END_KEPT);
}

bool
http_stream_send(int fd, int request_id, const void *bytes, size_t length)
{
	unsigned char header[RECORD_HEADER];
	struct iovec part[] = { { header, sizeof(header) },
		{ (void *)(uintptr_t)bytes, length } };
	struct msghdr message = { .msg_iov = part, .msg_iovlen = 2 };

	if (length > RECORD_MAX)
		return false;
	record_header(header, RECORD_STDOUT, request_id, length);
	return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	    (ssize_t)(sizeof(header) + length);
}

void
http_stream_end(int fd, int request_id)
{
	unsigned char end[4 * RECORD_HEADER] = { 0 };

	record_header(end, RECORD_STDOUT, request_id, 0);
	record_header(end + RECORD_HEADER, RECORD_END_REQUEST, request_id,
	    RECORD_HEADER);
	record_header(end + 3 * RECORD_HEADER, RECORD_STDERR, request_id, 0);
	(void)!send(fd, end, sizeof(end), MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

void
farewell_send(int fd)
{
	unsigned char record[RECORD_HEADER];

	/* All of nginx's requests have the id 1. */
	record_header(record, RECORD_STDERR, 1, 0);
	if (send(fd, record, sizeof(record), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;	/* It is gone, or reads nothing: it is closed later. */
}
