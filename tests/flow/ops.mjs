// SPDX-License-Identifier: MIT
//
// The operations page in a browser, with nothing made up: what is seen is what the
// server, the worker and Postgres say.  ops_test.py says what must hold.

import { looked, run, shot, visit } from "./browser.mjs";

const { URL: SERVER, CONTROL, OPERATOR, SERVICE, ALICE, EXPIRED, FORGED, XSS,
    JOB } = process.env;
const PAGE = `${SERVER}/ops`;
// What Chromium says of every status from 400 on, provoked here.
const REFUSED = /status of (4\d\d|5\d\d)/;
const GONE = /status of 50\d|ERR_|Failed to load/;

async function enter(browser, section = "", token = OPERATOR, more = {}) {
    const page = await visit(browser, `${PAGE}#token=${token}`, more);

    await page.getByRole("navigation").waitFor();
    await page.goto(`${PAGE}#/${section}`);
    return page;
}

async function control(what, text = "") {
    const reply = await fetch(`${CONTROL}/${what}?${encodeURIComponent(text)}`);

    if (!reply.ok)
        throw new Error(await reply.text());
    return reply.json();
}

async function api(method, path, body, token = ALICE) {
    const reply = await fetch(`${SERVER}/api${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`,
            ...(body && { "content-type": "application/json" }) },
        ...(body && { body: JSON.stringify(body) }),
    });

    return (await reply.json()).data;
}

function must(holds, otherwise) {
    if (!holds)
        throw new Error(otherwise);
}

const seen = (page, name) => looked(page, `ops-${name}`);
const button = (page, name) => page.getByRole("button", { name, exact: true });
const notice = (page, text) => page.locator(".notices", { hasText: text });
const row = (page, text) => page.locator("tbody tr", { hasText: text });
const panel = (page, name) => page.getByRole("region", { name, exact: true })
    .first();

async function paste(page, token, act = "Sign in") {
    await page.getByLabel("Token", { exact: true }).fill(token);
    await button(page, act).click();
}

const cases = {
    async refuses(browser) {
        const page = await visit(browser, PAGE);

        await button(page, "Sign in").click();
        await page.getByText("Paste a token first.").waitFor();
        await paste(page, "hello");
        await page.getByText("This is not a token.").waitFor();
        await paste(page, ALICE);
        await page.getByText("This token is of the role authenticated.").waitFor();
        await seen(page, "refused");
        await paste(page, EXPIRED);
        await page.getByText("This token expired at").waitFor();
        await paste(page, FORGED);
        await page.getByText("The API does not take this token.").waitFor();
        must(await page.evaluate(() => sessionStorage.length) === 0, "kept");
        await paste(page, SERVICE);
        await button(page, "service role").click();
        await page.getByText("A server’s token: it looks here.").waitFor();
        await button(page, "Sign out").click();
        await paste(page, OPERATOR);
        await button(page, "operator").click();
        await page.getByText("May replay and discard dead jobs").waitFor();
        await page.getByText("ops:grace").waitFor();
        page.watch.fine({ except: REFUSED });
    },

    async keeps_no_token(browser) {
        const page = await visit(browser, `${PAGE}#token=${OPERATOR}`);

        await page.getByRole("navigation").waitFor();
        must(page.url() === PAGE, `the address is ${page.url()}`);
        must(await page.evaluate(() => history.length) <= 2, "in the history");
        await page.reload();
        await page.getByRole("navigation").waitFor();
        must(await page.evaluate(() =>
            Object.values(localStorage).every((v) => v.length < 20)), "stored");
        await button(page, "operator").click();
        await button(page, "Sign out").click();
        await button(page, "Sign in").waitFor();
        must(await page.evaluate(() => sessionStorage.length) === 0, "kept");
        page.watch.fine();
    },

    async tells_how_all_is(browser) {
        const page = await enter(browser);

        await page.getByRole("heading", { name: "Checks" }).waitFor();
        await page.locator("summary", { hasText: "Queues" }).first().click();
        await row(page, "letters").first().waitFor();
        await page.locator(".fresh", { hasText: "live" }).waitFor();
        await seen(page, "overview");
        page.watch.fine();
    },

    async replays(browser) {
        const page = await enter(browser, "jobs");

        await row(page, JOB).first().waitFor();
        await page.getByRole("button", { name: JOB, exact: true }).click();
        await page.locator(".errors").getByText("LS902", { exact: true })
            .waitFor();
        await seen(page, "dead");
        await button(page, `Replay job ${JOB}`).click();
        await notice(page, `Job ${JOB} runs again.`).waitFor();
        await page.mouse.move(0, 0);
        await page.getByLabel("State").selectOption("done");
        await row(page, JOB).first().getByText("done").waitFor();
        page.watch.fine();
    },

    async replays_many(browser) {
        const page = await enter(browser, "jobs");

        await row(page, "test.fail").first().waitFor();
        await page.getByLabel("Kind").fill("test.fickle");
        await page.getByLabel("Kind").press("Enter");
        await row(page, "test.fail").first().waitFor({ state: "detached" });
        await button(page, "Discard many…").click();
        await page.getByText("3 dead jobs").waitFor();
        await seen(page, "many");
        await page.getByLabel("Code of the last error").fill("LS000");
        await page.getByLabel("Code of the last error").press("Tab");
        await page.getByText("0 dead jobs").waitFor();
        must(await button(page, "Discard").count() === 0, "nothing to discard");
        await page.getByLabel("Code of the last error").fill("");
        await page.getByLabel("Code of the last error").press("Tab");
        await button(page, "Discard 3 jobs").click();
        await notice(page, "3 jobs discarded.").waitFor();
        await page.getByText("No dead letters").waitFor();
        await seen(page, "none-dead");
        page.watch.fine();
    },

    async shows_text_as_text(browser) {
        const page = await enter(browser, "jobs");

        await page.getByRole("button", { name: JOB, exact: true }).click();
        await page.locator("pre", { hasText: XSS }).waitFor();
        await seen(page, "markup");
        must(await page.evaluate(() => window.broken) === undefined, "it ran");
        must(await page.locator("main img, main script").count() === 0, "it is there");
        page.watch.fine();
    },

    async holds_still(browser) {
        const page = await enter(browser, "jobs");
        const first = row(page, "test.fickle").first();

        await first.waitFor();
        const before = await first.textContent();
        await first.hover();
        const kind = page.getByLabel("Kind");
        await kind.pressSequentially("test.fick");
        await first.hover();
        await control("leave", JSON.stringify({ kind: "test.fickle",
            args: [{ n: 7001 }] }));
        await button(page, "Show 1 new").waitFor();
        must((await first.textContent()).slice(0, 6) === before.slice(0, 6),
            "rows have moved");
        must(await kind.inputValue() === "test.fick", "what was typed is gone");
        await kind.fill("");
        await button(page, "Show 1 new").click();
        await row(page, "test.fickle").nth(2).waitFor();
        must(await row(page, "test.fickle").count() === 3, "more were let in");
        page.watch.fine();
    },

    async pauses(browser) {
        const page = await enter(browser, "queues");

        await button(page, "Pause letters").click();
        // A notice goes by itself.
        await Promise.all([
            notice(page, "The queue letters rests.").waitFor(),
            row(page, "letters").getByText("paused").waitFor(),
        ]);
        await seen(page, "queues");
        await button(page, "Resume letters").click();
        await row(page, "letters").getByText("working").waitFor();
        page.watch.fine();

        const server = await enter(browser, "queues", SERVICE);
        await button(server, "Pause letters").click();
        await notice(server, "A server’s token may not act from a browser.").waitFor();
        server.watch.fine({ except: REFUSED });
    },

    async sees_a_breaker(browser) {
        const page = await enter(browser, "queues");

        await page.locator(".service.open, .service.half_open").first().waitFor();
        await seen(page, "breaker-open");
        await control("mood", "{}");
        // Those that were tried before wait for longer and longer.
        await control("sql", "update lockstep.jobs set run_at = now() " +
            "where kind = 'letter.generate' and state = 'scheduled'");
        await page.locator(".service.closed").first().waitFor();
        await page.locator(".service.open").first().waitFor({ state: "detached" });
        await shot(page, "ops-breaker-closed");
        page.watch.fine();
    },

    async follows_an_export(browser) {
        const page = await enter(browser, "exports");
        const bar = page.locator("progress").first();
        const done = () => bar.evaluate((it) => it.position);

        await page.getByText("No export").waitFor();
        await seen(page, "no-export");
        await api("POST", "/events/export?format=csv");
        await page.waitForFunction(() =>
            document.querySelector("progress")?.position > 0);
        const before = await done();
        must(before < 1, "it is over already");
        await seen(page, "export");
        await page.waitForFunction((share) =>
            document.querySelector("progress")?.position > share, before);
        await control("sql", "update pace.pace set s = 0");
        await row(page, "events").first().getByText("ready").waitFor();
        must(await done() === 1, "it is not at its end");

        await control("sql", "update pace.pace set s = 0.05");
        await api("POST", "/events/export?format=ndjson");
        const other = row(page, "ndjson");
        await page.mouse.move(0, 0);
        await other.getByText("running").waitFor();
        await other.getByRole("button", { name: /^Cancel/ }).click();
        await button(page, "Cancel the export").click();
        await notice(page, "is cancelled.").waitFor();
        await other.getByText("cancelled").waitFor();
        page.watch.fine();
    },

    async shows_aggregates(browser) {
        const page = await enter(browser, "data");

        await row(page, "company_events").first().waitFor();
        await row(page, "company_events").first().getByText("ready").waitFor();
        await panel(page, "Expectations").waitFor();
        await seen(page, "aggregates");
        page.watch.fine();
    },

    async draws(browser) {
        const page = await enter(browser, "traffic");
        const line = page.locator("path.line").first();
        const value = page.locator(".legend b").first();

        await page.waitForFunction(async () => {
            await fetch("/api/campaigns");
            return Number.parseFloat(document.querySelector(".legend b")
                ?.textContent) > 0;
        }, null, { polling: 100 });
        await row(page, "/campaigns").first().waitFor();
        await page.waitForFunction(() => document.querySelector("path.line")
            .getAttribute("d").includes("L"));
        const drawn = await line.getAttribute("d");
        await page.waitForFunction((d) => document.querySelector("path.line")
            .getAttribute("d") !== d, drawn);
        await page.locator(".chart svg").first().focus();
        await page.keyboard.press("ArrowLeft");
        await page.locator(".when", { hasText: ":" }).first().waitFor();
        must((await value.textContent()).includes("/s"), "the legend has no value");
        await seen(page, "traffic");
        await page.locator("button.link", { hasText: "GET /campaigns" }).first().click();
        await page.locator(".lead", { hasText: "/campaigns" }).waitFor();
        page.watch.fine();
    },

    async shows_deliveries(browser) {
        const endpoint = await api("POST", "/webhook_endpoints",
            { url: "https://hooks.example.com/secret-path", types: ["letter.ready"] });
        await api("POST", `/webhook_endpoints/${endpoint.id}/ping`);
        const page = await enter(browser, "webhooks");

        await page.getByRole("button", { name: "hooks.example.com" }).first().click();
        await page.getByRole("button", { name: "webhook.ping" }).click();
        await page.locator(".attempts li").first().waitFor();
        must(!(await page.content()).includes("secret-path"), "the URL is told");
        await seen(page, "webhooks");
        page.watch.fine();
    },

    async says_when_it_is_away(browser) {
        const page = await enter(browser, "jobs");
        const kind = page.getByLabel("Kind");

        await page.locator(".fresh", { hasText: "live" }).waitFor();
        await control("stop");
        await page.getByText("The API does not answer").waitFor();
        await page.getByText("What you see is as of").waitFor();
        await kind.fill("payout");
        await seen(page, "away");
        const before = page.watch.requests.length;
        const { now } = await page.evaluate(() => ({ now: Date.now() }));
        await page.waitForFunction((t) => Date.now() - t > 6000, now);
        const asked = page.watch.requests.length - before;
        const took = await page.evaluate((t) => Date.now() - t, now);
        must(asked <= 8 * took / 6000, `${asked} requests in ${took} ms`);
        await control("start");
        await button(page, "Try now").click();
        await page.getByText("The API does not answer").waitFor({ state: "detached" });
        must(await kind.inputValue() === "payout", "what was typed is lost");
        await page.locator(".fresh", { hasText: "live" }).waitFor();
        page.watch.fine({ except: GONE });
    },

    async rests_while_nobody_looks(browser) {
        const page = await enter(browser, "queues");

        await row(page, "letters").waitFor();
        await page.evaluate(() => {
            Object.defineProperty(document, "visibilityState",
                { value: "hidden", configurable: true });
            Object.defineProperty(document, "hidden",
                { value: true, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        });
        const { now } = await page.evaluate(() => ({ now: Date.now() }));
        // What was on its way when it was hidden may still be answered.
        await page.waitForFunction((t) => Date.now() - t > 1000, now);
        const before = page.watch.requests.length;
        await page.waitForFunction((t) => Date.now() - t > 8000, now);
        must(page.watch.requests.length === before, "it asks");
        const answer = page.waitForResponse(/\/api\/monitor$/);
        await page.evaluate(() => {
            delete document.visibilityState;
            delete document.hidden;
            document.dispatchEvent(new Event("visibilitychange"));
        });
        await answer;
        page.watch.fine();
    },

    async asks_again_when_the_token_ends(browser) {
        const page = await enter(browser, "jobs");

        await page.getByLabel("State").selectOption("all");
        await row(page, "letter.generate").first().waitFor();
        await page.route(/\/api\/jobs/, (route) => route.continue({
            headers: { ...route.request().headers(),
                authorization: `Bearer ${EXPIRED}` } }), { times: 1 });
        await page.getByText("The token has expired.").first().waitFor();
        await row(page, "letter.generate").first().waitFor();
        await seen(page, "expired");
        await paste(page, OPERATOR, "Go on");
        await page.getByText("Paste another to go on.").waitFor({ state: "detached" });
        await page.locator(".fresh", { hasText: "live" }).waitFor();
        page.watch.fine({ except: REFUSED });
    },
};

run(cases);
