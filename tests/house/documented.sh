#!/bin/sh
# SPDX-License-Identifier: MIT
# A header is a module's contract: at least 80 in 100 prototypes stand below a
# comment (prototypes without a blank line between them share one).
cd "${SRCDIR:-.}/src" || exit 99
report=$(awk '
FNR == 1 { depth = 0; covered = 0; comment = 0 }
/^\/\*/ { comment = 1 }
comment { if (/\*\//) { comment = 0; covered = 1 } next }
/^[ \t]*$/ { if (depth == 0 && !open) covered = 0; next }
/^#/ || /^extern/ { next }
depth == 0 && /^[a-z].*\(/ && !/^(typedef|static)/ && !/=/ {
	all++
	if (covered) good++
	else print "# " FILENAME ":" FNR ": " $0
	open = !/;[ \t]*$/
	next
}
open { if (/;[ \t]*$/) open = 0; next }
{ depth += gsub(/\{/, "{") - gsub(/\}/, "}") }
END { print good + 0, all + 0 }' ./*/*.h ./*.h)
printf '%s\n' "$report" | grep '^#'
set -- $(printf '%s\n' "$report" | tail -n 1)
echo 1..1
if [ "$2" -gt 20 ] && [ $(($1 * 100)) -ge $(($2 * 80)) ]; then
	echo "ok 1 - prototypes are documented ($1 of $2)"
else
	echo "not ok 1 - prototypes are documented ($1 of $2)"
fi
