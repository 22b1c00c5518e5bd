#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Renders a template of nginx on stdout:
#
#	nginx/render.sh TEMPLATE PROBLEM.DEF [NAME=VALUE]...
#
# @NAME@ becomes the value given, or its default below. @PROBLEMS@ becomes what
# nginx answers when it fails by itself: for each status of its own the first
# problem of PROBLEM.DEF that has it, so codes and sentences are those of
# Lockstep, from the same list. Retry-After goes with what may be tried again.
# @CORS@ lets pages of the contract's other origins read those answers, too:
# ORIGINS is the list of them with commas between, or "*", and CREDENTIALS is
# "true" when the contract says so.
# A name without a value is an error: a template is never rendered by half.
# Comment lines of the template are left as they are.

set -eu

if [ $# -lt 2 ]; then
	echo "usage: nginx/render.sh TEMPLATE PROBLEM.DEF [NAME=VALUE]..." >&2
	exit 2
fi
template=$1
problems=$2
shift 2

# nginx reads a value where it stands, so it must not end a directive.
for pair in "$@"; do
	case $pair in
	*=*) ;;
	*)
		echo "render.sh: \"$pair\" is not NAME=VALUE" >&2
		exit 2
		;;
	esac
	case ${pair%%=*} in
	USER) continue ;;	# a whole line, made by ./dev
	esac
	case ${pair#*=} in
	*[\;{}\"\'\\\$\#]* | *'
'*)
		echo "render.sh: nginx would misread ${pair%%=*}" >&2
		exit 2
		;;
	esac
done

export RENDER_PROBLEMS="$problems"
exec awk '
function fail(text) {
	print "render.sh: " text > "/dev/stderr"
	failed = 1
	exit 1
}

# PROBLEM(NAME, 413, "code", false,\n\t"Sentence.")
function read_problems(file,	line, row, part, status, n) {
	while ((n = getline line < file) > 0) {
		if (line ~ /^PROBLEM\(/)
			row = line
		else if (row != "")
			row = row " " line
		if (row == "" || row !~ /"\)[ \t]*$/)
			continue
		if (!match(row, /"[^"]*"\)[ \t]*$/))
			fail("no sentence in: " row)
		sentence_of = substr(row, RSTART + 1)
		sub(/"\)[ \t]*$/, "", sentence_of)
		split(row, part, /[ \t]*,[ \t]*/)
		status = part[2] + 0
		if (!(status in code)) {
			code[status] = part[3]
			retryable[status] = part[4]
			sentence[status] = sentence_of
		}
		row = ""
	}
	if (n < 0)
		fail("cannot read " file)
}

function body(status) {
	if (sentence[status] ~ /[$\\\047]/)
		fail("nginx would misread the sentence of " status)
	return "{\"ok\":false,\"error\":{\"code\":" code[status] \
	    ",\"status\":" status ",\"message\":\"" sentence[status] \
	    "\",\"retryable\":" retryable[status] \
	    "},\"meta\":{\"request_id\":\"$lockstep_request_id\"}}"
}

function print_problems(	order, statuses, i) {
	# As in the error_page lines of the site.
	statuses = split("400 403 404 405 413 414 429 431 500 502 503 504",
	    order, " ")
	for (i = 1; i <= statuses; i++)
		if (!(order[i] in code))
			fail("no problem has the status " order[i])
	print "# What nginx answers by itself, from problem.def."
	print "map $status $lockstep_problem {"
	printf "\tdefault \047%s\047;\n", body(500)
	for (i = 1; i <= statuses; i++)
		printf "\t%d \047%s\047;\n", order[i], body(order[i])
	print "}"
	print "map $status $lockstep_retry_after {"
	print "\tdefault \"\";"
	for (i = 1; i <= statuses; i++)
		if (retryable[order[i]] == "true")
			printf "\t%d 1;\n", order[i]
	print "}"
}

# What may be in an origin (RFC 6454); as a regular expression it is itself but
# for dots and brackets.
function origin_pattern(origin) {
	if (origin !~ /^[a-z][a-z0-9+.-]*:\/\/[]a-z0-9.:[-]+$/)
		fail("\"" origin "\" is no origin")
	gsub(/[][.+]/, "\\\\&", origin)
	return "\"~^" origin "\\z\""
}

# A map of expressions, since one of strings wants buckets of a certain size.
function print_cors(	count, origins, i) {
	count = split(value["ORIGINS"], origins, ",")
	print "# Who may read that from another origin, by the contract."
	print "map $http_origin $lockstep_allow_origin {"
	print "\tdefault \"\";"
	if (value["ORIGINS"] == "*")
		print "\t\"~.\" *;"
	else
		for (i = 1; i <= count; i++)
			print "\t" origin_pattern(origins[i]) " $http_origin;"
	print "}"
	print "map $lockstep_allow_origin $lockstep_allow_credentials {"
	print "\tdefault \"\";"
	if (value["CREDENTIALS"] == "true")
		print "\t\"~.\" true;"
	print "}"
	print "map $lockstep_allow_origin $lockstep_expose_headers {"
	print "\tdefault \"\";"
	print "\t\"~.\" \"Allow, Retry-After, X-Request-Id\";"
	print "}"
	print "map $status $lockstep_vary {"
	print "\tdefault \"" (count > 0 ? "Origin" : "") "\";"
	print "}"
}

BEGIN {
	value["ORIGINS"] = ""
	value["CREDENTIALS"] = ""
	value["BULK"] = "(?!)"
	value["SERVER_NAME"] = "api.example.org"
	value["LISTEN"] = "80"
	value["OPS_LISTEN"] = "127.0.0.1:8081"
	value["SOCKET_0"] = "/run/lockstep/0.sock"
	value["SOCKET_1"] = "/run/lockstep/1.sock"
	value["LOG"] = "/var/log/nginx"
	value["DOCS"] = "/var/lib/lockstep/docs"
	value["EXPORTS"] = "/var/lib/lockstep/exports"
	value["WEB"] = "/var/lib/lockstep/web"
	value["OPS"] = "/var/lib/lockstep/ops"
	value["RATE"] = "200"
	value["BURST"] = "400"
	value["HOOK_RATE"] = "2000"
	value["HOOK_BURST"] = "4000"
	value["CONN"] = "100"
	value["READ_TIMEOUT"] = "15s"
	for (i = 2; i < ARGC; i++) {
		at = index(ARGV[i], "=")
		value[substr(ARGV[i], 1, at - 1)] = substr(ARGV[i], at + 1)
		ARGV[i] = ""
	}
	read_problems(ENVIRON["RENDER_PROBLEMS"])
}

/^@PROBLEMS@$/ {
	print_problems()
	next
}

/^@CORS@$/ {
	print_cors()
	next
}

/^[ \t]*#/ {
	print
	next
}

{
	rest = $0
	done = ""
	while (match(rest, /@[A-Z][A-Z0-9_]*@/)) {
		name = substr(rest, RSTART + 1, RLENGTH - 2)
		if (!(name in value))
			fail(FILENAME ":" FNR ": no value for @" name "@")
		done = done substr(rest, 1, RSTART - 1) value[name]
		rest = substr(rest, RSTART + RLENGTH)
	}
	print done rest
}

END {
	if (failed)
		exit 1
}
' "$template" "$@"
