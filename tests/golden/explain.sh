#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What `lockstep explain` says of requests to the reference contract, as TAP: a
# row has the exit status, a text that must be told, and the request.

top=$(cd "${SRCDIR:-.}" && pwd) || exit 2
lockstep=$(cd "${BUILDDIR:-.}" && pwd)/lockstep
[ -x "$lockstep" ] || { echo "Bail out! no program $lockstep"; exit 2; }
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
unset LOCKSTEP_CONFIG
export LOCKSTEP_CONTRACT="$top/contract" LOCKSTEP_JWT_SECRET_FILE="$work/secret"
echo "a secret for this test alone, long enough" >secret
echo '{"amount_cents":1000}' >payout
echo '{"name":"One"}' >firm
me=11111111-1111-4111-8111-111111111111
firm=/api/companies/$me
number=0
failed=0

# says STATUS TEXT SENTENCE WORD...
says() {
	status=$1 text=$2 sentence=$3
	shift 3
	number=$((number + 1))
	"$lockstep" explain "$@" >told 2>&1
	got=$?
	if [ $got -eq "$status" ] && grep -qF -- "$text" told; then
		echo "ok $number - $sentence"
		return
	fi
	failed=1
	echo "not ok $number - $sentence"
	echo "# exit status $got, expected $status, and: $text"
	sed 's/^/# /' told
}

# judged STATUS TEXT SENTENCE WORD...: as a user
judged() {
	says "$@" --role authenticated --sub $me
}

echo 1..17
says 0 "verdict   none: --role, --header or --body" \
    "without anything to judge by there is no verdict" GET /api/letters
says 0 'signature by "stripe" in Stripe-Signature; secrets: bank' \
    "a webhook tells how its events are signed" POST /api/webhooks/bank
says 0 "verdict   none: an event is judged by its signature" \
    "an event is not judged without one" POST /api/webhooks/feedback --role \
    service_role
says 1 "the paths begin with /api; see lockstep routes" \
    "a path without the base is told of it" GET /letters
says 1 '"/path" invalid_format "must be a path without empty segments' \
    "a slash at the end is told" GET /api/letters/
says 0 "total: by Prefer: count" "a list says that it can be counted" \
    GET /api/letters
says 0 "on a replica, where there is one" \
    "a list says that it may come from a replica" GET /api/events
judged 1 "400 idempotency_key_missing" "a key that is demanded is missed" \
    POST /api/payouts --body payout
judged 0 "is accepted and would run" "a key is taken from a header field" \
    POST /api/payouts --body payout --header 'Idempotency-Key: 1'
judged 1 "428 precondition_required" "a tag that is demanded is missed" \
    PATCH $firm --body firm
judged 0 "is accepted and would run" \
    "a header field's name is heard in any case, and several are" \
    PATCH $firm --body firm --header 'if-match:"a"' \
    --header 'Prefer: return=minimal, handling=strict'
judged 1 '"/If-Match" invalid_format "must be * or at most 32 tags' \
    "a tag without quotes is told at its field" \
    PATCH $firm --body firm --header 'If-Match: a'
judged 1 '"must be of those that are heard here: handling, return"' \
    "a preference that is not heard is told with those that are" \
    PATCH $firm --body firm --header 'If-Match: *' \
    --header 'Prefer: count=exact, handling=strict'
judged 1 "415 unsupported_media_type" "a header says what the body is" \
    PATCH $firm --body firm --header "If-Match: *" \
    --header "Content-Type: text/plain"
judged 1 "406 not_acceptable" "a header alone has a request judged" \
    GET /api/letters --header 'Accept: text/html'
says 1 "401 token_invalid" "a token may come as a header field" \
    GET /api/letters --header 'Authorization: Bearer a.b.c'
says 2 '--header takes "Name: value"' "what is no header field is refused" \
    GET /api/letters --header 'Accept text/html'
exit $failed
