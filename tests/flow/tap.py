# SPDX-License-Identifier: MIT
"""TAP for the system tests: a case is a function, its docstring says what
must hold.  A case that raises has failed; Skip says why it could not run."""

import os
import signal
import sys
import time
import traceback

cases = []

# A case that takes longer than any does has hung, and says where; one that was
# asked for by options takes as long as it takes.
CASE_S = 400 if len(sys.argv) == 1 else 0


class Skip(Exception):
    pass


def case(function):
    """Registers a test case; its docstring is its name."""
    cases.append(function)
    return function


def wait_for(condition, what, seconds=20.0, pause=0.02):
    """Polls a condition until it holds; its value is returned. `what` is what
    is waited for, or a function that says what there is instead."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            what = what() if callable(what) else what
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(pause)


def same(got, wanted, what=""):
    if got != wanted:
        raise AssertionError(f"{what}: got {got!r}, wanted {wanted!r}")


# A test that is told to end leaves its `with` blocks, and so nothing behind.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def hung(*_):
    raise AssertionError(f"not over after {CASE_S} s")


signal.signal(signal.SIGALRM, hung)


def run(*arguments):
    """Runs the cases in order and prints TAP; exits 1 if one failed."""
    only = os.environ.get("ONLY")
    chosen = [c for c in cases if not only or only in c.__name__]
    print(f"1..{len(chosen)}", flush=True)
    failed = 0
    for number, function in enumerate(chosen, 1):
        name = " ".join((function.__doc__ or function.__name__).split())
        name = name.rstrip(".").replace("#", "no.")
        try:
            signal.alarm(CASE_S)
            function(*arguments)
        except Skip as why:
            if os.environ.get("CI") == "true":
                failed += 1
                print(f"not ok {number} - {name} (skipped: {why})")
            else:
                print(f"ok {number} - {name} # SKIP {why}")
        except Exception:
            failed += 1
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
            print(f"not ok {number} - {name}")
        else:
            print(f"ok {number} - {name}")
        finally:
            signal.alarm(0)
        sys.stdout.flush()
    return 1 if failed else 0
