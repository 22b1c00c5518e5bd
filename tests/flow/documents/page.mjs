// SPDX-License-Identifier: MIT
//
// The page at /api/docs, as people see it; documents_test.py says what of it.

import { run, shot, visit } from "../browser.mjs";

const url = `${process.env.URL}/api/docs`;
const document = await (await fetch(`${process.env.URL}/api/openapi.json`))
    .json();

// [{ tag, method, path, operation }, ...]
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
        ({ tag: operation.tags[0], method, path, operation })));

async function opened(browser, place = "", options = {}) {
    const page = await visit(browser, url + place, options);

    await page.getByRole("heading", { name: document.info.title, exact: true })
        .first().waitFor({ state: "attached" });
    return page;
}

function must(holds, what) {
    if (!holds)
        throw new Error(what);
}

// Each group of the side bar is opened, one after the other.
async function contents(page) {
    const bar = page.getByRole("complementary").first();
    const closed = bar.getByRole("button", { name: /^Open Group/ });

    while (await closed.count() > 0)
        await closed.first().click();
    return bar.innerText();
}

async function complete(browser) {
    const page = await opened(browser);
    const text = await contents(page);
    const missing = [
        ...document.tags.map((tag) => tag["x-displayName"]),
        ...operations.map(({ operation }) => operation.summary),
        ...Object.values(document.components.schemas)
            .map((schema) => schema.title).filter(Boolean),
    ].filter((words) => !text.includes(words));

    must(missing.length === 0, `not in the contents: ${missing.join("; ")}`);
    page.watch.fine();
    return operations.length;
}

// The place of an operation is its address, too.
async function operation(browser) {
    const page = await opened(browser, "#tag/letters/POST/letters");
    const part = page.locator("[id$='/tag/letters/POST/letters']");
    const { responses } = document.paths["/letters"].post;

    await part.getByText("Write a letter").first().waitFor();
    for (const status of Object.keys(responses))
        await part.getByRole("button", { name: new RegExp(`^${status}`) })
            .first().waitFor({ state: "attached" });
    await part.getByRole("button", { name: /^409/ }).first().click();
    await part.getByText("letter_on_its_way").first().waitFor();
    await part.getByText("LetterCreate").first().waitFor();
    await shot(page, "docs-operation");
    page.watch.fine();
}

// A token is typed in, and a request sent from the page.
async function tried(browser) {
    const page = await opened(browser, "#tag/letters/GET/letters");
    const part = page.locator("[id$='/tag/letters/GET/letters']");

    await page.getByPlaceholder("Token").first().fill(process.env.TOKEN);
    await part.getByRole("button", { name: /^Test Request/ }).click();

    const dialog = page.getByRole("dialog").first();
    const answer = page.waitForResponse(/\/api\/letters/);

    await dialog.getByRole("button", { name: /^Send/ }).first().click();

    const reply = await answer;
    const { data } = await reply.json();

    await dialog.getByText(data[0].title).first().waitFor();
    await shot(page, "docs-tried");
    page.watch.fine();
    return reply.status();
}

async function looks(browser) {
    for (const phone of [false, true])
        for (const dark of [false, true]) {
            const page = await opened(browser, "", { phone, dark });
            const wide = await page.evaluate(() =>
                document.documentElement.scrollWidth - innerWidth);

            must(wide <= 0, `wider than the window by ${wide}`);
            await page.evaluate(() => document.fonts.ready);
            await shot(page, `docs-${phone ? "phone" : "desk"}-` +
                (dark ? "dark" : "light"));
            page.watch.fine();
        }
}

await run({ complete, operation, tried, looks });
