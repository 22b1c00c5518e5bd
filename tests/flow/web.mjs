// SPDX-License-Identifier: MIT
//
// The page of examples/web, state by state, as a user meets them; web_test.py says
// what must hold.  Each state is kept as a picture at two widths, by day and by
// night, and looked at by axe-core.  Where a reply is to be late, or one that the
// server gives too seldom, it is held or made on its way to the page.

import { looked, run, visit } from "./browser.mjs";

const { URL: SERVER, CONTROL, ALICE, BOB, DORA, STRANGER, EXPIRED } = process.env;
const LETTERS = /\/api\/letters(\?|$)/;
// What Chromium says of every status from 400 on, provoked here.
const REFUSED = /status of (4\d\d|5\d\d)/;

// ---- Around the page.

async function enter(browser, token, more = {}) {
    return visit(browser, `${SERVER}/#token=${token}`, more);
}

async function api(method, path, body, token = ALICE) {
    const reply = await fetch(`${SERVER}/api${path}`, {
        method,
        headers: {
            authorization: `Bearer ${token}`,
            ...(body && { "content-type": "application/json" }),
        },
        ...(body && { body: JSON.stringify(body) }),
    });
    const told = await reply.json();

    if (!told.ok)
        throw new Error(`${method} ${path}: ${JSON.stringify(told)}`);
    return told;
}

async function control(what) {
    const reply = await fetch(`${CONTROL}/${what}`);

    if (!reply.ok)
        throw new Error(await reply.text());
}

async function draft(title, more = {}, token = ALICE) {
    const { data } = await api("POST", "/letters", {
        title, body: "Say that all is well.",
        recipient: { name: "Ada Byron", email: "ada@post.example" }, ...more,
    }, token);

    return data;
}

// Holds the next request that matches until the test sends it on, perhaps changed.
async function hold(page, pattern, method) {
    let began, isHeld = false;
    const held = new Promise((resolve) => { began = resolve; });

    await page.route(pattern, (route) => {
        if (isHeld || route.request().method() !== method)
            return route.fallback();
        isHeld = true;
        return began(route);
    });
    return { held };
}

async function limited(page, pattern, seconds) {
    await page.route(pattern, (route) => route.fulfill({
        status: 429, contentType: "application/json",
        headers: { "Retry-After": String(seconds) },
        body: JSON.stringify({
            ok: false,
            error: { code: "rate_limited", status: 429, retryable: true,
                message: "Too many requests." },
            meta: { request_id: "limited" },
        }),
    }));
}

// The state as it is, in all four looks.
const seen = (page, name) => looked(page, `web-${name}`);

// ---- Parts of the page.

const rows = (page) => page.locator("a.cover");
const row = (page, title) => page.locator(".row", { hasText: title });
const button = (page, name) => page.getByRole("button", { name, exact: true });
const notice = (page, text) => page.locator(".notices", { hasText: text });
const wrongOf = (page, label) => page.locator(".field", {
    has: page.getByLabel(label) }).locator(".wrong");

async function allAre(page, status) {
    await page.waitForFunction((wanted) => {
        const all = [...document.querySelectorAll(
            ".found[data-stale=false] .row .stamp")];
        return all.length > 0 &&
            all.every((stamp) => stamp.dataset.status === wanted);
    }, status);
}

async function focused(page, label) {
    const field = await page.getByLabel(label).elementHandle();

    await page.waitForFunction((it) => it === document.activeElement, field);
}

async function write(page, { title, name = "Ada Byron", email = "ada@post.example",
    body = "Say that all is well.", reference = "" }) {
    await page.getByRole("link", { name: "Write a letter" }).click();
    await page.getByLabel("Name", { exact: true }).fill(name);
    await page.getByLabel("Email").fill(email);
    await page.getByLabel("Subject").fill(title);
    await page.getByLabel("What the letter is to say").fill(body);
    await page.getByLabel("Reference").fill(reference);
}

async function open(page, title) {
    await row(page, title).locator("a").click();
    await page.locator("article.sheet", { hasText: title }).waitFor();
}

function must(truth, what) {
    if (!truth)
        throw new Error(what);
}

const cases = {
    async signs_in(browser) {
        const page = await visit(browser, `${SERVER}/`);

        await seen(page, "sign-in");
        await button(page, "Sign in").click();
        await page.getByText("Paste a token first.").waitFor();
        await page.getByLabel("Development token").fill("hello");
        await button(page, "Sign in").click();
        await page.getByText("This is not a token").waitFor();
        await page.getByLabel("Development token").fill(`Bearer ${ALICE}\n`);
        await button(page, "Sign in").click();
        await rows(page).first().waitFor();
        await page.getByText("Alice", { exact: true }).waitFor();
        await seen(page, "list");

        await page.reload();
        await rows(page).first().waitFor();
        await button(page, "Sign out").click();
        await button(page, "Sign in").waitFor();
        must(await page.evaluate(() => sessionStorage.length) === 0, "it is kept");
        await page.reload();
        await button(page, "Sign in").waitFor();
        page.watch.fine();
    },

    async signs_in_by_link(browser) {
        const page = await enter(browser, ALICE);

        await rows(page).first().waitFor();
        must(page.url() === `${SERVER}/`, `the address is ${page.url()}`);
        must(await page.evaluate(() => history.length) <= 2, "it is in the history");
        page.watch.fine();
    },

    async registers(browser) {
        const page = await enter(browser, STRANGER);

        await button(page, "Register").click();
        await page.getByText("This is needed.").first().waitFor();
        await page.getByLabel("Your name").fill("Newton");
        await page.getByLabel("Email").fill("newton at home");
        await button(page, "Register").click();
        await wrongOf(page, "Email").waitFor();
        await seen(page, "register");
        await page.getByLabel("Email").fill("newton@letters.example");
        await button(page, "Register").click();
        await page.getByText("Your desk is clear").waitFor();
        await page.getByText("Newton", { exact: true }).waitFor();
        page.watch.fine({ except: REFUSED });
    },

    async shows_an_empty_desk(browser) {
        const page = await enter(browser, DORA);

        await page.getByText("Your desk is clear").waitFor();
        await seen(page, "empty");
        await page.getByLabel("Search letters").fill("nothing");
        await page.getByText("No letter is like that").waitFor();
        await seen(page, "none-found");
        await button(page, "Show all letters").click();
        await page.getByText("Your desk is clear").waitFor();
        page.watch.fine();
    },

    async shows_that_it_loads(browser) {
        const page = await visit(browser, `${SERVER}/`);
        const list = await hold(page, LETTERS, "GET");

        await page.getByLabel("Development token").fill(ALICE);
        await button(page, "Sign in").click();
        const route = await list.held;
        await page.locator(".row.skeleton").first().waitFor();
        await seen(page, "loading");
        await route.continue();
        await rows(page).first().waitFor();
        must(await page.locator(".skeleton").count() === 0, "still loading");
        page.watch.fine();
    },

    async tells_that_the_server_is_gone(browser) {
        await control("stop");
        const page = await enter(browser, ALICE);

        await page.getByText("Your letters could not be loaded").waitFor();
        await seen(page, "error");
        await control("start");
        await button(page, "Try again").click();
        await rows(page).first().waitFor();
        page.watch.fine({ except: REFUSED });
    },

    async is_honest_offline(browser) {
        const { title } = await draft("Before the tunnel");
        const page = await enter(browser, ALICE);

        await open(page, title);
        await page.context().setOffline(true);
        await page.getByText("You are offline.").waitFor();
        must(await button(page, "Send…").isDisabled(), "it could be sent");
        must(await button(page, "Delete").isDisabled(), "it could be deleted");
        await seen(page, "offline");
        await page.getByRole("link", { name: "Write a letter" }).click();
        await page.getByLabel("Subject").fill("From the tunnel");
        must(await button(page, "Save as a draft").isDisabled(), "saved offline");
        await seen(page, "offline-form");
        await page.context().setOffline(false);
        await page.getByText("You are offline.").waitFor({ state: "detached" });
        must(await page.getByLabel("Subject").inputValue() === "From the tunnel",
            "what was written is lost");
        must(await button(page, "Save as a draft").isEnabled(), "still disabled");
        page.watch.fine({ except: /ERR_INTERNET_DISCONNECTED/ });
    },

    async scrolls_to_the_end(browser) {
        const page = await enter(browser, ALICE);
        const wanted = [];

        for (let after = ""; after !== null;) {
            const { data, meta } = await api("GET",
                `/letters?limit=100&select=id&search=garden${after}`);
            wanted.push(...data.map(({ id }) => id));
            after = meta.page.next && `&after=${encodeURIComponent(meta.page.next)}`;
        }
        must(wanted.length > 40, "too few letters");
        const answer = page.waitForResponse(/search=garden/);
        await page.getByLabel("Search letters").fill("garden");
        await answer;
        await page.locator(".found[data-stale=false]").waitFor();
        await page.waitForLoadState("networkidle");
        must(await rows(page).count() === 20, "more than is looked at");
        const end = page.getByText("That is all of them.");
        while (await end.count() === 0) {
            const had = await rows(page).count();
            await page.locator(".found").evaluate((list) =>
                list.scrollTo(0, list.scrollHeight));
            await page.waitForFunction((n) =>
                document.querySelectorAll("a.cover").length > n ||
                document.querySelector(".end"), had);
        }
        const got = await rows(page).evaluateAll((links) =>
            links.map((link) => link.hash.split("/").at(-1)));
        must(JSON.stringify(got) === JSON.stringify(wanted),
            `${got.length} letters, not ${wanted.length}, or in another order`);
        await rows(page).last().scrollIntoViewIfNeeded();
        await rows(page).nth(-2).focus();
        await page.keyboard.press("ArrowDown");
        must(await rows(page).last().evaluate((link) =>
            link === document.activeElement), "the arrow does not go on");
        await seen(page, "end");
        page.watch.fine();
    },

    async filters(browser) {
        const page = await enter(browser, ALICE);

        await button(page, "Returned").click();
        await allAre(page, "failed");
        await seen(page, "returned");
        page.watch.fine();
    },

    async saves_at_once(browser) {
        const page = await enter(browser, ALICE);

        await rows(page).first().waitFor();
        await write(page, { title: "A quick note" });
        const post = await hold(page, LETTERS, "POST");
        await button(page, "Save as a draft").click();
        const route = await post.held;
        await page.locator(".row:first-child.saving", { hasText: "A quick note" })
            .waitFor();
        await seen(page, "saving");
        await route.continue();
        await page.locator("article.sheet", { hasText: "A quick note" }).waitFor();
        await row(page, "A quick note").locator("a[aria-current]").waitFor();
        must(await row(page, "A quick note").count() === 1, "it is there twice");
        page.watch.fine();
    },

    async takes_back_what_was_refused(browser) {
        await draft("The first of its kind", { reference: "once" });
        const page = await enter(browser, ALICE);

        await rows(page).first().waitFor();
        await write(page, { title: "The second of its kind", reference: "once" });
        const post = await hold(page, LETTERS, "POST");
        await button(page, "Save as a draft").click();
        const route = await post.held;
        await row(page, "The second of its kind").waitFor();
        await route.continue();
        await notice(page, "Another letter of yours has this reference").waitFor();
        await row(page, "The second of its kind").waitFor({ state: "detached" });
        await wrongOf(page, /^Reference/).getByText(/another letter of yours/i).waitFor();
        await focused(page, /^Reference/);
        must(await page.getByLabel("Subject").inputValue() ===
            "The second of its kind", "what was written is lost");
        await seen(page, "refused");
        await page.getByLabel("Reference").fill("twice");
        await button(page, "Save as a draft").click();
        await row(page, "The second of its kind").locator("a").waitFor();
        page.watch.fine({ except: REFUSED });
    },

    async tells_errors_at_their_fields(browser) {
        const page = await enter(browser, ALICE);
        let asked = 0;

        await page.route(LETTERS, (route) => {
            if (route.request().method() === "POST")
                asked++;
            return route.fallback();
        });
        await write(page, { title: "", name: "", email: "nobody" });
        await page.getByLabel("Language").fill("English");
        await page.getByLabel("Tags").fill("work, Two Words");
        await page.getByText("Postal address").click();
        await page.getByLabel("City").fill("Ghent");
        await button(page, "Save as a draft").click();
        for (const label of ["Name", "Email", "Subject", "Language", "Tags",
            "Street and house", "Postal code", "Country"])
            await wrongOf(page, new RegExp(`^${label}`)).waitFor();
        must(asked === 0, "the server was asked");
        await focused(page, /^Name/);
        await seen(page, "field-errors");
        page.watch.fine();
    },

    // As from a newer server, whose contract this page was not made of.
    async tells_the_servers_errors_at_their_fields(browser) {
        const page = await enter(browser, ALICE);

        await write(page, { title: "Changed on its way" });
        await page.getByLabel("Tags").fill("work");
        const post = await hold(page, LETTERS, "POST");
        await button(page, "Save as a draft").click();
        const route = await post.held;
        const body = route.request().postDataJSON();
        await route.continue({ postData: JSON.stringify({
            ...body, tags: ["WORK"],
            recipient: { ...body.recipient, email: "x" } }) });
        await wrongOf(page, /^Tags/).waitFor();
        await wrongOf(page, "Email").waitFor();
        await focused(page, /^Email/);
        page.watch.fine({ except: REFUSED });
    },

    async settles_a_conflict(browser) {
        const { id } = await draft("Two at one desk");
        const page = await enter(browser, ALICE);
        const body = page.getByLabel("What the letter is to say");

        await open(page, "Two at one desk");
        await page.getByRole("link", { name: "Edit" }).click();
        await body.fill("Say what I want.");
        await api("PATCH", `/letters/${id}`, { body: "Say what she wants." });
        await button(page, "Save the draft").click();
        await page.getByText("Somebody else has changed this draft").waitFor();
        await page.getByRole("cell", { name: "Say what she wants." }).waitFor();
        await seen(page, "conflict");
        await button(page, "Take theirs").click();
        must(await body.inputValue() === "Say what she wants.", "not theirs");

        await body.fill("Say what we want.");
        await api("PATCH", `/letters/${id}`, { body: "Say something else." });
        await button(page, "Save the draft").click();
        await page.getByRole("cell", { name: "Say something else." }).waitFor();
        await button(page, "Keep mine").click();
        await button(page, "Save the draft").click();
        await page.locator("article.sheet", { hasText: "Say what we want." }).waitFor();
        must((await api("GET", `/letters/${id}`)).data.body === "Say what we want.",
            "not saved");
        page.watch.fine({ except: REFUSED });
    },

    async edits_a_draft(browser) {
        const { id } = await draft("To be changed", { tags: ["work"] });
        const page = await enter(browser, ALICE);

        await open(page, "To be changed");
        await seen(page, "draft");
        await page.getByRole("link", { name: "Edit" }).click();
        await page.getByLabel("Tone").selectOption("friendly");
        await seen(page, "edit");
        const patch = page.waitForRequest((request) => request.method() === "PATCH");
        await button(page, "Save the draft").click();
        const request = await patch;
        must(request.postData() === '{"tone":"friendly"}', request.postData());
        must(Boolean(request.headers()["if-match"]), "no If-Match");
        await notice(page, "The draft is saved.").waitFor();
        must((await api("GET", `/letters/${id}`)).data.tone === "friendly", "not saved");
        page.watch.fine();
    },

    async sends_and_recalls(browser) {
        await draft("Off it goes");
        const page = await enter(browser, ALICE);

        await open(page, "Off it goes");
        await button(page, "Send…").click();
        must(await page.getByLabel("By post").isDisabled(), "without an address");
        await page.getByLabel("Not before").fill("2040-02-01T08:00");
        await seen(page, "send");
        await button(page, "Send the letter").click();
        await notice(page, "is on its way").waitFor();
        await row(page, "Off it goes").locator("[data-status=queued]").waitFor();
        await seen(page, "queued");
        await button(page, "Recall").click();
        await notice(page, "is a draft again").waitFor();
        await row(page, "Off it goes").locator("[data-status=draft]").waitFor();
        page.watch.fine();
    },

    async tells_who_was_slower(browser) {
        const { id } = await draft("Sent elsewhere");
        const page = await enter(browser, ALICE);

        await open(page, "Sent elsewhere");
        await button(page, "Send…").click();
        await api("POST", `/letters/${id}/send`, {});
        await button(page, "Send the letter").click();
        await notice(page, "The letter was sent already.").waitFor();
        await button(page, "Recall").waitFor();
        page.watch.fine({ except: REFUSED });
    },

    async deletes_and_keeps(browser) {
        const { id } = await draft("Soon forgotten");
        const page = await enter(browser, ALICE);

        // The time stands still while it is looked at.
        const now = Date.now();
        await page.clock.setFixedTime(now);
        await open(page, "Soon forgotten");
        await button(page, "Delete").click();
        await page.locator(".row.leaving").waitFor();
        await seen(page, "deleting");
        await button(page, "Keep it").click();
        await page.locator(".row.leaving").waitFor({ state: "detached" });
        await api("GET", `/letters/${id}`);
        await open(page, "Soon forgotten");
        await button(page, "Delete").click();
        await button(page, "Delete now").click();
        await notice(page, "is deleted.").waitFor();
        await row(page, "Soon forgotten").waitFor({ state: "detached" });
        must(await api("GET", `/letters/${id}`).then(() => false, () => true),
            "it is still there");

        await draft("Left to the clock");
        await page.reload();
        await open(page, "Left to the clock");
        await button(page, "Delete").click();
        await page.locator(".row.leaving").waitFor();
        await page.clock.setFixedTime(now + 9000);
        await row(page, "Left to the clock").waitFor({ state: "detached" });
        page.watch.fine();
    },

    async asks_again_when_the_token_expires(browser) {
        const page = await enter(browser, ALICE);

        await rows(page).first().waitFor();
        await write(page, { title: "Written for an hour" });
        const post = await hold(page, LETTERS, "POST");
        await button(page, "Save as a draft").click();
        const route = await post.held;
        await route.continue({ headers: { ...route.request().headers(),
            authorization: `Bearer ${EXPIRED}` } });
        await page.getByText("Please sign in again").waitFor();
        await seen(page, "expired");
        await page.getByLabel("Development token").fill(BOB);
        await button(page, "Go on").click();
        await page.getByText("the token of another person").waitFor();
        await page.getByLabel("Development token").fill(ALICE);
        await button(page, "Go on").click();
        must(await page.getByLabel("Subject").inputValue() === "Written for an hour",
            "what was written is lost");
        await button(page, "Save as a draft").click();
        await page.locator("article.sheet", { hasText: "Written for an hour" }).waitFor();
        page.watch.fine({ except: REFUSED });
    },

    async counts_down_when_it_is_limited(browser) {
        const page = await visit(browser, `${SERVER}/`);

        await page.clock.install();
        await limited(page, LETTERS, 30);
        await page.getByLabel("Development token").fill(ALICE);
        await button(page, "Sign in").click();
        // What is left when it is looked at hangs on the machine.
        await page.getByText(/Try again in (30|[12]\d) s/).waitFor();
        must(await page.getByText(/Try again in/).isDisabled(), "not disabled");
        await seen(page, "limited");
        await page.unroute(LETTERS);
        await page.clock.fastForward(31000);
        await button(page, "Try again").click();
        await rows(page).first().waitFor();

        // A short wait is waited for, with a word on it.
        await limited(page, LETTERS, 5);
        await button(page, "Drafts").click();
        await page.getByText(/going on in [1-5] s/).waitFor();
        await seen(page, "waiting");
        await page.unroute(LETTERS);
        await page.clock.fastForward(6000);
        await page.locator(".banner").waitFor({ state: "detached" });
        await page.locator("[aria-busy=false] .row").first().waitFor();
        page.watch.fine({ except: REFUSED });
    },

    async reads_a_letter(browser) {
        const page = await enter(browser, ALICE);

        await button(page, "Sent").click();
        await allAre(page, "sent");
        await rows(page).nth(1).click();
        await page.locator("article.sheet .text").waitFor();
        await seen(page, "sent");
        await page.setViewportSize({ width: 390, height: 844 });
        await page.getByRole("link", { name: "All letters" }).click();
        await rows(page).first().waitFor();
        await page.goBack();
        await page.locator("article.sheet").waitFor();
        page.watch.fine();
    },
};

// One Chromium for all of them; each has a profile of its own.
async function all(browser) {
    const told = {};

    for (const [name, see] of Object.entries(cases)) {
        const began = Date.now();

        told[name] = {};
        try {
            await see(browser);
        } catch (error) {
            told[name].error = String(error.stack);
        }
        told[name].ms = Date.now() - began;
        for (const context of browser.contexts())
            await context.close();
    }
    return told;
}

await run({ ...cases, all });
