#!/bin/sh
# SPDX-License-Identifier: MIT
# The corridor frees nothing and jumps nowhere: memory and foreign objects go
# with the scope's arena (a function named drop_... is what the arena calls, and
# ..._free ends what outlives scopes).  Functions stay within 100 lines.
cd "${SRCDIR:-.}/src" || exit 99
echo 1..4
says() {
	if [ -z "$2" ]; then
		echo "ok $1 - $3"
	else
		printf '%s\n' "$2" | sed 's/^/# /'
		echo "not ok $1 - $3"
	fi
}
corridor='serve/serve.c serve/health.c work/work.c contract/accept.c contract/list.c
    contract/route.c auth/token.c auth/recall.c'
says 1 "$(awk '
/^[a-z_]+[a-z_0-9]*\(/ { name = $0; sub(/\(.*/, "", name) }
/(^|[^a-z_])(free|PQclear|json_object_put) *\(/ &&
    name !~ /^drop_|_free$/ { print FILENAME ":" FNR ": " $0 }' $corridor)" \
    "no free() in the corridor"
says 2 "$(grep -nE '\bgoto\b' $corridor)" "no goto in the corridor"
says 3 "$(grep -LE 'SPDX-License-Identifier: MIT' ./*/*.[ch] ./*.[ch])" \
    "each file names its licence"
says 4 "$(awk '
FNR == 1 { name = ""; start = 0 }
/^[a-z_]+[a-z_0-9]*\(/ { name = $0; sub(/\(.*/, "", name); start = FNR }
/^}/ && name != "" {
	if (FNR - start + 1 > 100)
		print FILENAME ":" start ": " name ": " FNR - start + 1 " lines"
	name = ""
}' ./*/*.c ./*.c)" "no function is longer than 100 lines"
