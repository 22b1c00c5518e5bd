// SPDX-License-Identifier: MIT
// Judges a log by the schema of SARIF 2.1.0, which a package of Microsoft's
// has, with that package's own ajv.  Prints the errors, none when it is valid.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [, , home, log] = process.argv;
const here = createRequire(`${home}/package.json`);
const there = createRequire(here.resolve("@microsoft/jest-sarif/package.json"));
const Ajv = there("ajv");
const ajv = new Ajv({ schemaId: "auto", allErrors: true, logger: false });

ajv.addMetaSchema(there("ajv/lib/refs/json-schema-draft-04.json"));
const valid = ajv.compile(there("./lib/schemas/sarif-2.1.0-rtm.5.json"));
if (!valid(JSON.parse(readFileSync(log, "utf8"))))
	for (const { dataPath, message } of valid.errors)
		console.log(`${dataPath} ${message}`);
