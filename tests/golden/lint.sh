#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What `lockstep check --contract` says, as TAP: each directory lint/NAME must
# give lint/NAME.txt, and so must the reference contract, of which nothing is to
# be said.  And the commands' exit codes.  UPDATE=1 writes what is expected anew.

here=$(cd "$(dirname "$0")" && pwd) || exit 2
lockstep=$(cd "${BUILDDIR:-.}" && pwd)/lockstep
[ -x "$lockstep" ] || { echo "Bail out! there is no program $lockstep"; exit 2; }
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
cd "$here/lint" || exit 2
unset LOCKSTEP_CONFIG
number=0
failed=0

# is STATUS EXPECTED-STATUS FILE EXPECTED-FILE SENTENCE
is() {
	number=$((number + 1))
	if [ "$1" -eq "$2" ] && [ -n "$UPDATE" ] && [ "$4" != /dev/null ]; then
		cp "$3" "$4"
	fi
	if [ "$1" -eq "$2" ] && difference=$(diff -u "$4" "$3" 2>&1); then
		echo "ok $number - $5"
		return
	fi
	failed=1
	echo "not ok $number - $5"
	echo "# exit status $1, expected $2"
	echo "$difference" | sed 's/^/# /'
	difference=
}

check() {	# check SENTENCE EXPECTED-STATUS EXPECTED-FILE ARGUMENT...
	sentence=$1 status=$2 file=$3
	shift 3
	"$lockstep" check "$@" >"$work/out" 2>&1
	is $? "$status" "$work/out" "$file" "$sentence"
}

for directory in */; do
	name=${directory%/}
	check "contract $name gets its findings" 1 "$name.txt" \
	    --contract "$name"
done
check "findings are told as JSON" 1 profile.json --contract profile \
    --format json
check "strict findings are errors" 1 profile.strict --strict --contract profile
check "nothing is to be said of the reference contract" 0 /dev/null \
    --contract "$here/../../contract"
check "a directory that is missing is trouble" 2 absent.txt --contract absent
for contract in ../*/; do
	case $contract in
	*/drift/ | */lint/ | */typescript/) continue ;;
	*.refused/) status=1 ;;
	*) status=0 ;;
	esac
	"$lockstep" check --contract "$contract" --format json >"$work/out"
	# What the profile asks is of no matter here.
	grep -q '"id":"fault"' "$work/out"
	[ $? -ne "$status" ] && found=0 || found=1
	: >"$work/nothing"
	is $found 0 "$work/nothing" /dev/null \
	    "check finds faults in ${contract#../} as loading does"
done
echo "1..$number"
exit $failed
