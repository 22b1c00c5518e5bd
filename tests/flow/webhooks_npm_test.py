# SPDX-License-Identifier: MIT
"""Our signatures against the libraries that senders and receivers use: what
they sign we verify, what we sign they verify, and no tampered twin of either.
Where they are more lenient than we are is pinned: a version of theirs that is
not any more will show here."""

import base64
import json
import os
import subprocess
import sys
import time

import npm
import tap
from tap import case, same

PEER = npm.BUILDDIR / "tests/unit/hook_peer"
SCRIPT = npm.SRCDIR / "tests/flow/hooks.mjs"
BODY = '{"type": "invoice.paid", "text": "caf\u00e9 \U0001f600"}'.encode()
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
TEXT, TEXT_OTHER = "a secret of some text", "another secret of text"

# Of each library the form as we call it, a secret, another one.
PLAIN = ("sha256", "hex", ".", "sha256=")
LIBRARIES = {
    "standardwebhooks": ("standard", WHSEC, OTHER),
    "svix": ("standard", WHSEC, OTHER),
    "stripe": ("stamped", TEXT, TEXT_OTHER),
    "octokit": ("plain", TEXT, TEXT_OTHER),
}


class World:
    def __init__(self, tools):
        self.home = tools.home
        self.script = tools.place(SCRIPT)
        self.environment = tools.environment
        self.now = int(time.time())

    def theirs(self, tasks):
        """The results of the libraries, in one go."""
        for task in tasks:
            task["body"] = base64.b64encode(task["body"]).decode()
        done = subprocess.run(
            ["node", str(self.script)], input=json.dumps(tasks),
            capture_output=True, text=True, env=self.environment,
            cwd=self.home, check=False)
        same(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def ours(self, verb, library, body, secret=None, event="msg_1", at=None,
             signature="-"):
        form, usual, _ = LIBRARIES[library]
        done = subprocess.run(
            [str(PEER), verb, form, *PLAIN, str(self.now), secret or usual,
             event, str(self.now if at is None else at), signature],
            input=body, capture_output=True, check=False)
        return done.stdout.decode().strip()

    def task(self, verb, library, **more):
        return {"verb": verb, "library": library, "id": "msg_1",
                "secret": LIBRARIES[library][1], "at": self.now,
                "body": BODY, **more}


def changed(signature):
    """The same with its last digit but two another."""
    at = len(signature) - 3
    return signature[:at] + ("0" if signature[at] != "0" else "1") + \
        signature[at + 1:]


@case
def they_sign(w):
    """What each library signs is verified here, and no tampered twin."""
    made = w.theirs([w.task("sign", name) for name in LIBRARIES])
    for (name, (form, _, other)), signature in zip(LIBRARIES.items(), made):
        verify = lambda body=BODY, **more: w.ours(
            "verify", name, body, **{"signature": signature, **more})
        same(verify(), "good", f"{name}: {signature}")
        twins = [verify(BODY + b"\n"), verify(BODY[:-1]), verify(b""),
                 verify(BODY.replace(b"\xc3\xa9", b"e\xcc\x81")),
                 verify(secret=other), verify(signature=changed(signature)),
                 verify(signature=signature[:-1])]
        if form == "standard":
            twins += [verify(event="msg_2"), verify(at=w.now + 1)]
        if form == "stamped":
            twins += [verify(signature=signature.replace(
                str(w.now), str(w.now + 1)))]
        same(set(twins), {"forged"}, name)
        print(f"# {name}: {len(twins)} twins")


@case
def we_sign(w):
    """What we sign each library verifies, and no tampered twin; nor when we
    sign by two secrets, one of which it has."""
    tasks, wanted = [], []
    for name, (form, secret, other) in LIBRARIES.items():
        made = w.ours("sign", name, BODY)
        rows = [({}, True), ({"body": BODY + b" "}, False),
                ({"secret": other}, False),
                ({"signature": changed(made)}, False)]
        if form == "standard":
            rows += [({"id": "msg_2"}, False), ({"at": w.now + 1}, False)]
        if form != "plain":
            both = w.ours("sign", name, BODY, f"{secret}\n{other}")
            rows += [({"signature": both}, True),
                     ({"signature": both, "secret": other}, True)]
        for more, good in rows:
            tasks.append(w.task("verify", name, **{"signature": made, **more}))
            wanted.append((name, str(more), good))
    got = w.theirs(tasks)
    same([(n, m, g is True) for (n, m, _), g in zip(wanted, got)], wanted)


@case
def old_ones(w):
    """A time that is too long ago, or to come, is refused on both sides."""
    # Five minutes are allowed; to come, a minute more, as node starts meanwhile.
    for away in (-310, 360):
        for name in ("standardwebhooks", "svix", "stripe"):
            w.now = int(time.time())
            at = w.now + away
            made = w.ours("sign", name, BODY, at=at)
            same(w.ours("verify", name, BODY, at=at, signature=made), "stale")
            theirs = w.theirs([w.task("verify", name, at=at,
                                      signature=made)])[0]
            # Stripe's takes times to come.
            same(theirs is True, name == "stripe" and away > 0,
                 f"{name} {away} {theirs}")


@case
def their_leniency(w):
    """What they take and we do not: times that are more than digits, which
    they read and write anew before they verify."""
    tasks, ours = [], []
    for name in ("standardwebhooks", "svix"):
        made = w.ours("sign", name, BODY)
        for at in (f"{w.now}abc", f" {w.now}", f"{w.now}.9"):
            tasks.append(w.task("verify", name, at=at, signature=made))
            ours.append(w.ours("verify", name, BODY, at=at, signature=made))
    made = w.ours("sign", "stripe", BODY)
    for more in (made.replace(f"t={w.now}", f"t={w.now}abc"),
                 f"t=1,{made}"):
        tasks.append(w.task("verify", "stripe", signature=more))
        ours.append(w.ours("verify", "stripe", BODY, signature=more))
    same(set(ours), {"malformed"})
    got = w.theirs(tasks)
    same([g is True for g in got], [True] * len(tasks), str(got))


@case
def bytes_that_are_no_text(w):
    """We sign and verify bytes; they sign and verify the text that they make
    of them, so bodies that are not UTF-8 are none that both understand."""
    body = b'{"a": "\xff"}'
    for name in LIBRARIES:
        made = w.ours("sign", name, body)
        same(w.ours("verify", name, body, signature=made), "good", name)
        theirs = w.theirs([w.task("verify", name, body=body,
                                  signature=made)])[0]
        same(theirs is True, False, name)


@case
def empty_bodies(w):
    """Of an empty body we verify the signature; whether it is JSON is asked
    later."""
    for name in LIBRARIES:
        made = w.ours("sign", name, b"")
        same(w.ours("verify", name, b"", signature=made), "good", name)


def main():
    try:
        tools = npm.tools()
    except tap.Skip as why:
        print(f"1..0 # SKIP {why}")
        return 1 if os.environ.get("CI") == "true" else 0
    return tap.run(World(tools))


if __name__ == "__main__":
    sys.exit(main())
