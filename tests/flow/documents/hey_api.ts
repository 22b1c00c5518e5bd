// SPDX-License-Identifier: MIT
//
// The same as openapi_fetch.ts by @hey-api/openapi-ts: its functions, its fetch
// client, its zod schemas and its queries for TanStack.

import { QueryClient } from "@tanstack/react-query";
import { lettersListOptions } from "./client/@tanstack/react-query.gen.js";
import { client } from "./client/client.gen.js";
import { lettersCreate, lettersList, lettersRead, type Letter }
    from "./client/index.js";
import { zLetterCreate } from "./client/zod.gen.js";

declare const process: { env: { URL: string; TOKEN: string; KEY: string } };

client.setConfig({
    baseUrl: process.env.URL,
    auth: () => process.env.TOKEN,
});

function must(holds: boolean, what: string): asserts holds {
    if (!holds)
        throw new Error(what);
}

async function list(): Promise<Letter[]> {
    const { data, error } = await lettersList({
        query: { limit: 2, status: "eq.draft" } });

    must(data !== undefined, `list: ${error?.error.code}`);
    must(data.data.length <= data.meta.page.limit, "a page has a limit");
    must(data.data.every((letter) => letter.status === "draft"), "filtered");
    return data.data;
}

async function query(): Promise<void> {
    const page = await new QueryClient().fetchQuery(
        lettersListOptions({ query: { limit: 1 } }));
    const next: string | null = page.meta.page.next;

    must(page.data.length === 1 && next !== null, "a query by TanStack");
}

async function create(): Promise<Letter> {
    const once = {
        headers: { "Idempotency-Key": process.env.KEY },
        body: { title: "By hey-api", recipient: { name: "Ada" } },
    };
    const first = await lettersCreate(once);
    const second = await lettersCreate(once);

    must(first.data !== undefined, `create: ${first.error?.error.code}`);
    must(first.response?.status === 201, "created");
    must(second.data?.data.id === first.data.data.id, "once");
    must(second.response?.headers.get("Idempotency-Replayed") === "true",
        "the second is the first's reply");
    return first.data.data;
}

async function read(id: string): Promise<void> {
    const { data } = await lettersRead({ path: { id } });
    must(data?.data.title === "By hey-api", "what was written is read");
}

async function refused(): Promise<void> {
    const body = { title: "", recipient: { name: "Ada", email: "nobody" } };
    const { error } = await lettersCreate({ body });
    const judged = zLetterCreate.safeParse(body);

    must(error !== undefined, "a fault is an error");
    switch (error.error.code) {
    case "validation_failed": {
        const places = error.error.issues?.map((issue) =>
            `${issue.path.join(".")} ${issue.code}`).sort().join();

        must(places === "recipient.email invalid_format,title too_small",
            `places: ${places}`);
        must(places === judged.error?.issues.map((issue) =>
            `${issue.path.join(".")} ${issue.code}`).sort().join(), "zod");
        return;
    }
    // @ts-expect-error: no such code here
    case "letter_already_sent":
        throw new Error("another code");
    default:
        throw new Error(error.error.code);
    }
}

async function absent(): Promise<void> {
    const { data, error } = await lettersRead({
        path: { id: "00000000-0000-4000-8000-000000000000" } });

    must(data === undefined && error?.error.code === "not_found", "absent");
    must(!error.error.retryable, "no reason to try again");
}

export const wrong = () => [
    // @ts-expect-error: the recipient is missing
    lettersCreate({ body: { title: "a" } }),
    // @ts-expect-error: no operation takes that
    lettersList({ query: { colour: "eq.red" } }),
];

await read((await create()).id);
must((await list()).length === 2, "a page of two");
await query();
await refused();
await absent();
console.log("done");
