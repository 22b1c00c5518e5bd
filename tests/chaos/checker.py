# SPDX-License-Identifier: MIT
"""What clients say that they did against what is there, in the terms of a
total queue: all that was attempted, acknowledged, refused; what was lost, done
twice, never asked for, or done though nobody was told (recovered).

A history is written while it happens, a line each: a key is invoked, and then
ok, fail (it is certain that it was not taken) or info (nobody knows).  It must
be drained before it is judged."""

import collections
import json
import threading
import time


class History:
    """The lines of one client, on disk before the deed."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="ascii", buffering=1)
        self.lock = threading.Lock()

    def write(self, op, key, **more):
        with self.lock:
            self.file.write(json.dumps({"t": time.monotonic(), "op": op,
                                        "key": key, **more}) + "\n")

    def close(self):
        self.file.close()


def read(directory):
    """The lines of all clients, in the order of their time."""
    lines = []
    for path in sorted(directory.glob("*.jsonl")):
        with open(path, encoding="ascii") as file:
            lines += [json.loads(line) for line in file]
    return sorted(lines, key=lambda line: line["t"])


class Verdict:
    def __init__(self):
        self.attempted = self.acknowledged = self.refused = self.unknown = 0
        self.lost, self.duplicated, self.unexpected = [], [], []
        self.recovered = 0
        # Replies that are wrong by themselves, orders without their job or the
        # other way round, jobs of a key out of order, dead jobs, samples of
        # the conservation's error that were not 0, what a service was asked
        # under more than one key, jobs that are done without an effect or were
        # cancelled with one.
        self.replies, self.torn, self.disorder = [], [], []
        self.dead, self.samples, self.keys, self.whims = [], [], [], []

    FAULTS = ("lost", "duplicated", "unexpected", "replies", "torn",
              "disorder", "dead", "samples", "keys", "whims")

    def faults(self):
        return {name: getattr(self, name) for name in self.FAULTS
                if getattr(self, name)}

    def __str__(self):
        counts = ", ".join(f"{name} {len(getattr(self, name))}"
                           for name in self.FAULTS)
        return (f"attempted {self.attempted}, acknowledged "
                f"{self.acknowledged}, refused {self.refused}, unknown "
                f"{self.unknown} (recovered {self.recovered}): {counts}")


# What a post may be told: of an event that is new to the client, of one that
# was acknowledged, and of such a one with another body.
RIGHT = {"new": (202, 200), "repeat": (200,), "conflict": (409,)}


def outcomes(history):
    """What is known of each key: "ok", "fail" or "info"."""
    best = {}
    rank = {"invoke": 0, "fail": 1, "info": 2, "ok": 3}
    for line in history:
        op, key = line["op"], line["key"]
        if line.get("what", "new") != "conflict" and op in rank and \
                rank[op] >= rank[best.get(key, "invoke")]:
            best[key] = op
    # Whoever invoked and was not heard of again does not know either.
    return {key: "info" if op == "invoke" else op for key, op in best.items()}


def judge(history, effects):
    """`effects` are the keys of the effects, each as often as it is there."""
    v, told = Verdict(), outcomes(history)
    done = collections.Counter(effects)
    v.attempted = len(told)
    v.acknowledged = sum(op == "ok" for op in told.values())
    v.refused = sum(op == "fail" for op in told.values())
    v.unknown = v.attempted - v.acknowledged - v.refused
    v.lost = sorted(k for k, op in told.items() if op == "ok" and
                    not done[k])
    v.duplicated = sorted(k for k, n in done.items() if n > 1)
    v.unexpected = sorted(k for k in done if told.get(k, "fail") == "fail")
    v.recovered = sum(op == "info" and done[k] > 0 for k, op in told.items())
    v.replies = [f"{line['key']}: {line['what']} got {line['status']}"
                 for line in history if line["op"] in ("ok", "fail") and
                 "status" in line and
                 line["status"] not in RIGHT[line["what"]]]
    return v


def first_after(history, began, down):
    """Seconds from a crash to the first acknowledgement of an event that was
    sent when all was down for certain; None = there was none."""
    sent = {}
    for line in history:
        if line["t"] < down or line.get("what") != "new":
            continue
        if line["op"] == "invoke":
            sent[line["key"]] = line["t"]
        elif line["op"] == "ok" and line["key"] in sent:
            return line["t"] - began
    return None


def disorder(history, ends):
    """Of `ends`, (key, serial) in the order of their effects, those that were
    overtaken: one of the same serial was done before it, though it was sent
    only after this one had been acknowledged."""
    sent, told, out = {}, {}, []
    for line in history:
        if line.get("what") == "new" and line["op"] in ("invoke", "ok"):
            (sent if line["op"] == "invoke" else told).setdefault(
                line["key"], line["t"])
    earliest = {}
    for key, serial in reversed(ends):
        t, later = earliest.get(serial, (float("inf"), None))
        if key in sent and t < sent[key]:
            out.append(later)
        if told.get(key, float("inf")) < t:
            earliest[serial] = (told[key], key)
    return sorted(set(out))
