#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs each fuzz target for FUZZ_SECONDS (20), two at a time, as TAP: nothing
# that it tries may crash, leak, hang, take much memory, or break a property of
# the target.  FUZZ_TARGETS names some of them.  What broke one is
# kept in BUILDDIR/tests/fuzz/TARGET.found, and is tried first the next time.

top=${SRCDIR:-.}
fuzz=${BUILDDIR:-.}/tests/fuzz
seconds=${FUZZ_SECONDS:-20}
suites=${LOCKSTEP_SUITES:-$top/../shared/suites}
targets=${FUZZ_TARGETS:-reader schema validator pattern request list token hook records}

set -- $targets
echo "1..$#"
if [ ! -x "$fuzz/reader" ]; then
	for target; do
		n=$((n + 1))
		echo "ok $n - $target # SKIP not built with libFuzzer"
	done
	exit 0
fi
if [ -d "$suites" ]; then
	"${PYTHON3:-python3}" "$top/tests/fuzz/seeds.py" "$suites" "$top" \
	    "$fuzz/seeds" | sed 's/^/# seeds: /'
else
	echo "# no suites at $suites: without seeds"
fi

# What it comes to is left in TARGET.status.
try()
{
	mkdir -p "$fuzz/$1.corpus" "$fuzz/$1.found" "$fuzz/seeds/$1"
	dictionary=$top/tests/fuzz/$1.dict
	[ -r "$dictionary" ] || dictionary=$top/tests/fuzz/json.dict
	if [ -n "$(ls "$fuzz/$1.found")" ] &&
	    ! "$fuzz/$1" -timeout=10 -rss_limit_mb=1024 \
		"$fuzz/$1.found"/* >"$fuzz/$1.run" 2>&1; then
		status=1
	else
		"$fuzz/$1" -max_total_time="$seconds" -timeout=10 \
		    -rss_limit_mb=1024 -max_len=4096 -print_final_stats=1 \
		    -dict="$dictionary" -artifact_prefix="$fuzz/$1.found/" \
		    "$fuzz/$1.corpus" "$fuzz/seeds/$1" \
		    >"$fuzz/$1.run" 2>&1
		status=$?
	fi
	echo $status >"$fuzz/$1.status"
}

tell()
{
	number=$((number + 1))
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' \
	    "$fuzz/$1.run")
	if [ "$(cat "$fuzz/$1.status")" = 0 ] && [ "${runs:-0}" -gt 0 ]; then
		echo "ok $number - $1 takes whatever comes ($runs inputs)"
	else
		failed=1
		tail -n 40 "$fuzz/$1.run" | sed 's/^/# /'
		echo "not ok $number - $1 takes whatever comes"
	fi
}

number=0
failed=0
while [ $# -gt 0 ]; do
	pair=$1${2:+ $2}
	for target in $pair; do
		rm -f "$fuzz/$target.status"
		try "$target" &
	done
	wait
	for target in $pair; do
		tell "$target"
		shift
	done
done
exit $failed
