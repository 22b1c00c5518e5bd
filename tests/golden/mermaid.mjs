// SPDX-License-Identifier: MIT
// Parses each diagram of the Markdown files that are named by mermaid itself,
// which wants a browser's document around it; prints how many there are.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [modules, ...files] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(`${modules}/${path}`).href);
const { default: { JSDOM } } = await load("jsdom/lib/api.js");
const { window } = new JSDOM("");
globalThis.window = window;
globalThis.document = window.document;
const { default: mermaid } = await load("mermaid/dist/mermaid.core.mjs");

const block = /^```mermaid\n(.*?)^```$/gms;
let count = 0;
for (const file of files) {
    for (const [, text] of readFileSync(file, "utf8").matchAll(block)) {
        await mermaid.parse(text);
        count++;
    }
}
console.log(count);
