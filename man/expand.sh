#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes a manual page: man/expand.sh PAGE.in VERSION
#
# A line @OPTIONS@ becomes the settings of src/options.def, @PROBLEMS@ the
# table of src/base/problem.def, @RULES@ that of src/base/rule.def: a page
# cannot fall behind the lists that the program itself is made from.

set -eu
page=$1
src=$(dirname "$0")/../src

rows() {	# rows MACRO FILE: a row a line, fields apart by tabs
	awk -v macro="$1" '
	index($0, macro "(") == 1 { row = ""; open = 1 }
	open { line = $0; sub(/^[ \t]+/, " ", line); row = row line }
	open && /\)$/ {
		open = 0
		sub("^" macro "\\(", "", row); sub(/\)$/, "", row)
		gsub(/" *"/, "", row)
		out = ""; quoted = 0
		for (i = 1; i <= length(row); i++) {
			c = substr(row, i, 1)
			if (c == "\"") quoted = !quoted
			else if (c == "," && !quoted) out = out "\t"
			else out = out c
		}
		gsub(/\t +/, "\t", out)
		print out
	}' "$2"
}

escape() {
	sed 's/\\/\\e/g; s/-/\\-/g'
}

options() {
	rows OPTION "$src/options.def" | escape |
	awk -F '\t' '{
		print ".TP"
		value = $2 == "SWITCH" ? "on|off" : \
		    $2 == "NUMBER" ? "N" : $2 == "PATH" ? "PATH" : "TEXT"
		print ".BI " $1 " \" = " value "\""
		print $7
		if ($2 == "NUMBER")
			print "From " $4 " to " $5 " (" $6 ")."
		if ($3 != "NULL")
			print "Default: " $3 "."
	}'
}

problems() {
	rows PROBLEM "$src/base/problem.def" | escape |
	awk -F '\t' '$1 != "DECLARED" {
		print ".TP"
		print ".BR " $3 " \" (" $2 ($4 == "true" ? \
		    ", retryable" : "") ")\""
		print $5
	}'
}

rules() {
	rows RULE "$src/base/rule.def" | escape |
	sed 's/{\([a-z]*\):\([a-z]*\)}/{\1} \2s/' |
	awk -F '\t' '{
		print ".TP"
		print ".BR " $3 " \" (" $2 ")\""
		print $4 "."
	}'
}

while IFS= read -r line; do
	case $line in
	@OPTIONS@) options ;;
	@PROBLEMS@) problems ;;
	@RULES@) rules ;;
	*) printf '%s\n' "$line" | sed "s/@VERSION@/$2/" ;;
	esac
done <"$page"
