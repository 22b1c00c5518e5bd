# SPDX-License-Identifier: MIT
"""`lockstep validate --operation` is the running server: documents of each
operation that takes a body, sent to it, are judged alike, issues included.
tests/golden/drift.py holds the validators of front ends against the former."""

import json
import pathlib
import shutil
import sys
import tempfile

import npm
import system as sut
import tap
from client import Client, request
from tap import case, same

HERE = sut.TOP / "tests/golden/drift"
ID = "99999999-9999-4999-8999-999999999999"
COUNT = "40"	# documents of a component that are made
SENT = 12	# of them, to each operation


def documents(s, work):
    """component -> its documents, as texts; and what each operation takes."""
    shutil.copytree(HERE, work / "drift")
    (work / "package.json").write_text('{"type": "module"}')
    tools = npm.tools()
    tools.link(work)
    openapi = work / "openapi.json"
    s.run("gen", "typescript", "--contract", s.contract, "--out", work / "out")
    s.run("gen", "openapi", "--contract", s.contract, "--out", openapi)
    counts = json.loads(tools.run(
        "node", "--no-warnings", work / "drift/make.ts", work / "out", openapi,
        work / "documents", "7", COUNT))
    api = json.loads(openapi.read_text())
    return {name: (work / "documents" / f"{name}.jsonl").read_text().strip()
            .split("\n") for name in counts}, api


def operations(api):
    """(operation, method, path, component) of all that take a body."""
    for path, item in api["paths"].items():
        for method, op in item.items():
            if not isinstance(op, dict) or "requestBody" not in op:
                continue
            text = json.dumps(op["requestBody"])
            component = text.split("#/components/schemas/")[1].split('"')[0]
            yield op["operationId"], method.upper(), "/api" + path, component


def spread(texts):
    """Some of the texts, from all over the file."""
    short = [t for t in texts if len(t.encode()) < 40000]
    step = max(1, len(short) // SENT)
    return short[::step][:SENT]


def validated(s, work, operation, texts):
    lines = work / "lines"
    lines.write_text("\n".join(texts) + "\n")
    said = s.run("validate", "--contract", s.contract, "--operation",
                 operation, "--lines", "--output", "wire", lines, check=False)
    return [json.loads(line) for line in
            said.stdout.strip().split("\n")]


def agrees(reply, wanted, where):
    """The server's refusal is the command's; what the command takes, the
    server may refuse for other reasons alone."""
    error = reply.error if reply.status >= 400 else {"code": None}
    if not wanted["valid"]:
        same((reply.status, error["code"]), (422, "validation_failed"), where)
        same(error["issues"], wanted["issues"], where)
        same(error.get("issues_truncated"), wanted.get("issues_truncated"))
        return
    # A constraint of the database, or a member that repeats the path.
    told = {i["keyword"] for i in error.get("issues", [])}
    assert told <= {"constraint", "syntax"}, f"{where}: {reply.body}"
    assert error["code"] not in ("malformed_json", "internal"), \
        f"{where}: {reply.body}"


@case
def the_command_is_the_server(s):
    """What `validate --operation` says of a body the running server says, for
    each operation that takes one."""
    with tempfile.TemporaryDirectory() as directory:
        work = pathlib.Path(directory)
        texts, api = documents(s, work)
        sent = valid = 0
        tokens = [s.token("authenticated", sut.ALICE),
                  s.token("service_role")]
        with Client(s.port) as c:
            for operation, method, path, component in operations(api):
                chosen = spread(texts[component])
                wanted = validated(s, work, operation, chosen)
                same(len(wanted), len(chosen), operation)
                for number, text in enumerate(chosen):
                    reply = ask(c, method, path, tokens, text,
                                f"{operation}-{number}")
                    agrees(reply, wanted[number], f"{operation}: {text}")
                    sent += 1
                    valid += wanted[number]["valid"]
        print(f"# {sent} documents, {valid} of them valid")
        assert sent > 300 and 50 < valid < sent - 100, (sent, valid)


def ask(c, method, path, tokens, text, key):
    """Asks as a person, or else as a server."""
    headers = [("Prefer", "tx=rollback"), ("Idempotency-Key", key)]
    if method == "PATCH":
        headers.append(("If-Match", "*"))
    for token in tokens:
        reply = c.ask(request(method, path.replace("{id}", ID), token,
                              text.encode(), headers))
        if reply.status != 403 or reply.error["code"] != "forbidden":
            break
    return reply


def main():
    with tempfile.TemporaryDirectory() as directory:
        # As many requests as it takes.
        contract = pathlib.Path(directory) / "contract"
        shutil.copytree(sut.TOP / "contract", contract)
        api = json.loads((contract / "api.json").read_text())
        api["rates"] = {name: {"count": 100000, "per": 1, "burst": 100000}
                        for name in api["rates"]}
        (contract / "api.json").write_text(json.dumps(api))
        with sut.System(contract=contract,
                        settings={"tx_rollback": "on"}) as s:
            return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
