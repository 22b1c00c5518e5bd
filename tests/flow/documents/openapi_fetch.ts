// SPDX-License-Identifier: MIT
//
// A client by openapi-typescript's types and openapi-fetch: what is asked of a
// server here is written without a cast, and what must not compile is said to.

import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { env: { URL: string; TOKEN: string; KEY: string } };

type Letter = components["schemas"]["Letter"];

// Lists can be told as CSV, too; a client speaks JSON unless it says so.
const api = createClient<paths, "application/json">({
    baseUrl: process.env.URL,
    headers: { Authorization: `Bearer ${process.env.TOKEN}` },
});

function must(holds: boolean, what: string): asserts holds {
    if (!holds)
        throw new Error(what);
}

async function list(): Promise<Letter[]> {
    const { data, error } = await api.GET("/letters", {
        params: { query: { limit: 2, status: "eq.draft" } } });

    must(data !== undefined, `list: ${error?.error.code}`);
    must(data.data.length <= data.meta.page.limit, "a page has a limit");
    must(data.data.every((letter) => letter.status === "draft"), "filtered");
    return data.data;
}

async function create(): Promise<Letter> {
    const once = {
        params: { header: { "Idempotency-Key": process.env.KEY } },
        body: { title: "By openapi-fetch", recipient: { name: "Ada" } },
    };
    const first = await api.POST("/letters", once);
    const second = await api.POST("/letters", once);

    must(first.data !== undefined, `create: ${first.error?.error.code}`);
    must(first.response.status === 201, "created");
    must(second.data?.data.id === first.data.data.id, "once");
    must(second.response.headers.get("Idempotency-Replayed") === "true",
        "the second is the first's reply");
    return first.data.data;
}

async function read(id: string): Promise<void> {
    const { data } = await api.GET("/letters/{id}", {
        params: { path: { id } } });
    must(data?.data.title === "By openapi-fetch", "what was written is read");
}

async function refused(): Promise<void> {
    const { error, response } = await api.POST("/letters", {
        body: { title: "", recipient: { name: "Ada", email: "nobody" } } });

    must(error !== undefined, "a fault is an error");
    switch (error.error.code) {
    case "validation_failed": {
        const places = error.error.issues?.map((issue) =>
            `${issue.pointer} ${issue.code}`);

        must(response.status === 422, "the status");
        must(places?.sort().join() ===
            "/recipient/email invalid_format,/title too_small", "places");
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
    const { data, error } = await api.GET("/letters/{id}", {
        params: { path: { id: "00000000-0000-4000-8000-000000000000" } } });

    must(data === undefined && error.error.code === "not_found", "absent");
    must(!error.error.retryable, "no reason to try again");
}

export const wrong = () => [
    // @ts-expect-error: there is no such path
    api.GET("/lettres"),
    // @ts-expect-error: the recipient is missing
    api.POST("/letters", { body: { title: "a" } }),
    // @ts-expect-error: no operation takes that
    api.GET("/letters", { params: { query: { colour: "eq.red" } } }),
];

await read((await create()).id);
must((await list()).length === 2, "a page of two");
await refused();
await absent();
console.log("done");
