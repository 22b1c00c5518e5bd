#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The language's own schemas against the loader, as TAP: what loads is valid;
# what is refused is invalid, or refused for a reason that no schema can see,
# as the table says.  Nothing is invalid that the loader has no word for.

top=${SRCDIR:-.}
lockstep=${BUILDDIR:-.}/lockstep
case $top in
/*) ;;
*) top=$(pwd)/$top ;;
esac
case $lockstep in
/*) ;;
*) lockstep=$(pwd)/$lockstep ;;
esac
[ -x "$lockstep" ] || { echo "Bail out! there is no program $lockstep"; exit 2; }
cd "$top/tests/golden" || exit 2
unset LOCKSTEP_CONFIG

# Files of refused contracts: invalid, or not even JSON.  The rest is valid:
# roles, files and names that do not go together, paths that clash.
verdicts='
1 api.refused/api.json
1 call.refused/resources/letters.json
1 declared.refused/resources/letters.json
2 json.refused/api.json
1 json.refused/resources/a.json
2 json.refused/resources/b.json
2 json.refused/resources/c.json
1 keys.refused/resources/r1.json
1 keys.refused/resources/r2.json
1 keys.refused/resources/r5.json
1 keys.refused/resources/r6.json
1 keys.refused/resources/r7.json
1 keys.refused/resources/r8.json
1 list.refused/resources/letters.json
1 resource.refused/resources/a.json
1 resource.refused/resources/b.json
1 resource.refused/resources/c.json
1 resource.refused/resources/f.json
1 resource.refused/resources/g.json
1 roles.refused/resources/letters.json
1 demands.refused/api.json
1 demands.refused/resources/companies.json
1 wide.refused/resources/wide.json
1 relate.refused/resources/calls.json
1 relate.refused/resources/letters.json
1 jobs.refused/jobs/a.json
1 jobs.refused/jobs/b.json
1 jobs.refused/jobs/c.json
1 jobs.refused/jobs/e.json
1 bulk.refused/resources/companies.json
1 bulk.refused/resources/people.json
1 bulk.refused/resources/places.json
1 exports.refused/resources/companies.json
1 exports.refused/resources/people.json
1 jobs.refused/jobs/f.json
1 jobs.refused/jobs/g.json
1 partition.refused/resources/r2.json
1 partition.refused/resources/r3.json
1 partition.refused/resources/r4.json
1 partition.refused/resources/r5.json
1 expectation.refused/expectations/e0.json
1 expectation.refused/expectations/e1.json
1 expectation.refused/expectations/e2.json
1 expectation.refused/expectations/e3.json
1 expectation.refused/expectations/e4.json
1 expectation.refused/expectations/e5.json
1 expectation.refused/expectations/e6.json
1 expectation.refused/expectations/e7.json
1 messages.refused/api.json
1 messages.refused/messages/a.json
1 messages.refused/messages/c.json
1 messages.refused/messages/d.json
1 messages.refused/messages/e.json
1 messages.refused/messages/f.json
1 rollups.refused/rollups/a.json
1 rollups.refused/rollups/b.json
1 rollups.refused/rollups/c.json
1 jobs.refused/jobs/j.json
1 jobs.refused/jobs/l.json
1 jobs.refused/jobs/m.json
1 webhooks.refused/webhooks/a.json
1 webhooks.refused/webhooks/b.json
1 webhooks.refused/webhooks/c.json
1 webhooks.refused/webhooks/d.json
1 webhooks.refused/webhooks/e.json
1 webhooks.refused/webhooks/f.json
1 webhooks.refused/webhooks/g.json
1 lint/faulty/resources/things.json
'
number=0
failed=0
says() {	# says SENTENCE TEXT: no text is well
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number - $1"
	else
		failed=1
		echo "not ok $number - $1"
		printf '%s\n' "$2" | sed 's/^/# /'
	fi
}

for directory in ../../contract */ lint/*/; do
	contract=${directory%/}
	[ "$contract" != lint ] || continue
	for file in "$contract"/api.json "$contract"/resources/*.json \
	    "$contract"/jobs/*.json "$contract"/webhooks/*.json \
	    "$contract"/messages/*.json "$contract"/expectations/*.json \
	    "$contract"/rollups/*.json; do
		[ -e "$file" ] || continue
		case $file in
		*/api.json) schema=api ;;
		*/jobs/*) schema=job ;;
		*/webhooks/*) schema=webhook ;;
		*/messages/*) schema=message ;;
		*/expectations/*) schema=expectation ;;
		*/rollups/*) schema=rollup ;;
		*) schema=resource ;;
		esac
		wanted=$(echo "$verdicts" | sed -n "s,^\([12]\) $file\$,\1,p")
		out=$("$lockstep" validate "$top/schemas/$schema.schema.json" \
		    "$file" 2>&1)
		got=$?
		[ $got -eq "${wanted:-0}" ] && out=
		says "$file is as the schema wants it, or not: ${wanted:-0}" \
		    "$out"
	done
	says "the loader has a word for each issue in $contract" \
	    "$("$lockstep" check --contract "$contract" |
		grep '([a-zA-Z]*)$' | grep -v warning)"
done
echo "1..$number"
exit $failed
