# SPDX-License-Identifier: MIT
"""A stranger's database, served by following doc/OWN-TABLES.md: the commands of
the page are run as they stand in a directory of their own, on tables with
composite keys, enums, arrays, domains and views (stranger/shop.sql); then what
a team has elsewhere, a Supabase project and schemas of zod."""

import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import npm
import system as sut
import tap
from tap import case, same

PAGE = sut.TOP / "doc/OWN-TABLES.md"
HERE = sut.TOP / "tests/flow/stranger"
END = "-- the end of a command --"
SHARE = "/usr/local/share/lockstep"
WALK_S = 120            # what the page may take of a machine


def commands(text, first, last):
    """[(command, [line, ...]), ...] of the page's sections: an indented line is
    what the command before it says, or goes on with a command."""
    found = []
    text = text[text.index(first):text.index(last)]
    for block in re.findall(r"^```\n(.*?)^```$", text, re.S | re.M):
        for line in block.splitlines():
            more = found and found[-1][0].endswith("\\")
            if line.startswith("    ") and not more:
                found[-1][1].append(line.strip())
            elif more:
                found[-1] = (f"{found[-1][0]}\n{line}", [])
            elif not line.startswith("URL="):   # given from outside
                found.append((line, []))
    return found


class Shop(sut.System):
    """The stranger's database, and a project beside it; its sockets are the
    project's."""

    def __init__(self, **more):
        super().__init__(instances=2, **more)

    def socket_path(self, number):
        return self.directory / f"shop/run/{number}.sock"

    def config_path(self, number):
        return self.directory / "shop/lockstep.conf"

    def _begin(self):
        self.cluster = sut.Cluster(self.directory)
        self.socket = str(self.cluster.directory)
        pg = self.cluster
        pg.psql("create database mydb", database="postgres")
        pg.psql("create role shop_owner login; "
                "grant create on database mydb to shop_owner", database="mydb")
        pg.psql(file=HERE / "shop.sql", user="shop_owner", database="mydb")
        self.project = self.directory / "shop"
        self.environment = dict(
            os.environ, PGHOST=self.socket, PGUSER="postgres", no_proxy="*",
            PATH=f"{sut.BUILD}:{os.environ['PATH']}")
        self.servers = []

    def __exit__(self, *more):
        for pid in self.servers:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        for pid in self.servers:
            tap.wait_for(lambda pid=pid: not pathlib.Path(
                f"/proc/{pid}/stat").exists() or " Z " in pathlib.Path(
                    f"/proc/{pid}/stat").read_text(), "a server to end", 20)
        super().__exit__(*more)

    def lockstep_here(self, *arguments, status=0, cwd=None):
        """Runs the program in the project; what it said."""
        done = subprocess.run(
            [str(self.lockstep), *map(str, arguments)],
            cwd=cwd or self.project, env=self.environment, text=True,
            capture_output=True, check=False, stdin=subprocess.DEVNULL)
        same(done.returncode, status,
             f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def page(self, first, last, cwd, **environment):
        """Runs the page's commands; [(command, lines, what it said), ...]."""
        found = commands(PAGE.read_text(), first, last)
        script = [f"cd '{cwd}'"]
        for command, _ in found:
            command = command.replace("host=/var/run/postgresql",
                                      f"host={self.socket}")
            script += [command, f"echo; echo '{END}'"]
        script.append("jobs -p >pids")
        said = self.directory / "said"
        with open(said, "wb") as out:
            subprocess.run(["bash"], input="\n".join(script).encode(),
                           env=dict(self.environment, **environment),
                           stdout=out, stderr=out, check=False)
        pids = self.project / "pids"
        if pids.exists():
            self.servers += map(int, pids.read_text().split())
            pids.unlink()
        told = said.read_text().split(END)
        same(len(told), len(found) + 1, "commands of the page")
        return [(c, lines, text) for (c, lines), text in zip(found, told)]


def check_page(done):
    """Each command says what the page has it say."""
    faults = []
    for command, lines, text in done:
        rest = text
        for line in lines:
            at = rest.find(line)
            if at < 0:
                faults.append(f"{command}\nwanted: {line}\ngot: {text}")
                break
            rest = rest[at + len(line):]
    assert not faults, "\n".join(faults)


def nginx_of(s):
    """The page's own nginx commands, as far as a private nginx has a place for
    them: what is rendered is the system's."""
    s._nginx()
    s.ready()


@case
def the_page_serves_the_strangers_tables(s):
    """The commands of the page, in their order, end in replies as it has
    them, long before its ten minutes are over."""
    began = time.monotonic()
    done = s.page("## 1. A project", "## 4. Serve", s.directory)
    serve = [c for c, _ in commands(PAGE.read_text(), "## 4. Serve",
                                    "## 5. Ask") if c.startswith("lockstep")]
    same(len(serve), 2, "instances")
    mode = " --socket-mode 666" if os.geteuid() == 0 else ""
    for number, command in enumerate(serve):
        words = (command.removesuffix("&") + mode).split()[1:]
        log = open(s.directory / f"lockstep-{number}.err", "ab")
        process = subprocess.Popen(
            [str(s.lockstep), *words], cwd=s.project, env=s.environment,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        s.process[f"lockstep-{number}"] = process
    for number in range(2):
        tap.wait_for(lambda n=number: s._accepts(n), "a socket", 20)
    nginx_of(s)
    url = f"{s.url}/api"
    done += s.page("## 5. Ask", "## What a team", s.project, URL=url)
    took = time.monotonic() - began
    print(f"# the walk took {took:.1f} s of {WALK_S}")
    check_page(done)
    assert took < WALK_S, took


@case
def the_page_renders_nginx(s):
    """The page's command renders a site that nginx takes."""
    command = next(c for c, _ in commands(PAGE.read_text(), "## 4. Serve",
                                          "## 5. Ask") if "render.sh" in c)
    site = s.directory / "page.conf"
    script = (command.replace("/etc/nginx/conf.d/lockstep.conf", str(site))
              .replace("$NGINX/problem.def",
                       str(sut.TOP / "src/base/problem.def"))
              .replace("SERVER_NAME", f"LOG={s.directory} SERVER_NAME"))
    subprocess.run(["bash", "-ec", script], check=True, cwd=s.project,
                   env=dict(s.environment, NGINX=str(sut.TOP / "nginx")))
    assert f"{s.project}/run/1.sock" in site.read_text()
    assert SHARE + "/nginx" in PAGE.read_text()


@case
def rows_are_their_owners(s):
    """By an owner column, by a key that is the owner, and by a foreign key to
    an owned table."""
    s.alice = s.token("authenticated", sut.ALICE)
    s.bob = s.token("authenticated", sut.BOB)
    for path, alice, bob in (
            ("/orders", 1, 1), ("/order_lines", 2, 1), ("/customers", 1, 1),
            ("/order_totals", 1, 1), ("/products", 2, 2),
            ("/reviews", 0, 0)):
        same(len(s.get("/api" + path, s.alice).data), alice, path)
        same(len(s.get("/api" + path, s.bob).data), bob, path)
    same(s.get("/api/order_lines/2/1", s.alice).status, 404, "Bob's line")
    reply = s.curl("POST", "/api/order_lines", s.alice,
                   {"order_id": 2, "line": 9, "sku": "IN-0001"})
    same(reply.status, 403, "a line in Bob's order")
    reply = s.curl("POST", "/api/reviews", s.alice,
                   {"customer_id": sut.BOB, "sku": "IN-0001", "stars": 1})
    same(reply.status, 403, "a review in Bob's name")
    same(s.get("/api/orders").status, 401, "without a token")
    same(len(s.get("/api/products").data), 2, "products for all")
    same(s.curl("POST", "/api/products", s.alice, {}).status, 405,
         "what nobody owns nobody writes")


@case
def a_key_of_several_columns_is_a_path_of_as_many(s):
    """Made, found, listed with a cursor, changed and deleted by it."""
    made = s.curl("POST", "/api/reviews", s.alice,
                  {"customer_id": sut.ALICE, "sku": "PA-0001", "stars": 4},
                  headers={"Idempotency-Key": "r1"})
    where = f"/api/reviews/{sut.ALICE}/PA-0001"
    same((made.status, made.headers["location"]), (201, where), "made")
    again = s.curl("POST", "/api/reviews", s.alice,
                   {"customer_id": sut.ALICE, "sku": "PA-0001", "stars": 4},
                   headers={"Idempotency-Key": "r1"})
    same((again.status, again.headers["location"], again.body),
         (201, where, made.body), "made once")
    read = s.get(where, s.alice)
    same(read.headers["etag"], made.headers["etag"], "the tag")
    changed = s.curl("PATCH", where, s.alice, {"stars": 2},
                     headers={"If-Match": read.headers["etag"]})
    same(changed.data["stars"], 2, "changed")
    same(s.curl("PATCH", where, s.alice, {"stars": 3},
                headers={"If-Match": read.headers["etag"]}).status, 412,
         "a stale tag")
    same(s.curl("PATCH", where, s.alice, {"sku": "IN-0001"}).status, 422,
         "a key stays")
    taken = s.curl("POST", "/api/reviews", s.alice,
                   {"customer_id": sut.ALICE, "sku": "PA-0001", "stars": 4})
    same((taken.status, taken.error["code"]), (409, "key_taken"), "taken")
    same(s.curl("DELETE", where, s.alice).status, 200, "deleted")
    same(s.get(where, s.alice).status, 404, "gone")
    same(s.get(f"/api/reviews/{sut.ALICE}", s.alice).status, 404, "half a key")
    same(s.get("/api/order_lines/1/x", s.alice).error["issues"][0]["path"],
         ["line"], "a part that is no integer")


@case
def pages_of_such_a_list_go_on_behind_the_key(s):
    """Every row once, whatever the page's size."""
    rows = [[1, n] for n in range(1, 8)]
    for _, line in rows[2:]:
        s.cluster.psql("insert into shop.order_lines (order_id, line, sku) "
                       f"values (1, {line}, 'IN-0001')", database="mydb")
    seen, path = [], "/api/order_lines?limit=3&select=order_id,line"
    while path:
        reply = s.get(path, s.alice)
        seen += [[r["order_id"], r["line"]] for r in reply.data]
        after = reply.json["meta"]["page"]["next"]
        path = after and ("/api/order_lines?limit=3&select=order_id,line"
                          f"&after={after}")
    same(seen, rows, "all rows in the order of the key")


@case
def arrays_of_sql_come_and_go_as_json(s):
    """Items with commas, quotes, brackets and NULL are what they were."""
    me = f"/api/customers/{sut.ALICE}"
    for channels in ([], ["phone"], ["branch", "web", "phone"]):
        same(s.curl("PATCH", me, s.alice,
                    {"channels": channels}).data["channels"], channels, "")
    reply = s.curl("PATCH", me, s.alice, {"channels": ["web"] * 4})
    same(reply.error["issues"][0]["code"], "too_big", "the CHECK's bound")
    reply = s.curl("PATCH", me, s.alice, {"channels": ["fax"]})
    same(reply.status, 422, "no such label")


@case
def odd_texts_survive_an_array(s):
    """What a client writes into text[] is what it reads."""
    s.cluster.psql(
        "create table shop.lists (id int primary key, owner_id uuid not null "
        "default auth.uid(), words text[], grid int[], docs jsonb[]); "
        "alter table shop.lists owner to shop_owner; "
        "create index on shop.lists (owner_id)", database="mydb")
    s.lockstep_here("new", "resource", "shop.lists")
    s.lockstep_here("migrate", "up")
    before = {pid for number in range(2) for pid in s.workers(number)}
    for number in range(2):
        os.kill(s.pid(number), signal.SIGHUP)
    tap.wait_for(lambda: not before & {
        pid for number in range(2) for pid in s.workers(number)},
        "the workers of before to end", 60)
    tap.wait_for(lambda: s.get("/api/lists", s.alice).status == 200,
                 "the new resource")
    row = {"id": 1, "words": ["a, b", "{}", 'say "x"', "back\\slash", "",
                              "NULL", "ß ✓", "line\nend"],
           "grid": [1, -2, 3], "docs": [{"a": [1, "x, y"]}, {"b": None}]}
    made = s.curl("POST", "/api/lists", s.alice, row)
    same(made.status, 201, made.body)
    read = s.get("/api/lists/1", s.alice).data
    same({k: read[k] for k in row if k != "docs"},
         {k: row[k] for k in row if k != "docs"}, "what was sent")
    nul = s.curl("PATCH", "/api/lists/1", s.alice, {"words": ["a\0b"]})
    same(nul.status, 422, "a NUL")


@case
def what_is_left_is_for_people_to_decide(s):
    """`lockstep check` has no error, and says nothing but this."""
    said = s.lockstep_here("check", "--format", "json", status=1)
    found = sorted({(f["id"], f["object"].split(" on ")[-1])
                    for f in json.loads(said)})
    wanted = sorted({
        # How long, how many: no CHECK says so.
        ("string-max-length", "schemas/products.json"),
        ("array-max-items", "schemas/products.json"),
        ("string-max-length", "schemas/lists.json"),
        ("string-max-length", "schemas/catalogue.json"),
        ("array-max-items", "schemas/lists.json"),
        ("object-closed", "schemas/customers.json"),
        # All may read what --public said.
        ("policy-public-read", "shop.categories"),
        ("policy-public-read", "shop.products"),
        # A unique key tells of others; a secret that is not served.
        ("key-oracle", "shop.customers"), ("key-oracle", "shop.lists"),
        ("column-extra", "shop.customers.password_hash"),
    })
    strange = [f for f in found if f not in wanted]
    assert not strange, strange
    assert not [f for f in json.loads(said) if f["severity"] == "error"], said


@case
def the_tests_that_were_written_hold(s):
    """Each skeleton passes against the server as it is."""
    bob = s.token("authenticated", sut.BOB)
    scripts = sorted((s.project / "tests").glob("*_test.sh"))
    assert len(scripts) >= 7, scripts
    for script in scripts:
        done = subprocess.run(
            [str(script)], capture_output=True, text=True, check=False,
            env=dict(s.environment, URL=s.url + "/api", TOKEN=s.alice,
                     OTHER=bob))
        same(done.returncode, 0, f"{script.name}: {done.stdout}{done.stderr}")
        assert re.search(r"^1\.\.[1-9]", done.stdout, re.M), done.stdout


@case
def a_client_in_typescript_has_keys_of_several_members(s):
    """What gen makes of such a contract compiles, and its client calls."""
    tools = npm.tools()
    folder = s.directory / "api"
    s.lockstep_here("gen", "typescript", "--out", folder)
    tools.link(s.directory)
    (s.directory / "use.ts").write_text("""
import { createClient } from './api/index.ts';
import * as lines from './api/operations/order_lines.ts';
import * as queries from './api/queries/order_lines.ts';
const client = createClient({ base: process.env.URL! + '/api',
  token: () => process.env.TOKEN! });
export const asked = queries.readOptions(client,
  { order_id: 1, line: 1 });
const read = await lines.read(client, { order_id: 1, line: 1 });
console.log(JSON.stringify({ key: asked.queryKey,
  sku: read.ok ? read.data.sku : read.error }));
""")
    (s.directory / "tsconfig.json").write_text(json.dumps({
        "compilerOptions": {
            "target": "es2022", "module": "nodenext", "strict": True,
            "noEmit": True, "allowImportingTsExtensions": True,
            "skipLibCheck": True, "types": ["node"],
            "lib": ["es2022", "dom", "dom.iterable"]},
        "files": ["use.ts"]}))
    (s.directory / "package.json").write_text('{"type":"module"}')
    tools.run("tsc", "-p", s.directory)
    said = json.loads(tools.run(
        "node", "--no-warnings", s.directory / "use.ts", cwd=s.directory,
        env={"URL": s.url, "TOKEN": s.alice, "no_proxy": "*"}))
    same(said, {"key": ["order_lines", "read", "1/1"], "sku": "PA-0001"}, "")


def digest(directory):
    return {str(p.relative_to(directory)): hashlib.sha256(
        p.read_bytes()).hexdigest() for p in sorted(directory.rglob("*"))
        if p.is_file() and "run" not in p.relative_to(directory).parts}


@case
def again_it_writes_nothing(s):
    """What is there is told to be the same, or left as its team has it."""
    words = ("new", "resource", "shop.customers", "shop.orders", "--owner",
             "customers.id")
    before = digest(s.project)
    said = s.lockstep_here(*words)
    same(digest(s.project), before, "files")
    same(len(re.findall("^  the same", said, re.M)), 6, said)
    policy = s.project / "policies/orders.sql"
    schema = s.project / "contract/schemas/orders.json"
    kept = schema.read_text()
    schema.write_text(kept.replace("A row of", "Each row of"))
    # With policies in the database the file is what they are.
    same(len(re.findall("^  left", said, re.M)), 2, said)
    said = s.lockstep_here(*words)
    assert "left      contract/schemas/orders.json" in said, said
    assert "Each row of" in schema.read_text()
    s.lockstep_here(*words, "--force")
    same(schema.read_text(), kept, "what --force writes")
    assert "as the database had it" in policy.read_text()
    said = s.lockstep_here("migrate", "up")
    assert "applied policies/orders.sql" in said, said
    same(len(s.get("/api/orders", s.alice).data), 1, "still her own")


@case
def a_policy_file_is_the_policies(s):
    """Those of the database, written down and applied, are the same; so are
    the grants that let anything through."""
    def access():
        return s.cluster.psql(
            "select tablename, policyname, permissive, roles, cmd, qual, "
            "with_check from pg_policies where schemaname = 'shop' union all "
            "select table_name, grantee, privilege_type, null, null, "
            "column_name, null from information_schema.column_privileges "
            "where table_schema = 'shop' and grantee <> 'shop_owner' "
            "order by 1, 2, 3, 6", database="mydb")
    before = access()
    s.lockstep_here("new", "resource", "shop.customers", "shop.orders",
                    "shop.order_lines", "shop.reviews", "--force")
    s.lockstep_here("migrate", "up")
    same(access(), before, "policies and grants")


@case
def dry_it_prints_and_writes_nothing(s):
    """All four files on standard output, and none made."""
    before = digest(s.project)
    said = s.lockstep_here("new", "resource", "depot.stock", "--dry-run")
    same(digest(s.project), before, "files")
    assert '"key": ["house_id", "sku"]' in said, said
    assert "using (false)" in said, "rows without an owner are nobody's"


@case
def what_cannot_be_served_is_said(s):
    """And the rest is made; the exit code is 1."""
    said = s.lockstep_here("new", "resource", "shop.best_sellers",
                           "depot.houses", "--public", status=1)
    assert "a materialized view has no row security" in said, said
    assert "wrote     contract/resources/houses.json" in said, said
    said = s.lockstep_here("new", "resource", "shop.order_totals",
                           "--dry-run", status=1)
    assert "say --key COLUMN" in said, said
    for words, why in ((["orders"], "say the schema"),
                       (["shop.gone"], "no table shop.gone"),
                       (["shop.orders", "--key", "no"], "no column no")):
        said = s.lockstep_here("new", "resource", *words,
                               status=1 if "--key" in words else 2)
        assert why in said, said
    own = s.project / "contract/resources/orders.json"
    kept = own.read_text()
    own.write_text(kept.replace("schemas/orders.json", "schemas/mine.json"))
    said = s.lockstep_here("new", "resource", "shop.orders", status=1)
    own.write_text(kept)
    assert "resources/orders.json serves it already" in said, said
    said = s.lockstep_here("new", "thing", "x.y", status=2)
    assert "say resource" in said, said


@case
def init_begins_where_nothing_is(s):
    """A secret that is nobody else's; a directory with files is refused."""
    mode = (s.project / "secret").stat().st_mode & 0o777
    same(mode, 0o600, "the secret's mode")
    before = digest(s.project)
    said = s.lockstep_here("init", s.project, status=2, cwd=s.directory)
    assert "has files already" in said, said
    same(digest(s.project), before, "files")
    said = s.lockstep_here("init", "other", "--roles", "anon,member",
                           cwd=s.directory)
    assert "does not make the role member" in said, said
    api = json.loads((s.directory / "other/contract/api.json").read_text())
    same((api["roles"], api["anonymous"], "server_roles" in api),
         (["anon", "member"], "anon", False), "roles")
    assert (s.directory / "other/secret").read_text() != \
        (s.project / "secret").read_text()


@case
def a_supabase_project_keeps_its_policies(s):
    """All of its tables, policies as they stand; what bypasses policies, or
    lets nothing through, is left out and said."""
    pg, project = s.cluster, s.directory / "hosted"
    other = sut.Cluster(tmp(s, "second"))
    try:
        other.psql("create database mydb", database="postgres")
        other.psql(file=HERE / "project.sql", database="mydb")
        info = f"host={other.directory} dbname=mydb user="
        s.lockstep_here("init", project, "--supabase", "--database",
                        info + "lockstep", "--migrate-database",
                        info + "postgres", cwd=s.directory)
        other.psql(file=project / "migrations/roles.sql", database="mydb")
        policies = ("select tablename, policyname, permissive, roles, cmd, "
                    "qual, with_check from pg_policies where schemaname = "
                    "'public' and tablename <> 'drafts' order by 1, 2")
        before = other.psql(policies, database="mydb")
        said = s.lockstep_here("import", "supabase", cwd=project)
        assert "grants that let nothing through" in said, said
        assert "TRUNCATE of anon" in said, said
        s.lockstep_here("migrate", "up", cwd=project)
        same(other.psql(policies, database="mydb"), before, "policies")
        posts = json.loads((project / "contract/resources/posts.json")
                           .read_text())["operations"]
        same((posts["list"]["roles"], posts["update"]["roles"]),
             (["anon", "authenticated"], ["authenticated"]), "roles")
        assert "every row open to anon, authenticated" in said, said
        drafts = (project / "policies/drafts.sql").read_text()
        assert "grant delete on public.drafts to service_role" in drafts
        assert "user_id = (select auth.uid())" in drafts, drafts
        rules = {(f["id"], f["object"]) for f in json.loads(
            s.lockstep_here("check", "--format", "json", status=1,
                            cwd=project)) if f["severity"] == "error"}
        # What a Supabase project gives away beyond its tables is its own.
        same({r for r in rules if "public.p" in r[1] or "drafts" in r[1]},
             set(), "errors of the tables")
        assert pg is not other
    finally:
        other.stop()


def tmp(s, name):
    directory = s.directory / name
    directory.mkdir(mode=0o755)
    return directory


@case
def a_key_that_is_not_unique_is_not_served(s):
    """An update by it could be of several rows: told by the check, and the
    server does not begin."""
    s.cluster.psql("alter table shop.reviews drop constraint reviews_pkey, "
                   "add unique (sku, customer_id, stars)", database="mydb")
    found = json.loads(s.lockstep_here("check", "--format", "json", status=1))
    hint = next(f["hint"] for f in found if f["id"] == "key-not-unique")
    assert '("customer_id", "sku")' in hint, hint
    said = s.lockstep_here("serve", "--listen", "run/2.sock", "--log-file", "",
                           status=2)
    assert "the key customer_id,sku of shop.reviews is not unique" in said
    s.cluster.psql("alter table shop.reviews add unique (sku, customer_id)",
                   database="mydb")
    found = json.loads(s.lockstep_here("check", "--format", "json", status=1))
    assert not [f for f in found if f["id"] == "key-not-unique"], found


@case
def schemas_of_zod_become_the_contracts(s):
    """By zod's own z.toJSONSchema; what does not come along is said; what is
    there is left."""
    tools = npm.tools()
    source = tmp(s, "zod")
    tools.link(source)
    (source / "package.json").write_text('{"type":"module"}')
    (source / "schemas.ts").write_text((HERE / "schemas.ts").read_text())
    s.environment = dict(s.environment,
                         PATH=f"{tools.bin}:{s.environment['PATH']}")
    said = s.lockstep_here("import", "zod", source / "schemas.ts", status=1)
    for words in ("contract/schemas/customer.json", "a date is taken as",
                  "a refinement is not taken", "the flags of /^[a-z]+$/i",
                  "not trimmed", "left out  a map has no JSON"):
        assert words in said, f"{words}: {said}"
    file = s.project / "contract/schemas/customer.json"
    schema = json.loads(file.read_text())
    same(schema["properties"]["nick"],
         {"type": ["string", "null"], "maxLength": 20}, "null")
    same(schema["additionalProperties"], False, "closed")
    file.write_text("{}")
    said = s.lockstep_here("import", "zod", source / "schemas.ts", status=1)
    assert "left      " in said and file.read_text() == "{}", said
    s.lockstep_here("import", "zod", source / "schemas.ts", "--force",
                    status=1)
    body = {"email": "a@b.example", "name": "Ada", "nick": None, "tags": [],
            "code": "x", "even": 2, "shape": {"kind": "b"},
            "when": "2026-01-31T12:00:00Z", "nano": "a" * 21, "extra": {},
            "id": sut.ALICE}
    for change, valid in (({}, True), ({"email": "no"}, False),
                          ({"nick": 3}, False), ({"more": 1}, False)):
        (s.directory / "body.json").write_text(json.dumps({**body, **change}))
        said = s.lockstep_here("validate", "--format-assertion", file, s.directory / "body.json",
                               status=0 if valid else 1)


def main():
    with Shop() as s:
        return tap.run(s)


if __name__ == "__main__":
    sys.exit(main())
