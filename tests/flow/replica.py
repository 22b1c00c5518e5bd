# SPDX-License-Identifier: MIT
"""A replica of a system's database, for tests."""

import pathlib
import shutil

import system as sut
from tap import wait_for


class Replica(sut.Cluster):
    """A copy of a running cluster that follows it."""

    def __init__(self, directory, primary):
        self.directory = pathlib.Path(directory) / "replica"
        self.directory.mkdir()
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.user = primary.user
        if self.user:
            shutil.chown(self.directory, self.user)
        self.directory.chmod(0o700)
        self._tool("pg_basebackup", "-d",
                   f"host={primary.directory} user=postgres", "-D", self.data,
                   "-R", "-c", "fast")
        self.start()

    def has_all(self, primary):
        """Has it replayed what the primary has written by now?"""
        place = primary.psql("select pg_current_wal_lsn()")
        wait_for(lambda: self.psql(
            f"select pg_last_wal_replay_lsn() >= '{place}'") == "t",
            "the replica to follow")
