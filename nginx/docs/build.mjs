// SPDX-License-Identifier: MIT
//
// Makes the page at /api/docs, as static files:
//
//	node nginx/docs/build.mjs PACKAGES OUT
//
// PACKAGES has the node_modules of package.json.  The names of all files but
// index.html tell their content, so browsers may keep them for ever.
//
// The viewer is Scalar.  Of five that were tried with the reference contract it
// alone fits phones, goes dark by itself, sends requests with a token and needs of
// the policy no more than styles.  Its price is 1.1 MB, compressed, at the first
// visit.  Swagger UI and Stoplight Elements fit no phone, Redoc sends no requests
// and wants a worker and an image of another host, RapiDoc has errors.

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const [packages, out] = process.argv.slice(2).map((p) => path.resolve(p));
const require = createRequire(path.join(packages, "package.json"));
const { build } = require("esbuild");

const { metafile } = await build({
    absWorkingDir: here,
    entryPoints: ["policy.mjs", "main.mjs", "icon.svg"],
    outdir: out,
    nodePaths: [path.join(packages, "node_modules")],
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    target: "es2022",
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
    // A font for each part of each script: browsers take what a text needs.
    loader: { ".svg": "copy", ".woff2": "file" },
    define: {
        "process.env.NODE_ENV": '"production"',
        __VUE_OPTIONS_API__: "true",
        __VUE_PROD_DEVTOOLS__: "false",
        __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false",
    },
    metafile: true,
    logLevel: "warning",
});

// The file that was made of an entry point, by its beginning and its end.
function made(begin, end) {
    const names = Object.keys(metafile.outputs).map((n) => path.basename(n));

    return "/api/docs/" + names.find(
        (name) => name.startsWith(begin) && name.endsWith(end));
}

const page = fs.readFileSync(path.join(here, "index.html"), "utf8")
    .replace("@ICON@", made("icon-", ".svg"))
    .replace("@STYLE@", made("main-", ".css"))
    .replace("@POLICY@", made("policy-", ".js"))
    .replace("@SCRIPT@", made("main-", ".js"));

fs.writeFileSync(path.join(out, "index.html"), page);
