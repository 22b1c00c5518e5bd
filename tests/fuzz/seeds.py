# SPDX-License-Identifier: MIT
"""Seeds for the fuzz targets, made anew for each run from the suites beside
the checkout and from the contract: seeds.py SUITES SRCDIR OUT."""

import json
import pathlib
import sys

SUITES, SRCDIR, OUT = map(pathlib.Path, sys.argv[1:])
SEED_MAX = 4096  # bytes; longer ones slow the search down
written = {}


def seed(target, data):
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    if len(data) > SEED_MAX:
        return
    number = written[target] = written.get(target, 0) + 1
    directory = OUT / target
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{number:05}").write_bytes(data)


def patterns_of(value):
    """All patterns of a schema."""
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            yield value["pattern"]
        if isinstance(value.get("patternProperties"), dict):
            yield from value["patternProperties"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from patterns_of(item)


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def reader():
    for path in sorted((SUITES / "json-parsing-suite").rglob("*.json")):
        seed("reader", path.read_bytes())
    for path in sorted((SRCDIR / "contract").rglob("*.json")):
        seed("reader", path.read_bytes())


def group(g):
    schema, tests = g["schema"], [t["data"] for t in g["tests"]]
    seed("schema", compact(schema))
    seed("validator", compact([schema] + tests))
    texts = "".join(t for t in tests if isinstance(t, str))
    for pattern in patterns_of(schema):
        seed("pattern", pattern + "\n" + texts)


def schemas():
    suite = SUITES / "json-schema-test-suite/tests/draft2020-12"
    for path in sorted(suite.rglob("*.json")):
        for g in json.loads(path.read_text()):
            group(g)
    for path in sorted((SRCDIR / "contract/schemas").glob("*.json")):
        schema = json.loads(path.read_text())
        seed("schema", compact(schema))
        seed("validator", compact([schema] + schema.get("examples", [])))
        for pattern in patterns_of(schema):
            seed("pattern", pattern + "\nORDER-4711")


def requests():
    head = "REQUEST_METHOD=%s\nREQUEST_URI=%s\nHTTP_HOST=a.example\n"
    for method, target in (("GET", "/api/letters?limit=2"),
                           ("POST", "/api/letters"),
                           ("PATCH", "/api/letters/7f3c%2D2f0e"),
                           ("GET", "/api//letters/%2e%2e/a%2Fb?a&b=%C3%A9")):
        seed("request", head % (method, target) +
             "CONTENT_TYPE=application/json\nHTTP_X_REQUEST_ID=r1\n"
             "HTTP_TRACEPARENT=00-4bf92f3577b34da6a3ce929d0e0e4736-"
             "00f067aa0ba902b7-01\n\n{\"title\":\"a\"}")
        seed("request", head % (method, target) +
             "HTTP_PREFER=return=minimal; a=\"b\\\"\", count=exact\n"
             "HTTP_PREFER=handling = \"strict\"\nHTTP_IF_MATCH=\"a\", W/\"b\"\n"
             "HTTP_ACCEPT=text/csv;q=0.5, application/json ; q=0.25, */*;q=0\n"
             "HTTP_IDEMPOTENCY_KEY=k\n\n")


def lists():
    for query in ("status=eq.draft&order=created_at.desc&limit=20",
                  "select=id,title&title=ilike.*a%2Ab*&after=WzFd",
                  "id=in.(7f3c2f0e-4a7b-4c0e-9d5c-0b8a4a1d2e3f,%22a%22)",
                  "created_at=gte.2026-01-01T00:00:00Z&status=not.is.null",
                  "or=(status.eq.draft,not.and(pages.gt.3,title.like.\"a,*\"))",
                  "not.or=(data->>kind.in.(note,bill),data->>paid.is.true)",
                  "data->>amount=gte.5&search=two%20words&data->place->>city="
                  "not.is.null",
                  "select=*,owner(name,letters(id)),notes(*,author(name))",
                  "(pages.eq.1,or(title.ilike.*x*,pages.not.is.null))",
                  "(owner(id),notes(text,author(*)))",
                  "#[1,\"letters\",\"created_at.desc,id.desc\","
                  "\"2026-01-01T00:00:00Z\","
                  "\"7f3c2f0e-4a7b-4c0e-9d5c-0b8a4a1d2e3f\"]"):
        seed("list", query)


def records():
    for text in ('[{"a":1},{"b":"]"},[[],"\\\\"],null,-1.5e3 , true ]',
                 '[]', ' [ ] ', '{"a":1}\r\n\n {"b":[1,2]}\nnull', '[1,]',
                 '[,1]', '[1 2]', '["a""b"]', '[{}]x', '[[1],[{"a":"\\""}]]',
                 '\ufeff1\n2'):
        seed("records", text)


def tokens():
    seed("token", '#{"alg":"HS256","typ":"JWT"}\n{"role":"authenticated",'
         '"sub":"alice","iat":1,"exp":4102444800}')
    seed("token", '#{"alg":"none"}\n{"role":"anon","exp":4102444800.5,'
         '"nbf":"x","aud":["a"]}')
    seed("token", "Bearer eyJhbGciOiJIUzI1NiJ9.e30.AAAA")
    vectors = SUITES / "jwt-vectors/wycheproof_json_web_signature_test.json"
    for g in json.loads(vectors.read_text())["testGroups"]:
        for test in g["tests"]:
            if isinstance(test.get("jws"), str):
                seed("token", "Bearer " + test["jws"])


def hooks():
    body = '{"test": 2432232314}'
    seed("hook", "@vmsg_p5jXN8AQM9LWM0D4loKWxJek\n1614265330\nv1,g0hM9SsE+OT"
         f"PJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\n{body}")
    seed("hook", "Av\n\nt=1614265330,v1=" + "0" * 64 + "\n" + body)
    seed("hook", "Bv\n\nsha256=" + "0" * 64 + "\n" + body)
    for scheme in "@ABC":
        seed("hook", f"{scheme}sid_1\n\n\n{body}")
    seed("hook", "@kwhsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw until 2026-12-01T0"
         "0:00:00Z\nwhpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=\n")
    seed("hook", "Aka secret of a source that is long enough\n")


reader()
schemas()
requests()
lists()
records()
tokens()
hooks()
for target in sorted(written):
    print(target, written[target])
