// SPDX-License-Identifier: MIT
//
// The letters service as a careful Node team would write it today, to be
// measured beside Lockstep: Fastify, node-postgres with named prepared
// statements, ajv for the contract's own schemas, fast-jwt with its cache on.
// It keeps the same promises on the same tables: the caller's role and claims
// in a transaction of its own, row level security, the same envelope, keyset
// paging, idempotency keys stored with the effect. Rows are made JSON by
// Postgres and passed on as text, which is the quickest way for Node.
//
// One process a processor, as `node:cluster` does it.

import cluster from "node:cluster";
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { createVerifier } from "fast-jwt";
import Fastify from "fastify";
import pg from "pg";

const settings = JSON.parse(readFileSync(process.argv[2], "utf8"));

if (cluster.isPrimary) {
  for (let i = 0; i < settings.processes; i++) cluster.fork();
  cluster.on("exit", (worker) => {
    if (!worker.exitedAfterDisconnect) process.exit(1);
  });
  process.on("SIGTERM", () => process.exit(0));
} else {
  await serve();
}

// The contract's schemas, the letter's in the variants that are taken.
function validators() {
  const ajv = new Ajv2020({ allErrors: false, strict: false });
  addFormats(ajv);
  const read = (name) =>
    JSON.parse(readFileSync(join(settings.schemas, name), "utf8"));
  for (const name of ["recipient.json", "address.json", "defs.json"])
    ajv.addSchema(read(name), name);
  const letter = read("letter.json");
  const taken = Object.fromEntries(
    Object.entries(letter.properties).filter(([, p]) => !p.readOnly),
  );
  const base = { type: "object", additionalProperties: false };
  return {
    columns: Object.keys(letter.properties),
    create: ajv.compile({ ...base, properties: taken, required: letter.required }),
    update: ajv.compile({ ...base, properties: taken, minProperties: 1 }),
    id: ajv.compile({ type: "string", format: "uuid" }),
    cursor: ajv.compile({
      type: "array",
      prefixItems: [{ type: "string", format: "date-time" }, { type: "string", format: "uuid" }],
      minItems: 2,
      maxItems: 2,
    }),
  };
}

class Problem extends Error {
  constructor(status, code, message, issues) {
    super(message);
    Object.assign(this, { status, code, issues });
  }
}

function verifiers() {
  const all = { cache: 1000, clockTolerance: 30 };
  const made = {};
  if (settings.secret)
    made.HS256 = createVerifier({ ...all, key: settings.secret, algorithms: ["HS256"] });
  if (settings.public_key)
    made.RS256 = createVerifier({ ...all, key: settings.public_key, algorithms: ["RS256"] });
  return made;
}

async function serve() {
  const judge = validators();
  const verify = verifiers();
  const pool = new pg.Pool({
    host: settings.host,
    database: settings.database,
    user: settings.user,
    max: settings.connections,
  });
  const columns = judge.columns.map((c) => `"${c}"`).join(", ");
  const app = Fastify({
    logger: { level: "info", file: settings.log },
    genReqId: (request) => request.headers["x-request-id"] ?? randomUUID(),
    bodyLimit: 262144,
  });

  app.decorateRequest("claims", null);
  app.addHook("onRequest", async (request) => {
    const [scheme, token] = (request.headers.authorization ?? "").split(" ");
    if (scheme !== "Bearer" || !token)
      throw new Problem(401, "token_missing", "This operation needs a bearer token.");
    try {
      const { alg } = JSON.parse(Buffer.from(token.split(".")[0], "base64url"));
      request.claims = verify[alg](token);
    } catch {
      throw new Problem(401, "token_invalid", "The bearer token is not valid.");
    }
    if (request.claims.role !== "authenticated")
      throw new Problem(403, "forbidden", "The caller may not do this.");
  });

  app.setErrorHandler((error, request, reply) => {
    const known = error instanceof Problem;
    const status = known ? error.status : error.statusCode ?? 500;
    if (status >= 500) request.log.error(error);
    reply.code(status).send({
      ok: false,
      error: {
        code: known ? error.code : status >= 500 ? "internal" : "bad_request",
        status,
        message: status >= 500 ? "Something went wrong on the server." : error.message,
        retryable: false,
        issues: error.issues,
      },
      meta: { request_id: request.id },
    });
  });

  // One transaction as the caller. What begins it goes in one message, which
  // saves a round trip; the statement itself is a prepared one.
  async function transaction(request, work) {
    const client = await pool.connect();
    let broken;
    try {
      await client.query(`begin;
        select set_config('role', ${pg.escapeLiteral(request.claims.role)}, true),
          set_config('request.jwt.claims', ${pg.escapeLiteral(JSON.stringify(request.claims))}, true),
          set_config('lockstep.request_id', ${pg.escapeLiteral(request.id)}, true)`);
      const result = await work(client);
      await client.query("commit");
      return result;
    } catch (error) {
      await client.query("rollback").catch((e) => { broken = e; });
      throw error;
    } finally {
      client.release(broken);
    }
  }

  function send(reply, request, status, data, page = "") {
    reply
      .code(status)
      .header("content-type", "application/json")
      .header("x-request-id", request.id)
      .header("cache-control", "no-store");
    return `{"ok":true,"data":${data},"meta":{"request_id":${JSON.stringify(request.id)}${page}}}`;
  }

  function issues(check) {
    return check.errors.map((e) => ({
      path: e.instancePath.split("/").slice(1),
      code: e.keyword,
      message: e.message,
    }));
  }

  function accept(check, value) {
    if (!check(value))
      throw new Problem(422, "validation_failed", "The input does not satisfy the schema.", issues(check));
    return value;
  }

  const cell = (value) =>
    value !== null && typeof value === "object" ? JSON.stringify(value) : value;

  app.get("/peer/letters", async (request, reply) => {
    const limit = Number(request.query.limit ?? 20);
    if (!Number.isInteger(limit) || limit < 1 || limit > 100)
      throw new Problem(400, "invalid_query", "limit must be 1 to 100.");
    let after = null;
    if (request.query.after !== undefined) {
      try {
        after = JSON.parse(Buffer.from(request.query.after, "base64url"));
      } catch {
        after = undefined;
      }
      if (!judge.cursor(after))
        throw new Problem(400, "invalid_cursor", "The cursor does not belong to this list.");
    }
    const rows = await transaction(request, (client) =>
      client.query({
        name: after ? "list_after" : "list",
        text: `select row_to_json(t)::text as row, created_at, id from (
          select ${columns} from app.letters
          ${after ? "where (created_at, id) < ($2, $3)" : ""}
          order by created_at desc, id desc limit $1) t`,
        values: after ? [limit + 1, ...after] : [limit + 1],
      }));
    const page = rows.rows.slice(0, limit);
    const last = page[page.length - 1];
    const next = rows.rows.length > limit
      ? JSON.stringify(Buffer.from(JSON.stringify([last.created_at, last.id])).toString("base64url"))
      : "null";
    return send(reply, request, 200, `[${page.map((r) => r.row).join(",")}]`,
      `,"page":{"limit":${limit},"next":${next}}`);
  });

  app.get("/peer/letters/:id", async (request, reply) => {
    accept(judge.id, request.params.id);
    const { rows } = await transaction(request, (client) =>
      client.query({
        name: "read",
        text: `select row_to_json(t)::text as row from (
          select ${columns} from app.letters where id = $1) t`,
        values: [request.params.id],
      }));
    if (rows.length === 0) throw new Problem(404, "not_found", "There is no such resource.");
    return send(reply, request, 200, rows[0].row);
  });

  app.post("/peer/letters", async (request, reply) => {
    const key = request.headers["idempotency-key"];
    const letter = accept(judge.create, request.body);
    const fingerprint = createHash("sha256").update(JSON.stringify(letter)).digest("hex");
    const names = Object.keys(letter);
    const row = await transaction(request, async (client) => {
      if (key !== undefined) {
        const { rows } = await client.query({
          name: "claim",
          text: `select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as held,
            (select reply from peer_keys where subject = $2 and key = $3
              and fingerprint = $4) as reply`,
          values: [`${request.claims.sub} ${key}`, request.claims.sub, key, fingerprint],
        });
        if (!rows[0].held)
          throw new Problem(409, "request_in_progress", "A request with this key is being done.");
        if (rows[0].reply !== null) return rows[0].reply;
      }
      const { rows } = await client.query({
        name: `create ${names.join(" ")}`,
        text: `with made as (insert into app.letters (${names.map((n) => `"${n}"`).join(", ")})
          values (${names.map((_, i) => `$${i + 1}`).join(", ")}) returning ${columns})
          select row_to_json(made)::text as row from made`,
        values: names.map((n) => cell(letter[n])),
      });
      if (key !== undefined)
        await client.query({
          name: "keep",
          text: "insert into peer_keys (subject, key, fingerprint, reply) values ($1, $2, $3, $4)",
          values: [request.claims.sub, key, fingerprint, rows[0].row],
        });
      return rows[0].row;
    });
    return send(reply, request, 201, row);
  });

  app.patch("/peer/letters/:id", async (request, reply) => {
    accept(judge.id, request.params.id);
    const letter = accept(judge.update, request.body);
    const names = Object.keys(letter);
    const { rows } = await transaction(request, (client) =>
      client.query({
        name: `update ${names.join(" ")}`,
        text: `with made as (update app.letters set ${names.map((n, i) => `"${n}" = $${i + 2}`).join(", ")}
          where id = $1 returning ${columns}) select row_to_json(made)::text as row from made`,
        values: [request.params.id, ...names.map((n) => cell(letter[n]))],
      }));
    if (rows.length === 0) throw new Problem(404, "not_found", "There is no such resource.");
    return send(reply, request, 200, rows[0].row);
  });

  app.get("/peer/companies/:id/health", async (request, reply) => {
    accept(judge.id, request.params.id);
    const { rows } = await transaction(request, (client) =>
      client.query({
        name: "health",
        text: "select row_to_json(t)::text as row from app.company_health(id => $1) t",
        values: [request.params.id],
      }));
    if (rows.length === 0) throw new Problem(404, "not_found", "There is no such resource.");
    return send(reply, request, 200, rows[0].row);
  });

  await app.listen({ host: "127.0.0.1", port: settings.port });
}
