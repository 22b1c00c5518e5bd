#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs each fuzz target for FUZZ_SECONDS (20), one after the other, as TAP:
# nothing that it tries may crash, leak, hang, take much memory, or break a
# property of the target.  FUZZ_TARGETS names some of them.  What broke one is
# kept in BUILDDIR/tests/fuzz/TARGET.found, and is tried first the next time.

top=${SRCDIR:-.}
fuzz=${BUILDDIR:-.}/tests/fuzz
seconds=${FUZZ_SECONDS:-20}
suites=${LOCKSTEP_SUITES:-$top/../shared/suites}
targets=${FUZZ_TARGETS:-reader schema validator pattern request list token}

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
number=0
failed=0
for target; do
	number=$((number + 1))
	mkdir -p "$fuzz/$target.corpus" "$fuzz/$target.found" \
	    "$fuzz/seeds/$target"
	dictionary=$top/tests/fuzz/$target.dict
	[ -r "$dictionary" ] || dictionary=$top/tests/fuzz/json.dict
	log=$fuzz/$target.run
	if [ -n "$(ls "$fuzz/$target.found")" ] &&
	    ! "$fuzz/$target" -timeout=10 -rss_limit_mb=1024 \
		"$fuzz/$target.found"/* >"$log" 2>&1; then
		status=1
	else
		"$fuzz/$target" -max_total_time="$seconds" -timeout=10 \
		    -rss_limit_mb=1024 -max_len=4096 -print_final_stats=1 \
		    -dict="$dictionary" -artifact_prefix="$fuzz/$target.found/" \
		    "$fuzz/$target.corpus" "$fuzz/seeds/$target" \
		    >"$log" 2>&1
		status=$?
	fi
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	if [ $status -eq 0 ] && [ "${runs:-0}" -gt 0 ]; then
		echo "ok $number - $target takes whatever comes ($runs inputs)"
	else
		failed=1
		tail -n 40 "$log" | sed 's/^/# /'
		echo "not ok $number - $target takes whatever comes"
	fi
done
exit $failed
