#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Migrations and policies against a real database."""

import json
import subprocess
import sys

import wired
from wired import tap

case = tap.case


class Files:
    """A directory of migrations and one of policies, and a database."""

    number = 0

    def __init__(self, home):
        Files.number += 1
        self.home = home
        self.name = f"m{Files.number}"
        self.top = home.directory / self.name
        (self.top / "migrations").mkdir(parents=True)
        (self.top / "policies").mkdir()
        home.sql(f"create database {self.name} owner wire_owner",
                 database="postgres")
        self.sql("grant create on schema public to wire_owner")

    def write(self, name, text):
        (self.top / name).write_text(text)

    def command(self, verb, *more):
        return [wired.WIRE, "migrate", verb,
                self.home.pg.conninfo("wire_owner", self.name),
                "migrations", "policies", *more]

    def run(self, verb, *more):
        done = subprocess.run(self.command(verb, *more), cwd=self.top,
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def up(self):
        code, out, err = self.run("up")
        tap.same((code, err), (0, ""), "migrate up")
        return out

    def refused(self, *words, verb="up"):
        code, out, err = self.run(verb)
        tap.same(code, 2 if verb == "up" else 1, out + err)
        for word in words:
            if word not in err:
                raise AssertionError(f"{word!r} is not in {err!r}")

    def sql(self, text):
        return self.home.sql(text, database=self.name)


def two(home):
    f = Files(home)
    f.write("migrations/0001_one.sql", "create table one (n int);\n"
            "insert into one values (1), (2);\n")
    f.write("migrations/0002_two.sql", "create table two (n int);")
    f.write("migrations/roles.sql", "no sql at all")
    f.write("migrations/README.md", "no sql at all")
    f.write("policies/one.sql", "alter table one enable row level security;")
    return f


@case
def applied_once(home):
    """What is pending is applied in order, once; other files are ignored."""
    f = two(home)
    tap.same(f.run("status")[0], 1, "pending")
    tap.same(f.up(), "applied migrations/0001_one.sql\n"
             "applied migrations/0002_two.sql\napplied policies/one.sql\n")
    tap.same(f.up(), "nothing to do\n")
    tap.same(f.run("status")[0], 0, "status")
    tap.same(f.run("verify")[0], 0, "verify")
    tap.same(f.sql("select count(*) from one"), "2")
    tap.same(f.sql("select string_agg(name || ' ' || length(checksum), ','"
                   " order by number) from lockstep.migrations"),
             "0001_one.sql 64,0002_two.sql 64")


@case
def status_in_words(home):
    """Status tells each file's state, as a table and as JSON."""
    f = two(home)
    code, out, _ = f.run("status")
    tap.same((code, out.split()[:3]),
             (1, ["pending", "-", "migrations/0001_one.sql"]))
    tap.same(f.sql("select count(*) from pg_namespace "
                   "where nspname = 'lockstep'"), "0", "status changes nothing")
    f.up()
    f.write("migrations/0003_three.sql", "select 1")
    code, out, _ = f.run("status", "json")
    told = json.loads(out)
    tap.same(code, 1)
    tap.same([(m["file"], m["state"]) for m in told["migrations"]],
             [("migrations/0001_one.sql", "applied"),
              ("migrations/0002_two.sql", "applied"),
              ("migrations/0003_three.sql", "pending")])
    tap.same(told["policies"][0]["state"], "applied")
    tap.same(told["migrations"][2]["applied_at"], None)


@case
def policies_again(home):
    """A policy file is applied again when it changed, and only then."""
    f = two(home)
    f.up()
    f.write("policies/one.sql", "alter table one disable row level security;")
    tap.same(f.run("verify")[0], 1, "verify")
    tap.same(f.up(), "applied policies/one.sql\n")
    tap.same(f.up(), "nothing to do\n")
    (f.top / "policies/one.sql").unlink()
    tap.same("stays in force" in f.up(), True)
    tap.same(f.run("verify")[0], 1, "verify of a policy that is gone")


@case
def faults_of_files(home):
    """Changed, missing, doubled and skipped files are refused, all at once."""
    f = two(home)
    f.up()
    f.write("migrations/0001_one.sql", "select 2")
    f.write("migrations/0002_twice.sql", "select 2")
    f.write("migrations/0005_five.sql", "create table five (n int)")
    f.refused("migrations/0001_one.sql: has changed",
              "migrations/0002_two.sql: has the number of the file before",
              "migrations/0005_five.sql: leaves a gap")
    f.refused("migrations/0001_one.sql: has changed", verb="verify")
    tap.same(f.sql("select to_regclass('five') is null"), "t")
    g = two(home)
    g.up()
    (g.top / "migrations/0002_two.sql").unlink()
    g.refused("migrations/0002_two.sql: was applied, but the file is gone")


@case
def errors_have_a_line(home):
    """An error names file and line, and nothing of the file remains."""
    f = two(home)
    f.up()
    f.write("migrations/0003_three.sql", "create table three (n int);\n"
            "-- \u00e4\u00f6\u00fc\u20ac\nselect *\n  from nowhere;\n")
    f.refused('migrations/0003_three.sql:4: relation "nowhere" does not exist'
              " (SQLSTATE 42P01)")
    f.write("migrations/0003_three.sql", "create table three (n int);\n"
            "\n\\set x 1\n")
    f.refused("migrations/0003_three.sql:3: syntax error")
    f.write("migrations/0003_three.sql", "create table three (n int);\n"
            "do $$ begin raise exception 'no' using hint = 'try'; end $$;\n")
    f.refused("migrations/0003_three.sql: no (SQLSTATE P0001)",
              "hint: try")
    tap.same(f.sql("select to_regclass('three') is null"), "t")
    tap.same(f.sql("select max(number) from lockstep.migrations"), "2")


@case
def its_own_transaction(home):
    """A file that ends its transaction is found out and not recorded."""
    f = two(home)
    f.up()
    f.write("migrations/0003_three.sql", "select 1; commit; begin; select 2")
    f.refused("migrations/0003_three.sql: ends its transaction itself")
    f.write("migrations/0003_three.sql", "select 1; rollback")
    f.refused("migrations/0003_three.sql: ends its transaction itself")
    tap.same(f.sql("select max(number) from lockstep.migrations"), "2")


@case
def settings_do_not_spread(home):
    """What a file sets for its session is gone with the next file."""
    f = two(home)
    f.write("migrations/0001_one.sql", "create schema lost; "
            "set search_path = lost; set statement_timeout = 1; "
            "set role anon")
    f.write("policies/one.sql", "select pg_sleep(0.01)")
    f.up()
    tap.same(f.sql("select to_regclass('public.two') is null"), "f")


@case
def deferred_until_commit(home):
    """A constraint that fails at the commit fails the migration."""
    f = two(home)
    f.write("migrations/0003_three.sql", "create table a (n int primary key);"
            "create table b (n int references a deferrable initially "
            "deferred); insert into b values (1)")
    f.refused("violates foreign key constraint")
    tap.same(f.sql("select to_regclass('b') is null"), "t")
    tap.same(f.sql("select max(number) from lockstep.migrations"), "2")


@case
def one_at_a_time(home):
    """Of several that migrate at once each file is applied by one."""
    f = two(home)
    f.write("migrations/0001_one.sql", "select pg_sleep(0.3);"
            "create table one (n int)")
    many = [subprocess.Popen(f.command("up"), cwd=f.top, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(3)]
    told = [p.communicate(timeout=30) for p in many]
    tap.same([p.returncode for p in many], [0, 0, 0], str(told))
    tap.same("".join(t[0] for t in told).count("applied migrations/0001"), 1)


@case
def no_database(home):
    """Without a database the exit code is 2 and the reason is told."""
    done = subprocess.run(
        [wired.WIRE, "migrate", "up", f"host={home.directory} dbname=x",
         "migrations", "policies"], capture_output=True, text=True,
        cwd=home.directory, check=False)
    tap.same(done.returncode, 2)
    tap.same("connection to server" in done.stderr, True, done.stderr)


if __name__ == "__main__":
    with wired.Home() as at:
        sys.exit(tap.run(at))
