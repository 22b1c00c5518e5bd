#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Golden tests, as TAP: every directory NAME must give NAME.plan, every
# directory NAME.refused must be refused with the messages of
# NAME.refused.txt.  UPDATE=1 writes what is expected anew; look at the
# difference before it is committed.
#
# DESCRIBE names the program; otherwise it is where BUILDDIR has built it.

here=$(cd "$(dirname "$0")" && pwd) || exit 2
describe=${DESCRIBE:-${BUILDDIR:-.}/tests/golden/describe}
case $describe in
/*) ;;
*) describe=$(pwd)/$describe ;;
esac
if [ ! -x "$describe" ]; then
	echo "Bail out! there is no program $describe"
	exit 2
fi
got=$(mktemp) || exit 2
trap 'rm -f "$got"' EXIT
cd "$here" || exit 2

number=0
failed=0

# check DIRECTORY EXPECTED STATUS SENTENCE
check() {
	number=$((number + 1))
	"$describe" "$1" >"$got"
	status=$?
	if [ "$status" -eq "$3" ] && [ -n "$UPDATE" ]; then
		cp "$got" "$2"
	fi
	if [ "$status" -ne "$3" ]; then
		failed=1
		echo "not ok $number - $4"
		echo "# exit status $status, expected $3"
		sed 's/^/# /' "$got"
	elif difference=$(diff -u "$2" "$got" 2>&1); then
		echo "ok $number - $4"
	else
		failed=1
		echo "not ok $number - $4"
		echo "$difference" | sed 's/^/# /'
	fi
}

for directory in */; do
	name=${directory%/}
	case $name in
	drift | lint | typescript) ;;	# of tests of their own
	*.refused)
		check "$name" "$name.txt" 1 \
		    "contract $name is refused with its messages" ;;
	*)
		check "$name" "$name.plan" 0 "contract $name has its plan" ;;
	esac
done
check no-such-directory absent.txt 1 \
    "a directory that is missing is refused with one message"

echo "1..$number"
exit $failed
