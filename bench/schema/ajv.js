// SPDX-License-Identifier: MIT
// One round of ajv over the cases of bench.c: node ajv.js MODULES CASES gives a
// line each: name, and the nanoseconds for validation without and with formats,
// and for JSON.parse.
"use strict";

const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");

const load = createRequire(path.join(process.argv[2], "node_modules", "x.js"));
const Ajv = load("ajv/dist/2020").default;
const addFormats = load("ajv-formats").default;

const BATCH_NS = 1e6;
const BATCH_MAX = 1 << 20;
const BATCHES = 10;
const WARM_BATCHES = 40;

// Schemas of one directory refer to each other by file name.
function compile(file, formats) {
  const ajv = new Ajv({ strict: false, validateFormats: formats });
  if (formats) addFormats(ajv);
  const known = JSON.parse(fs.readFileSync(file, "utf8"));
  if (known.$id) return ajv.compile(known);
  const base = "https://bench.example/";
  const directory = path.dirname(file);
  const pending = [path.basename(file)];
  const added = new Set();
  while (pending.length) {
    const name = pending.pop();
    if (added.has(name)) continue;
    added.add(name);
    const text = fs.readFileSync(path.join(directory, name), "utf8");
    ajv.addSchema(JSON.parse(text), base + name);
    for (const m of text.matchAll(/"\$ref":\s*"([^"#]+)/g)) pending.push(m[1]);
  }
  return ajv.getSchema(base + path.basename(file));
}

let kept = 0;

// The least of several batches of at least 1 ms each.
function nanoseconds(turn, batches) {
  let batch = 1;
  let best = Infinity;
  for (let done = 0; done < batches; ) {
    const began = process.hrtime.bigint();
    for (let i = 0; i < batch; i++) if (turn()) kept++;
    const took = Number(process.hrtime.bigint() - began);
    if (took < BATCH_NS && batch < BATCH_MAX) {
      batch *= 2;
    } else {
      best = Math.min(best, took / batch);
      done++;
    }
  }
  return best;
}

for (const line of fs.readFileSync(process.argv[3], "utf8").split("\n")) {
  if (line === "") continue;
  const [name, schema, document] = line.split("\t");
  const text = fs.readFileSync(document, "utf8");
  const value = JSON.parse(text);
  const figures = [];
  for (const formats of [false, true]) {
    const validate = compile(schema, formats);
    if (!validate(value)) {
      throw new Error(`${name}: ${JSON.stringify(validate.errors)}`);
    }
    nanoseconds(() => validate(value), WARM_BATCHES);
    figures.push(nanoseconds(() => validate(value), BATCHES));
  }
  nanoseconds(() => JSON.parse(text), BATCHES);
  figures.push(nanoseconds(() => JSON.parse(text), BATCHES));
  console.log([name, ...figures.map((n) => n.toFixed(1))].join("\t"));
}
if (kept === 0) process.exit(1);
