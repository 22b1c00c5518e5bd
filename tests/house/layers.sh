#!/bin/sh
# SPDX-License-Identifier: MIT
# The shape of the program.  A directory includes itself and what it may know;
# outside base/ it shows one header, named after it.  A foreign library is
# included by the directories named here, and by no other.
knows='
http:     base
auth:     base http
hook:     base auth
peer:     base
contract: base http auth hook
store:    base auth contract
serve:    base http auth hook contract store
work:     base auth hook peer contract store
tool:     base contract store
'
foreign='
fcgi:     http
jwt.h:    auth
jansson:  auth
openssl/: auth hook
libpq:    store
json-c/:  base auth contract tool
pcre2:    contract
curl/:    base peer
'
cd "${SRCDIR:-.}/src" || exit 99
faults=$(grep -Hn '^#include ["<]' ./*/*.[ch] | sed 's,^\./,,' |
awk -v knows="$knows" -v foreign="$foreign" '
function table(text, set,    i, j, m, n, line, word) {
	n = split(text, line, "\n")
	for (i = 1; i <= n; i++) {
		m = split(line[i], word, /[: ]+/)
		for (j = 2; j <= m; j++)
			set[word[1], word[j]] = 1
		if (m > 1)
			set[word[1]] = 1
	}
}
function refuse(why) { print at ": " from " " why }
BEGIN { table(knows, may); table(foreign, owns) }
{
	split($0, part, /[<">]/)
	split(part[1], where, ":")
	at = where[1] ":" where[2]
	from = where[1]; sub(/\/.*/, "", from)
	what = part[2]
}
/#include </ {
	for (lib in owns)
		if (index(lib, SUBSEP) == 0 && index(what, lib) == 1 &&
		    !((lib, from) in owns))
			refuse("may not include <" what ">")
	next
}
what ~ /\// {
	to = what; sub(/\/.*/, "", to)
	if (to == from)
		next
	if (!((from, to) in may))
		refuse("may not know " to)
	else if (to != "base" && what != to "/" to ".h")
		refuse("may not see " what ", private to " to)
}')
echo 1..1
if [ -n "$faults" ]; then
	echo "$faults" | sed 's/^/# /'
	echo "not ok 1 - a directory includes only what it may know"
else
	echo "ok 1 - a directory includes only what it may know"
fi
