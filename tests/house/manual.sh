#!/bin/sh
# SPDX-License-Identifier: MIT
# What can be set, said or answered is in the manual: every setting, every
# command, every problem's code.  And no source file is left out of the tour.
cd "${SRCDIR:-.}" || exit 99
man=${BUILDDIR:-.}/man
echo 1..4
missing() {	# missing PAGE WORD...
	page=$1
	shift
	for word; do
		sed 's/\\-/-/g' "$page" | grep -qw -- "$word" ||
		    echo "$word is not in $page"
	done
}
says() {
	if [ -z "$2" ]; then
		echo "ok $1 - $3"
	else
		printf '%s\n' "$2" | sed 's/^/# /'
		echo "not ok $1 - $3"
	fi
}
says 1 "$(missing $man/lockstep.conf.5 $(sed -n \
    's/^OPTION(\([a-z_0-9]*\),.*/\1/p' src/options.def))" \
    "each setting is in lockstep.conf(5)"
says 2 "$(missing $man/lockstep.1 $(sed -n \
    '/^static struct command commands/,/^};/s/^	{ "\([a-z]*\)", .*/\1/p' \
    src/command.c))" "each command is in lockstep(1)"
says 3 "$(missing $man/lockstep-contract.5 $(sed -n \
    's/^PROBLEM([A-Z_]*, [0-9]*, "\([a-z_]*\)".*/\1/p' \
    src/base/problem.def | grep -v '^declared$'))" \
    "each problem's code is in lockstep-contract(5)"
says 4 "$(cd src && for file in *.c */*.c; do
	grep -qF "\`$file\`" ../doc/TOUR.md || echo "$file is not in doc/TOUR.md"
done)" "each source file is in doc/TOUR.md"
