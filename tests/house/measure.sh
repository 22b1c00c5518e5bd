#!/bin/sh
# SPDX-License-Identifier: MIT
# Prints sizes: lines a function and a file, median, p95, most.
cd "${SRCDIR:-.}/src" || exit 99
spread() {
	sort -n | awk -v what="$1" '{ v[NR] = $1 } END {
	printf "%-10s %5d  median %4d  p95 %4d  most %4d\n", what, NR,
	    v[int((NR + 1) / 2)], v[int(NR * 0.95 + 0.5)], v[NR] }'
}
awk '/^[a-z_]+[a-z_0-9]*\(/ { start = FNR }
/^}/ && start { print FNR - start + 1; start = 0 }' ./*/*.c ./*.c |
    spread functions
wc -l ./*/*.c ./*.c | sed '$d' | awk '{ print $1 }' | spread files
