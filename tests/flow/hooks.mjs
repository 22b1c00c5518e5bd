// SPDX-License-Identifier: MIT
//
// The libraries by which senders sign webhooks and receivers verify them, for
// webhooks_npm_test.py: a list of tasks on stdin, their results on stdout, in
// the same order. A body is base64, as it may be no text. What throws has
// refused; its words are the result, since they are not pinned.
import { readFileSync } from "node:fs";

import { sign, verify } from "@octokit/webhooks-methods";
import * as standard from "standardwebhooks";
import Stripe from "stripe";
import * as svix from "svix";

// Both have the class, and the headers under their own names.
function standardLike({ Webhook }, name) {
	return {
		sign: (t) => new Webhook(t.secret).sign(t.id,
			new Date(t.at * 1000), t.body.toString()),
		verify: (t) => {
			new Webhook(t.secret).verify(t.body, {
				[`${name}-id`]: t.id,
				[`${name}-timestamp`]: String(t.at),
				[`${name}-signature`]: t.signature,
			});
			return true;
		},
	};
}

const libraries = {
	standardwebhooks: standardLike(standard, "webhook"),
	svix: standardLike(svix, "svix"),
	stripe: {
		sign: (t) => Stripe.webhooks.generateTestHeaderString({
			payload: t.body.toString(), secret: t.secret,
			timestamp: t.at,
		}),
		verify: (t) => {
			Stripe.webhooks.constructEvent(t.body, t.signature,
				t.secret, 300);
			return true;
		},
	},
	octokit: {
		sign: (t) => sign(t.secret, t.body.toString()),
		verify: (t) => verify(t.secret, t.body.toString(), t.signature),
	},
};

async function result(task) {
	const body = Buffer.from(task.body, "base64");
	try {
		return await libraries[task.library][task.verb]({ ...task, body });
	} catch (error) {
		return { refused: String(error.message ?? error) };
	}
}

const tasks = JSON.parse(readFileSync(0, "utf8"));
const results = [];
for (const task of tasks)
	results.push(await result(task));
console.log(JSON.stringify(results));
