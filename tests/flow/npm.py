# SPDX-License-Identifier: MIT
"""What tests take from npm: the packages of tests/package.json, or of another
folder, in the build directory or in TEST_NPM, which several builds may share,
installed once whatever test comes first; and Debian's Chromium, which is driven
from there.

Debian's node is older than what the packages want: npm has one, too."""

import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import subprocess

import tap

SRCDIR = pathlib.Path(os.environ.get("SRCDIR", ".")).resolve()
BUILDDIR = pathlib.Path(os.environ.get("BUILDDIR", SRCDIR)).resolve()
HOMES = pathlib.Path(os.environ.get("TEST_NPM", BUILDDIR / "npm")).resolve()
ARTEFACTS = BUILDDIR / "screenshots"
CHROMIUM = "/usr/bin/chromium"
QUIET = {"NO_COLOR": "1", "REDOCLY_TELEMETRY": "off",
         "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "npm_config_audit": "false",
         "npm_config_fund": "false", "npm_config_update_notifier": "false"}


class Tools:
    """The installed packages."""

    def __init__(self, home):
        self.home = home
        self.bin = home / "node_modules/.bin"
        self.environment = {**os.environ, **QUIET,
                            "PATH": f"{self.bin}:{os.environ['PATH']}"}

    def run(self, program, *arguments, cwd=None, env=None, status=0):
        """Runs a program of theirs; what it printed.  Fails if it ends with
        another status, unless that is None."""
        done = subprocess.run(
            [program, *map(str, arguments)], capture_output=True,
            text=True, env={**self.environment, **(env or {})},
            cwd=cwd or self.home, stdin=subprocess.DEVNULL, check=False)
        if status is not None:
            tap.same(done.returncode, status,
                     f"{program}: {done.stdout[-6000:]}{done.stderr[-6000:]}")
        return done.stdout

    def tsc(self, work, *arguments):
        """The status of tsc in a directory, and what it says.  It is asked once
        for the same files and packages, whatever the name of the directory and
        whatever the build; for files of elsewhere, each time."""
        known = self.home / "tsc" / digest_of(
            work, (self.home / "stamp").read_text(), *map(str, arguments))
        if known.is_file():
            return json.loads(known.read_text())
        done = subprocess.run(
            [self.bin / "tsc", "--pretty", "false", "--listFiles",
             *map(str, arguments)], capture_output=True, text=True, cwd=work,
            env=self.environment, stdin=subprocess.DEVNULL, check=False)
        lines = (done.stdout + done.stderr).splitlines()
        read = [line for line in lines if os.path.isfile(line)]
        said = [done.returncode, "\n".join(
            line for line in lines if line not in read)]
        ours = (f"{work.resolve()}/", f"{self.home}/")
        if read and all(file.startswith(ours) for file in read):
            known.parent.mkdir(exist_ok=True)
            written = known.with_suffix(f".{os.getpid()}")
            written.write_text(json.dumps(said))
            written.rename(known)
        return said

    def place(self, script):
        """A copy of a script where it finds the packages, which is whole
        whoever else makes it."""
        copy = self.home / script.name
        new = copy.with_suffix(f".{os.getpid()}")
        new.write_bytes(script.read_bytes())
        new.rename(copy)
        return copy

    def link(self, directory):
        """Has sources in a directory find the packages."""
        (directory / "node_modules").symlink_to(self.home / "node_modules")

    def browse(self, script, name, **environment):
        """Runs one case of a script that uses browser.mjs; what it gave."""
        if not os.access(CHROMIUM, os.X_OK):
            raise tap.Skip("chromium is not installed")
        ARTEFACTS.mkdir(exist_ok=True)
        said = self.run("node", script, name, env={
            "PACKAGES": str(self.home), "ARTEFACTS": str(ARTEFACTS),
            "CHROMIUM": CHROMIUM, **environment})
        return json.loads(said)


def digest_of(work, *words):
    """Of words and of all files in a directory, but for packages, as if the
    directory had another name."""
    digest = hashlib.sha256()
    name = str(work).encode()
    files = sorted(path for path in work.rglob("*") if path.is_file() and
                   "node_modules" not in path.relative_to(work).parts)
    for part in (*(word.encode() for word in words),
                 *(part for path in files for part in (
                     bytes(path.relative_to(work)), path.read_bytes()))):
        part = part.replace(name, b".")
        digest.update(b"%d:" % len(part) + part)
    return digest.hexdigest()


def install(home, package, stamp):
    shutil.copy(package, home / "package.json")
    done = subprocess.run(
        ["npm", "install", "--silent", "--no-package-lock", "--prefix",
         str(home)], capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, env={**os.environ, **QUIET}, cwd=home)
    if done.returncode != 0:
        raise tap.Skip("npm cannot install: " + " ".join(
            (done.stdout + done.stderr).split())[:200])
    (home / "stamp").write_text(stamp)


def tools(folder="tests"):
    """The packages of a folder; Skip when there is no npm, or no registry."""
    if not shutil.which("npm"):
        raise tap.Skip("there is no npm")
    package = SRCDIR / folder / "package.json"
    home = HOMES / pathlib.PurePath(folder).name
    stamp = hashlib.sha256(package.read_bytes()).hexdigest()
    home.mkdir(parents=True, exist_ok=True)
    # Tests run beside each other; the first one installs.
    with open(home / "lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "stamp").is_file() or \
                (home / "stamp").read_text() != stamp:
            install(home, package, stamp)
    return Tools(home)
