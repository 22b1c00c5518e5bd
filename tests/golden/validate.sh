#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What `lockstep validate` prints and how it ends, as TAP.

lockstep=$(cd "${BUILDDIR:-.}" && pwd)/lockstep
[ -x "$lockstep" ] || { echo "Bail out! there is no program $lockstep"; exit 2; }
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
unset LOCKSTEP_CONFIG
number=0
failed=0

# validate SENTENCE STATUS WORD...; expected output on descriptor 3
validate() {
	sentence=$1 status=$2
	shift 2
	number=$((number + 1))
	cat <&3 >wanted
	"$lockstep" validate "$@" >got 2>&1
	got=$?
	if [ $got -eq "$status" ] && diff -u wanted got >difference; then
		echo "ok $number - $sentence"
	else
		failed=1
		echo "not ok $number - $sentence"
		echo "# exit status $got, expected $status"
		sed 's/^/# /' difference
	fi
}

mkdir parts parts/deep
cat >schema.json <<'END'
{
  "type": "object",
  "properties": {
    "name": { "type": "string", "maxLength": 3 },
    "at": { "format": "date-time" },
    "list": { "items": { "$ref": "http://localhost:1234/deep/one.json" } },
    "short": { "$ref": "urn:example:short" }
  },
  "required": ["name"]
}
END
echo '{ "type": "integer" }' >parts/deep/one.json
echo '{ "$id": "urn:example:short", "maxLength": 2 }' >parts/short.json
echo '{ "type": "object", "required": ["name"] }' >alone.json
echo '{"name":"Ada"}' >good.json
printf '{\n  "name": "Adam",\n  "list": [1, "x"]\n}\n' >bad.json
echo '{"name":}' >broken.json
printf '{"name":"a"}\n\n{"nam":"b"}\n{}\n' >lines
parts='--resources parts --base http://localhost:1234/'

validate "a valid instance is ok" 0 $parts schema.json good.json 3<<'END'
good.json: ok
END
validate "issues have file, line, column and pointer" 1 $parts schema.json \
    good.json bad.json 3<<'END'
good.json: ok
bad.json:2:11: "/name" must have at most 3 characters
bad.json:3:15: "/list/1" must be integer
END
validate "standard input is an instance" 0 $parts schema.json - <good.json \
    3<<'END'
(standard input): ok
END
validate "what is not JSON is trouble, told with its place" 2 $parts \
    schema.json broken.json good.json 3<<'END'
broken.json:1:9: is not JSON: expected a value
good.json: ok
END
validate "what cannot be read is trouble" 2 $parts schema.json absent.json \
    3<<'END'
absent.json: cannot be read: No such file or directory
END
validate "each line can be an instance" 1 --lines alone.json lines 3<<'END'
lines:1: ok
lines:3:1: "/name" is required
lines:4:1: "/name" is required
END
validate "issues as on the wire" 1 --output wire alone.json good.json parts/short.json \
    3<<'END'
{"instance":"good.json","valid":true}
{"instance":"parts/short.json","valid":false,"issues":[{"path":["name"],"pointer":"/name","code":"invalid_type","keyword":"required","message":"is required","params":{"received":"missing"}}]}
END
validate "the basic output of JSON Schema" 1 --output basic alone.json \
    good.json parts/short.json 3<<'END'
{"valid":true,"keywordLocation":"","instanceLocation":"","annotations":[]}
{"valid":false,"keywordLocation":"","instanceLocation":"","errors":[{"valid":false,"keywordLocation":"/required","instanceLocation":"","error":"\"name\" is required"}]}
END
validate "a flag" 1 --output flag alone.json good.json parts/short.json 3<<'END'
{"valid":true}
{"valid":false}
END
echo '{"name":"a","at":"tomorrow"}' >when.json
validate "formats are annotations" 0 $parts schema.json when.json 3<<'END'
when.json: ok
END
validate "formats refuse when they are asserted" 1 --format-assertion $parts \
    schema.json when.json 3<<'END'
when.json:1:18: "/at" must be a valid date-time
END
printf '{\n  "type": "strin"\n}\n' >faulty.json
validate "a bad schema is trouble, told with its place" 2 faulty.json \
    good.json 3<<'END'
lockstep: the schema cannot be used:
faulty.json:2:11: "type" has no type "strin"; known are null, boolean, integer, number, string, array, object
END
validate "a reference that leads nowhere is trouble" 2 schema.json good.json \
    3<<'END'
lockstep: the schema cannot be used:
schema.json:6:34: the $ref "http://localhost:1234/deep/one.json" names a schema that is not known: nothing has the URI http://localhost:1234/deep/one.json
schema.json:7:24: the $ref "urn:example:short" names a schema that is not known: nothing has the URI urn:example:short
END
mkdir more
echo '{ "$id": "urn:example:object", "type": "object" }' >more/object.json
echo '{ "$ref": "urn:example:object", "not": { "$ref": "urn:example:short" } }' \
    >both.json
echo '"a"' >text.json
validate "--resources may be repeated" 1 --resources parts --resources more \
    both.json text.json 3<<'END'
text.json:1:1: the document must be object
text.json:1:1: the document is not allowed
END
validate "an output that there is not is trouble" 2 --output xml alone.json \
    good.json 3<<'END'
lockstep: --output must be text, wire, basic or flag
END

here=${SRCDIR:-$OLDPWD}
contract="--contract $here/contract"
echo '{"title":"","id":"1","recipient":{"name":"Ada"}}' >letter.json
validate "--operation judges a body in the form that the operation takes" 1 \
    $contract --operation letters.create letter.json 3<<'END'
letter.json:1:10: "/title" must have at least 1 character
letter.json:1:1: the document has members that are not allowed: id
END
printf '%s\n' '{"title":"a"}' '{}' '{"title":"a\u0000"}' >lines
validate "what an update takes is not what a create takes" 1 $contract \
    --operation letters.update --lines --output wire lines 3<<'END'
{"instance":"lines","line":1,"valid":true}
{"instance":"lines","line":2,"valid":false,"issues":[{"path":[],"pointer":"","code":"too_small","keyword":"minProperties","message":"must have at least 1 member","params":{"minimum":1,"inclusive":true,"origin":"object"}}]}
{"instance":"lines","line":3,"valid":false,"issues":[{"path":["title"],"pointer":"/title","code":"invalid_format","keyword":"syntax","message":"must be text without NUL","params":{"expected":"text without NUL"}}]}
END
id=00000b0a-4c1d-4f7a-9b3e-5a6f7c8d9e0f
echo "[{\"account_id\":\"$id\",\"name\":\"A\"},{\"name\":\"B\"}]" >rows.json
validate "an operation that takes rows judges each of them" 1 $contract \
    --operation companies.create rows.json 3<<'END'
rows.json:1:67: "/1/account_id" is required
END
validate "an operation that there is not is trouble" 2 $contract \
    --operation letters.creat letter.json 3<<'END'
lockstep: the operation cannot be used:
there is no operation letters.creat
END
validate "an operation without a body is trouble" 2 $contract \
    --operation letters.read letter.json 3<<'END'
lockstep: the operation cannot be used:
letters.read takes no body
END
validate "--operation tells no annotations" 2 $contract --operation \
    letters.create --output basic letter.json 3<<'END'
lockstep: --output basic tells of a SCHEMA alone
END

echo "1..$number"
exit $failed
