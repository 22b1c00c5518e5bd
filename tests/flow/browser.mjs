// SPDX-License-Identifier: MIT
//
// Pages in a real Chromium, for tests.  A script gives its cases to run(), and
// tests/flow/npm.py runs one of them by name.  A page that was visited here is
// watched: page.watch.fine() throws when it has met an error, has broken its
// Content-Security-Policy, or has asked anybody but its own server for anything.

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

// An import from the source tree cannot see what npm has put elsewhere.
export const require = createRequire(
    path.join(process.env.PACKAGES, "package.json"));

const { chromium } = require("playwright-core");

class Watch {
    constructor(page, origin) {
        this.origin = origin;
        this.requests = [];
        this.errors = [];
        page.on("request", (request) => this.ask(request.url()));
        page.on("websocket", (socket) => this.ask(socket.url()));
        page.on("pageerror", (error) => this.errors.push(String(error)));
        page.on("console", (message) => {
            // A broken policy is an error there, or an [Report Only] warning.
            if (message.type() === "error" ||
                /Content.Security.Policy/i.test(message.text()))
                this.errors.push(
                    `${message.text()} (${message.location().url})`);
        });
        page.on("requestfailed", (request) => {
            const why = request.failure()?.errorText;
            // What was no longer wanted, such as by going to another page.
            if (why !== "net::ERR_ABORTED")
                this.errors.push(`${request.url()}: ${why}`);
        });
    }

    ask(url) {
        this.requests.push(url);
        if (!/^(data|blob|about):/.test(url) &&
            new URL(url).origin !== this.origin)
            this.errors.push(`a request to another host: ${url}`);
    }

    // With `except`, errors that match were expected.
    fine({ except } = {}) {
        const rest = this.errors.filter((text) => !except?.test(text));

        if (rest.length > 0)
            throw new Error(`the page had errors:\n${rest.join("\n")}`);
    }
}

// A page of its own, as a first-time visitor has it, with its request sent.
export async function visit(browser, url, {
    width = 1280, height = 800, dark = false, phone = false, context = {},
} = {}) {
    const own = await browser.newContext({
        viewport: phone ? { width: 390, height: 844 } : { width, height },
        deviceScaleFactor: phone ? 2 : 1,
        isMobile: phone,
        hasTouch: phone,
        colorScheme: dark ? "dark" : "light",
        reducedMotion: "reduce",
        locale: "en-GB",
        ...context,
    });
    const page = await own.newPage();

    page.setDefaultTimeout(60000);
    page.watch = new Watch(page, new URL(url).origin);
    page.reply = await page.goto(url);
    return page;
}

// Keeps what is seen, beside the other artefacts of the build.
export async function shot(page, name, more = {}) {
    await page.screenshot({
        path: path.join(process.env.ARTEFACTS, `${name}.png`), ...more });
}

// ---- Pictures, and what axe finds.

const LOOKS = [
    ["desktop", "light", 1280, 800], ["desktop", "dark", 1280, 800],
    ["phone", "dark", 390, 844], ["phone", "light", 390, 844],
];

let AXE;

async function accessible(page, name) {
    AXE ??= fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
    await page.evaluate(AXE);
    const found = await page.evaluate(() => window.axe.run(document, {
        resultTypes: ["violations"],
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    }));
    const grave = found.violations.filter(
        ({ impact }) => impact === "serious" || impact === "critical");

    if (grave.length > 0) {
        throw new Error(`${name}: ` + grave.map(({ id, nodes }) =>
            `${id}: ${nodes.map((n) => `${n.html} ${n.failureSummary}`)
                .join("; ")}`).join("\n"));
    }
}

// The state as it is, in all four looks, kept as pictures and looked at by
// axe-core; at last as it was at first.
export async function looked(page, name) {
    for (const [width, scheme, w, h] of LOOKS) {
        await page.setViewportSize({ width: w, height: h });
        await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
        await shot(page, `${name}-${width}-${scheme}`);
        if ((width === "desktop") === (scheme === "light"))
            await accessible(page, `${name}, ${width}, ${scheme}`);
        const wide = await page.evaluate(() =>
            document.documentElement.scrollWidth - innerWidth);
        if (wide > 0)
            throw new Error(`${name}: ${wide} px too wide on a ${width}`);
    }
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
}

// Runs the case that the command line names, and prints what it gives.
export async function run(cases) {
    const browser = await chromium.launch({
        executablePath: process.env.CHROMIUM,
        // As root Chromium has no sandbox; the pages are our own.  A container's
        // /dev/shm may be too small for it.
        args: ["--disable-dev-shm-usage",
            ...(process.getuid() === 0 ? ["--no-sandbox"] : [])],
    });

    try {
        const given = await cases[process.argv[2]](browser);

        console.log(JSON.stringify(given ?? null));
    } catch (error) {
        for (const [i, page] of browser.contexts().flatMap(
            (own) => own.pages()).entries())
            await shot(page, `failed-${process.argv[2]}-${i}`).catch(() => {});
        throw error;
    } finally {
        await browser.close();
    }
}
