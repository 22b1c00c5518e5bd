# SPDX-License-Identifier: MIT
"""Keys that come by URL, and change: through nginx, with a provider on
loopback that is well, ill, slow, or somebody else.  The keys are made by
`lockstep token`, as a developer would."""

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time

import system as sut
import tap
from client import Client, Closed, request
from keyserver import KeyServer
from tap import case, same

PATH = "/api/letters?limit=1"


# ---- Keys, sets, tokens.

def key(system, name, algorithm):
    """The path of a private key of this name, made once."""
    path = system.directory / f"{name}.pem"
    if not path.exists():
        system.run("token", "--new-key", algorithm, "--key", path)
    return path


def jwks(system, *paths):
    arguments = []
    for path in paths:
        arguments += ["--key", path]
    return system.run("token", "--jwks", *arguments).stdout


def token(system, path, *more, sub=sut.ALICE):
    return system.token("authenticated", sub, 3600, "--key", path, *more)


def part(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(text, **header):
    """The token with other header members, and so a signature that fails."""
    head, rest = text.split(".", 1)
    members = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) %
                                                                4)))
    members.update(header)
    return part(json.dumps(members).encode()) + "." + rest


def serve(system, environment=None, **settings):
    """The server anew, with these settings."""
    same(system.stop(0), 0, "exit")
    system.configure(0, **settings)
    before = dict(os.environ)
    os.environ.update(environment or {})
    try:
        system.start(0)
    finally:
        os.environ.clear()
        os.environ.update(before)
    system.ready()


def status(system, text):
    return system.get(PATH, text, record=False).status


def becomes(system, text, wanted, seconds=60):
    tap.wait_for(lambda: status(system, text) == wanted,
                 f"status {wanted}", seconds)


def everywhere(system, text, wanted):
    """Each worker process has it: many connections in a row say so."""
    for _ in range(24):
        same(status(system, text), wanted, "in each process")


class Asking:
    """Threads that ask with tokens, in turn, and note what came when."""

    def __init__(self, system, *tokens, threads=3):
        self.port = system.port
        self.tokens = list(tokens)
        self.seen = []      # (begun, which, status, seconds)
        self.over = False
        self.threads = [threading.Thread(target=self._ask)
                        for _ in range(threads)]

    def _ask(self):
        with Client(self.port) as c:
            turn = 0
            while not self.over:
                turn += 1
                which = turn % len(self.tokens)
                begun = time.monotonic()
                try:
                    reply = c.ask(request("GET", PATH, self.tokens[which]))
                except Closed:
                    c.close()
                    self.seen.append((begun, which, 0, 0.0))
                    continue
                self.seen.append((begun, which, reply.status,
                                  time.monotonic() - begun))
                # Some hundred requests a second are load enough.
                time.sleep(0.003)

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.over = True
        for t in self.threads:
            t.join()

    def of(self, which=None, since=0.0, until=float("inf")):
        return [s for s in list(self.seen)
                if which in (None, s[1]) and since <= s[0] < until]

    def statuses(self, *args, **more):
        return {s[2] for s in self.of(*args, **more)}


# ---- Cases.

@case
def each_algorithm(system):
    """Tokens of each algorithm, plain and as access tokens, are taken through
    the whole stack."""
    keys = [(a, key(system, a, a)) for a in (
        "RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA")]
    sets = []
    for algorithm, path in keys:
        text = system.run("token", "--jwks", "--algorithm", algorithm,
                          "--key", path).stdout
        sets += json.loads(text)["keys"]
    with KeyServer(json.dumps({"keys": sets})) as provider:
        serve(system, jwks_url=provider.url)
        for algorithm, path in keys:
            for more in ((), ("--access",)):
                text = token(system, path, "--algorithm", algorithm, *more)
                for _ in range(3):
                    same(status(system, text), 200, f"{algorithm} {more}")
                same(status(system, text[:-8] + "AAAAAAAA"), 401,
                     f"{algorithm} {more}, another signature")
        same(status(system, system.token("authenticated", sut.ALICE)), 200,
             "the secret beside it")


@case
def rotation(system):
    """Under load a rotation gives no wrong 401 while both keys are in the set,
    and a removed key is refused within a second of the refresh."""
    old, new = key(system, "old", "RS256"), key(system, "new", "ES256")
    tokens = token(system, old), token(system, new)
    sets = (jwks(system, old), jwks(system, old, new), jwks(system, new))
    late = []
    # Only in a machine that does something else for a moment is it later.
    while len(late) < 4 and (not late or max(late[-1]) >= 1):
        with KeyServer(sets[0]) as provider:
            serve(system, jwks_url=provider.url, jwks_refresh_s=1)
            with Asking(system, *tokens) as asking:
                late.append(rotate(asking, provider, *sets[1:]))
        print(f"# {len(asking.seen)} requests; the new key was refused "
              f"{1000 * late[-1][0]:.0f} ms long, the removed one taken "
              f"{1000 * late[-1][1]:.0f} ms long")
    assert max(late[-1]) < 1, late


def rotate(asking, provider, both, only_new):
    """How long the new key was refused, and the old one taken, after the set
    that says so was fetched; at all other times each reply is right."""
    def refreshed(text):
        provider.say("good", text)
        tap.wait_for(lambda: provider.count(text=text) > 0, "a refresh")
        at = next(at for at, _, t, _ in provider.hits if t == text)
        tap.wait_for(lambda: time.monotonic() > at + 2.5, "some seconds")
        return at

    def length(which, wrong, at):
        """From `at` on it is refused, or taken, and then no more."""
        times = [s[0] for s in asking.of(which, since=at) if s[2] == wrong]
        same(asking.statuses(which, since=at) - {200, 401}, set(), "statuses")
        return max(times, default=at) - at

    tap.wait_for(lambda: len(asking.of(0)) > 200, "some requests", 60)
    same(asking.statuses(0), {200}, "the old key alone")
    same(asking.statuses(1), {401}, "a key that is not there")
    added = refreshed(both)
    refused = length(1, 401, added)
    same(asking.statuses(0), {200}, "the old key, still")
    removed = refreshed(only_new)
    same(asking.statuses(0, until=removed), {200}, "until removed")
    same(asking.statuses(1, since=added + refused + 0.001), {200},
         "the new key, on")
    return refused, length(0, 200, removed)


@case
def unwell(system):
    """While the endpoint is down, slow, huge, garbage, redirecting or serves
    secrets, the last good set is kept and no request is delayed."""
    good, evil = key(system, "good", "ES256"), key(system, "evil", "ES256")
    text, others = token(system, good), token(system, evil)
    oct_key = json.dumps({"keys": [{"kty": "oct", "kid": "x", "alg": "HS256",
                                    "k": part(b"k" * 48)}]})
    with KeyServer(jwks(system, good)) as provider, \
            KeyServer(jwks(system, evil)) as stranger:
        provider.elsewhere = stranger.answer[1]
        private = dict(json.loads(provider.answer[1])["keys"][0], d=part(b"d"))
        modes = [
            ("garbage", ""), ("cut", provider.answer[1]), ("error", ""),
            ("missing", stranger.answer[1]), ("good", ""),
            ("good", '{"keys":[]}'), ("good", oct_key),
            ("good", json.dumps({"keys": [private]})),
            ("good", json.dumps({"keys": [dict(private, kid="a")] * 2})),
            ("redirect", stranger.url), ("redirect", "/elsewhere"),
            ("redirect", "file:///etc/passwd"), ("slow", ""), ("drip", ""),
            ("huge", ""),
        ]
        serve(system, jwks_url=provider.url, jwks_refresh_s=1,
              jwks_timeout_ms=1000)
        everywhere(system, text, 200)
        with Asking(system, text, others) as asking:
            for mode, what in modes:
                began = time.monotonic()
                provider.say(mode, what)
                tap.wait_for(lambda: provider.count(mode, what, began) >= 2,
                             f"two fetches, {mode} {what[:20]}", 60)
            down = time.monotonic()
            provider.stop()
            tap.wait_for(lambda: sum(
                1 for line in system.log_lines(0)
                if line["event"] == "jwks_fetch" and
                "connect" in line["cause"]) >= 2, "two failures", 60)
            print(f"# down for {time.monotonic() - down:.1f} s")
        same(asking.statuses(0), {200}, "the last good set")
        same(asking.statuses(1), {401}, "nobody else's")
        same(stranger.hits, [], "who was redirected to")
        same({h[3] for h in provider.hits}, {"/keys"}, "what was asked for")
        took = sorted(s[3] for s in asking.of(0))
        print(f"# {len(took)} requests, p50 {1000 * took[len(took) // 2]:.1f} "
              f"ms, p99 {1000 * took[len(took) * 99 // 100]:.1f} ms, longest "
              f"{1000 * took[-1]:.0f} ms; {provider.sent_bytes >> 20} MiB of "
              "the huge answers were taken")
        # Who waited for the endpoint would wait for a second.
        assert took[len(took) * 99 // 100] < 0.9, "p99"
        assert provider.sent_bytes < 64 << 20, "a bounded answer"
        for line in system.log_lines(0):
            assert "kkkk" not in json.dumps(line), line


@case
def storm(system):
    """A storm of unknown kids makes one fetch in five seconds at most, and
    keeps nobody else waiting."""
    path = key(system, "good", "ES256")
    text = token(system, path)
    with KeyServer(jwks(system, path)) as provider:
        serve(system, jwks_url=provider.url)
        everywhere(system, text, 200)
        first = provider.hits[0][0]
        same(len(provider.hits), 1, "fetches for two processes")
        storming = [forged(text, kid=f"made-up-{n}") for n in range(512)]
        provider.say("slow", "")
        with Asking(system, *storming, threads=6) as storming_, \
                Asking(system, text, threads=2) as asking:
            tap.wait_for(lambda: time.monotonic() > first + 12, "12 seconds",
                         30)
        same(storming_.statuses(), {401}, "made-up kids")
        same(asking.statuses(), {200}, "a known kid")
        at = [h[0] for h in provider.hits]
        gaps = [b - a for a, b in zip(at, at[1:])]
        print(f"# {len(storming_.seen)} made-up kids, {len(at)} fetches, gaps "
              f"{', '.join(f'{g:.2f}' for g in gaps)} s")
        assert len(at) >= 2, "it is asked for at all"
        # The first was made in peace; how late another one comes is chance.
        assert all(a - at[0] > 5 * n - 1 for n, a in enumerate(at)), gaps
        took = sorted(s[3] for s in asking.of())
        print(f"# known kids: p50 {1000 * took[len(took) // 2]:.1f} ms, p99 "
              f"{1000 * took[len(took) * 99 // 100]:.1f} ms")
        # Who waited for the endpoint would wait for five seconds.
        assert took[len(took) * 99 // 100] < 2.5, "p99"


@case
def first_use(system):
    """The first token by a key that was just published is taken, though the
    set is not due."""
    keys = [key(system, "old", "RS256")]
    first = []
    with KeyServer(jwks(system, *keys)) as provider:
        serve(system, jwks_url=provider.url, jwks_refresh_s=3600)
        everywhere(system, token(system, keys[0]), 200)
        # It waits half a second for the set, which takes some milliseconds but
        # in a machine that does something else: then the next one is the first.
        while len(first) < 4 and 200 not in first:
            keys.append(key(system, f"new-{len(keys)}", "ES256"))
            text = token(system, keys[-1])
            provider.say("good", jwks(system, *keys))
            begun = provider.hits[-1][0]
            tap.wait_for(lambda: time.monotonic() > begun + 5.1, "five seconds")
            first.append(status(system, text))
            tap.wait_for(lambda: all(status(system, text) == 200
                                     for _ in range(24)), "each process")
            same(len(provider.hits), len(keys), "fetches")
    assert 200 in first, first


@case
def two_issuers(system):
    """Two issuers with the same kid: each key verifies its own issuer's tokens
    only."""
    ours, theirs = key(system, "ours", "ES256"), key(system, "theirs", "ES256")

    def named(path):
        one = json.loads(jwks(system, path))["keys"][0]
        return json.dumps({"keys": [dict(one, kid="1")]})

    def signed(path, issuer):
        text = token(system, path, "--issuer", issuer)
        # The kid of the set, signed anew.
        head, body, _ = text.split(".")
        header = part(b'{"alg":"ES256","kid":"1"}')
        der = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", str(path)],
            input=f"{header}.{body}".encode(), capture_output=True,
            check=True).stdout
        return f"{header}.{body}.{part(numbers(der))}"

    with KeyServer(named(ours)) as one, KeyServer(named(theirs)) as two:
        file = system.directory / "issuers.json"
        file.write_text(json.dumps([
            {"issuer": "https://one.example", "audience": "letters",
             "jwks_url": one.url},
            {"issuer": "https://two.example", "audience": "post",
             "jwks_url": two.url, "algorithms": ["ES256"]}]))
        serve(system, issuers=file, jwt_issuer="tests", jwks_refresh_s=1)
        same(status(system, signed(ours, "https://one.example")), 200, "one")
        same(status(system, signed(theirs, "https://two.example")), 200, "two")
        same(status(system, signed(theirs, "https://one.example")), 401,
             "two's key for one")
        same(status(system, signed(ours, "https://two.example")), 401,
             "one's key for two")
        same(status(system, system.token("authenticated", sut.ALICE)), 200,
             "the secret's issuer")
        # One is ill, and two changes its key all the same.
        one.say("slow", "")
        two.say("good", named(ours))
        becomes(system, signed(ours, "https://two.example"), 200)
        gone = signed(theirs, "https://two.example")
        tap.wait_for(lambda: all(status(system, gone) == 401
                                 for _ in range(24)), "each process")
        everywhere(system, signed(ours, "https://one.example"), 200)


def numbers(der):
    """An ECDSA signature's two numbers of 32 bytes, of their DER."""
    out, at = b"", 2
    for _ in range(2):
        size = der[at + 1]
        out += der[at + 2:at + 2 + size].lstrip(b"\0").rjust(32, b"\0")
        at += 2 + size
    return out


@case
def not_there_yet(system):
    """A server that begins without the endpoint answers 503 to its tokens and
    200 to others, and recovers by itself; a worker that is killed later needs
    no endpoint."""
    path = key(system, "good", "ES256")
    text = token(system, path)
    with KeyServer(jwks(system, path)) as provider:
        provider.stop()
        serve(system, jwks_url=provider.url, jwks_refresh_s=2)
        reply = system.get(PATH, text, record=False)
        same(reply.status, 503, "not there yet")
        same(reply.error["code"], "unavailable", "its code")
        assert int(reply.headers["retry-after"]) >= 1, reply.headers
        same(status(system, system.token("authenticated", sut.ALICE)), 200,
             "the secret")
        provider.start()
        becomes(system, text, 200)
        tap.wait_for(lambda: all(status(system, text) == 200
                                 for _ in range(24)), "each process")
        provider.stop()
        before = set(system.workers(0))
        for pid in before:
            os.kill(pid, 9)
        tap.wait_for(lambda: len(set(system.workers(0)) - before) == 2,
                     "new workers")
        system.ready()
        everywhere(system, text, 200)
        # Nor does a reload.
        os.kill(system.pid(0), signal.SIGHUP)
        tap.wait_for(lambda: any(line["event"] == "reloaded"
                                 for line in system.log_lines(0)), "a reload")
        system.ready()
        everywhere(system, text, 200)


@case
def files(system):
    """A set in a file is read again when it changes; one that is broken leaves
    the one before."""
    old, new = key(system, "old", "RS256"), key(system, "new", "ES256")
    by_old, by_new = token(system, old), token(system, new)
    file = system.directory / "set.json"

    def put(text):
        temporary = file.with_suffix(".new")
        temporary.write_text(text)
        temporary.rename(file)

    put(jwks(system, old))
    serve(system, jwks_file=file)
    everywhere(system, by_old, 200)
    same(status(system, by_new), 401, "not yet")
    put(jwks(system, old, new))
    becomes(system, by_new, 200)
    put("{")
    tap.wait_for(lambda: any(line["event"] == "keys_refused"
                             for line in system.log_lines(0)), "the log")
    everywhere(system, by_old, 200)
    put(jwks(system, new))
    becomes(system, by_old, 401)
    tap.wait_for(lambda: all(status(system, by_old) == 401
                             for _ in range(24)), "each process")


@case
def transport(system):
    """Only a certificate that is trusted is believed, and no proxy of the
    environment."""
    path = key(system, "good", "ES256")
    text = token(system, path)
    pem = system.directory / "tls.pem"
    for name in ("", "other-"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-days", "2", "-subj", "/CN=127.0.0.1",
             "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", f"{system.directory}/{name}tls.key",
             "-out", f"{system.directory}/{name}tls.crt"],
            check=True, capture_output=True)
    pem.write_text((system.directory / "tls.key").read_text() +
                   (system.directory / "tls.crt").read_text())
    dead = f"http://127.0.0.1:{sut.free_port()}"
    environment = {"http_proxy": dead, "https_proxy": dead,
                   "HTTPS_PROXY": dead, "ALL_PROXY": dead, "all_proxy": dead}
    with KeyServer(jwks(system, path), certificate=pem) as provider:
        for ca, wanted in (("", 503),
                           (system.directory / "other-tls.crt", 503),
                           (system.directory / "tls.crt", 200)):
            serve(system, environment, jwks_url=provider.url, jwks_ca_file=ca)
            same(status(system, text), wanted, f"trusting {ca}")
        # The same certificate for another name.
        serve(system, environment, jwks_ca_file=system.directory / "tls.crt",
              jwks_url=provider.url.replace("127.0.0.1", "localhost"))
        same(status(system, text), 503, "another name")


@case
def command(system):
    """`lockstep token` makes keys that only the owner may read, overwrites
    none, and says what it needs."""
    path = system.directory / "mine.pem"

    def run(*arguments):
        return system.run("token", "--config", system.config_path(0),
                          *arguments, check=False)

    same(run("--new-key", "ES256", "--key", path).returncode, 0, "made")
    same(path.stat().st_mode & 0o777, 0o600, "its mode")
    before = path.read_bytes()
    again = run("--new-key", "ES256", "--key", path)
    same(again.returncode, 2, "made again")
    assert "exists" in again.stderr, again.stderr
    same(path.read_bytes(), before, "the key that was there")
    for wrong in (("--new-key", "ES256"), ("--new-key", "HS256", "--key", "x"),
                  ("--new-key", "none", "--key", "x"), ("--jwks",),
                  ("--role", "authenticated", "--algorithm", "RS256"),
                  ("--role", "authenticated", "--key", "/no/such"),
                  ("--role", "authenticated", "--key", path, "--algorithm",
                   "RS256", "--sub", "u"),
                  ("--role", "authenticated", "--sub", "u", "--key",
                   system.secret),
                  ("--role", "authenticated", "--sub", "u", "--issuer", "x")):
        done = run(*wrong)
        same(done.returncode, 2, f"exit of {wrong}")
        assert done.stderr.startswith("lockstep: "), done.stderr
        same(done.stdout, "", f"output of {wrong}")
    public = json.loads(run("--jwks", "--key", path).stdout)["keys"][0]
    same(sorted(public), ["alg", "crv", "kid", "kty", "use", "x", "y"],
         "members of the public key")
    # RFC 7638's own example of a thumbprint is in the unit tests' vectors;
    # here the kid must be that of the members.
    members = {m: public[m] for m in ("crv", "kty", "x", "y")}
    same(public["kid"], part(hashlib.sha256(json.dumps(
        members, separators=(",", ":")).encode()).digest()), "the kid")


def main():
    with sut.System(instances=1, settings={**sut.PATIENT, "workers": 2,
                                           "threads": 4}) as s:
        return tap.run(s)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except tap.Skip as why:
        print(f"1..0 # SKIP {why}")
