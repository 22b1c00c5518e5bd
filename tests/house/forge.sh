#!/bin/sh
# SPDX-License-Identifier: MIT
# Callers and inputs are opaque: a program that makes its own must not compile,
# and for that reason alone.
top=${SRCDIR:-.}
n=0
echo 1..2
for source in forge forge_input; do
	n=$((n + 1))
	says=$(${CC:-cc} -std=gnu17 -fsyntax-only -I"$top/src" \
	    "$top/tests/house/$source.c" 2>&1)
	status=$?
	errors=$(printf '%s\n' "$says" | grep -c 'error:')
	named=$(printf '%s\n' "$says" | grep 'error:' |
	    grep -cE 'incomplete type|storage size|invalid use of undefined')
	if [ "$status" -ne 0 ] && [ "$errors" -gt 0 ] &&
	    [ "$named" -gt 0 ]; then
		echo "ok $n - $source.c does not compile"
	else
		printf '%s\n' "$says" | sed 's/^/# /'
		echo "not ok $n - $source.c does not compile"
	fi
done
