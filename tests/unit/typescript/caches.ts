// SPDX-License-Identifier: MIT
//
// The factories of queries on a QueryClient: optimistic rows, rolled back or
// replaced; keys that outlive retries; lists to their end.

import {
  InfiniteQueryObserver, MutationObserver, QueryClient, QueryObserver,
} from '@tanstack/react-query';
import type { InfiniteData } from '@tanstack/react-query';

import { call } from './runtime/client.ts';
import type {
  CallOptions, KeyOption, ListResult, MatchOption, Result, TransportProblem,
} from './runtime/client.ts';
import {
  acts, asks, asksPages, changes, creates, deletes, resourceKeys, updates,
} from './runtime/query.ts';
import type { Page, Resource } from './runtime/query.ts';
import { Fake, envelope, refusal, routes } from './fake.ts';
import type { Answer, Sent } from './fake.ts';
import { holds, same, test } from './tap.ts';

interface Letter { id: string; title: string; status: string }
interface Draft { body: { title: string } }
type Change = { id: string; body: { title: string } } & MatchOption;
type Refused = { code: 'reference_taken'; retryable: boolean }
  | TransportProblem;

const keys = resourceKeys('letters');
const resource: Resource = { keys, key: 'id' };

const rows: Letter[] = ['a', 'b', 'c'].map((id) =>
  ({ id, title: `Title ${id}`, status: 'draft' }));

function listed(data: object[], after: string | null = null): Answer {
  return { status: 200, body: { ok: true, data, meta: { request_id: 'r',
    page: { limit: 3, next: after } } } };
}

function tagged(data: unknown, etag: string): Answer {
  return { status: 200, headers: { etag }, body: {
    ok: true, data, meta: { request_id: 'r' } } };
}

/** A server of lists and rows; `write` answers the rest. */
class Stage {
  queries = new QueryClient();
  fake: Fake;
  stored = rows;
  writes: Sent[] = [];
  letGo: () => void = () => {};

  constructor(write: (sent: Sent) => Answer) {
    this.fake = new Fake([(sent) => this.#answer(sent, write)]);
    const { fetch } = this.fake.client;
    // Writes wait until the test has looked at what is shown meanwhile.
    this.fake.client = { ...this.fake.client, fetch: async (url, init) => {
      if (init.method !== 'GET')
        await new Promise<void>((go) => { this.letGo = go; });
      return fetch(url, init);
    } };
  }

  #answer(sent: Sent, write: (sent: Sent) => Answer): Answer {
    if (sent.method !== 'GET') {
      this.writes.push(sent);
      return write(sent);
    }
    const id = /letters\/(\w+)/.exec(sent.url)?.[1];
    return id === undefined ? listed(this.stored)
      : tagged(this.stored.find((row) => row.id === id), '"old"');
  }

  place() {
    return { client: this.fake.client, queryClient: this.queries, resource };
  }

  /** Lists, finite and infinite, and a row, watched as a page watches. */
  async watch(): Promise<() => void> {
    const { client } = this.fake;
    const ends = [
      new QueryObserver(this.queries, list(this)).subscribe(() => {}),
      new InfiniteQueryObserver(this.queries, pages(this)).subscribe(() => {}),
      new QueryObserver(this.queries, asks(keys.read('b'), (options) =>
        call<Letter, Refused>(client, routes.read, { id: 'b' }, options)))
        .subscribe(() => {}),
    ];
    await settled(this);
    return () => { ends.forEach((end) => end()); this.queries.clear(); };
  }

  titles(): string[][] {
    const one = this.queries.getQueryData<Page<Letter>>(keys.list({}));
    const many = this.queries.getQueryData<InfiniteData<Page<Letter>>>(
      keys.pages({}));
    const read = this.queries.getQueryData<{ data: Letter }>(keys.read('b'));
    return [one!.data.map((r) => r.title),
      many!.pages.flatMap((p) => p.data.map((r) => r.title)),
      read === undefined ? [] : [read.data.title]];
  }
}

function ask(stage: Stage, query: object, options: CallOptions) {
  return call(stage.fake.client, routes.list, query, options) as
    Promise<ListResult<Letter, Refused>>;
}

function list(stage: Stage, query: object = {}) {
  return asks(keys.list(query), (options) => ask(stage, query, options));
}

function pages(stage: Stage, query: object = {}) {
  return asksPages(keys.pages(query), (after, options) =>
    ask(stage, { ...query, after }, options));
}

async function settled(stage: Stage): Promise<void> {
  do
    await new Promise((later) => setTimeout(later, 2));
  while (stage.queries.isFetching() > 0);
}

/** Lets what was set off go on, up to what waits for somebody. */
async function soon(): Promise<void> {
  await new Promise((later) => setTimeout(later, 5));
}

const before = [['Title a', 'Title b', 'Title c'],
  ['Title a', 'Title b', 'Title c'], ['Title b']];

function create(stage: Stage) {
  return creates(stage.place(), 'create',
    (input: Draft, options: CallOptions & KeyOption) =>
      call<Letter, Refused>(stage.fake.client, routes.create, input, options),
    { optimistic: ({ body }) =>
      ({ id: 'provisional:1', title: body.title, status: 'draft' }) });
}

function update(stage: Stage) {
  return updates(stage.place(), 'update',
    ({ match, ...input }: Change, options: CallOptions & KeyOption) =>
      call<Letter, Refused>(stage.fake.client, routes.update, input,
        { ...options, match }));
}

function remove(stage: Stage) {
  return deletes(stage.place(), 'delete',
    (input: { id: string }, options: CallOptions & KeyOption) =>
      call<null, Refused>(stage.fake.client, routes.delete, input, options));
}

/** Each write: what is shown at once, and what when it went well. */
const table: {
  what: string;
  options: (stage: Stage) => object;
  variables: object;
  shown: string[][];
  answer: Answer;
  stored: Letter[];
}[] = [{
  what: 'create', options: create, variables: { body: { title: 'New' } },
  shown: [['New', ...before[0]!], ['New', ...before[1]!], before[2]!],
  answer: envelope({ id: 'n', title: 'New!', status: 'draft' }),
  stored: [{ id: 'n', title: 'New!', status: 'draft' }, ...rows],
}, {
  what: 'update', options: update,
  variables: { id: 'b', body: { title: 'B' }, match: '"old"' },
  shown: [['Title a', 'B', 'Title c'], ['Title a', 'B', 'Title c'], ['B']],
  answer: envelope({ id: 'b', title: 'B!', status: 'draft' }),
  stored: rows.map((r) => r.id === 'b' ? { ...r, title: 'B!' } : r),
}, {
  what: 'delete', options: remove, variables: { id: 'b' },
  shown: [['Title a', 'Title c'], ['Title a', 'Title c'], ['Title b']],
  answer: envelope(null),
  stored: rows.filter((r) => r.id !== 'b'),
}];

for (const { what, options, variables, shown, answer, stored } of table) {
  test(`An optimistic ${what} is shown, and rolled back when refused`,
    async () => {
      const stage = new Stage(() => refusal(409, 'reference_taken'));
      const end = await stage.watch();
      same(stage.titles(), before);
      const mutation = new MutationObserver(stage.queries,
        options(stage) as object);
      const work = mutation.mutate(variables as never).catch((e) => e);
      await soon();
      same(stage.titles(), shown, 'at once');
      // What the server says later must not be what rolls it back.
      stage.queries.setDefaultOptions({ queries: { enabled: false } });
      const told = stage.queries.getQueryCache().subscribe(() => {});
      stage.letGo();
      const error = await work as Refused;
      same(error.code, 'reference_taken');
      same(stage.titles(), before, 'after the refusal');
      await settled(stage);
      same(stage.titles(), before);
      told();
      end();
    });

  test(`An optimistic ${what} gives way to what the server made`, async () => {
    const stage = new Stage(() => {
      stage.stored = stored;
      return answer;
    });
    const end = await stage.watch();
    const mutation = new MutationObserver(stage.queries,
      options(stage) as object);
    const work = mutation.mutate(variables as never);
    await soon();
    same(stage.titles(), shown, 'at once');
    stage.letGo();
    await work;
    const titles = stored.map((r) => r.title);
    same(stage.titles().slice(0, 2), [titles, titles], 'after the answer');
    await settled(stage);
    same(stage.titles().slice(0, 2), [titles, titles], 'asked anew');
    end();
  });
}

test('Of two writes at once, the refused one does not undo the other',
  async () => {
    const gates: (() => void)[] = [];
    const stage = new Stage((sent) => sent.body!.includes('X')
      ? refusal(409, 'reference_taken')
      : envelope({ id: 'a', title: 'A', status: 'draft' }));
    const { fetch } = stage.fake.client;
    const end = await stage.watch();
    stage.fake.client = { ...stage.fake.client, fetch: async (url, init) => {
      if (init.method !== 'GET') {
        await new Promise<void>((go) => gates.push(go));
        setTimeout(() => stage.letGo(), 0);
      }
      return fetch(url, init);
    } };
    const start = (variables: Change) =>
      new MutationObserver(stage.queries, update(stage)).mutate(variables)
        .catch((e) => e);
    const refused = start({ id: 'b', body: { title: 'X' } });
    await soon();
    const good = start({ id: 'a', body: { title: 'A' } });
    await soon();
    same(stage.titles()[0], ['A', 'X', 'Title c']);
    gates[0]!();
    same((await refused).code, 'reference_taken');
    same(stage.titles()[0], ['A', 'Title b', 'Title c']);
    gates[1]!();
    await good;
    same(stage.titles()[0], ['A', 'Title b', 'Title c']);
    end();
  });

test('A provisional row is shown where the newest row is surely first',
  async () => {
    const stage = new Stage(() => refusal(409, 'reference_taken'));
    const asked: [object, string[]][] = [
      [{}, ['New', 'a']], [{ limit: 3 }, ['New', 'a']],
      [{ where: undefined }, ['New', 'a']],
      [{ where: { status: { eq: 'sent' } } }, ['a']], [{ search: 'x' }, ['a']],
      [{ order: 'title' }, ['a']], [{ after: 'c' }, ['a']],
      [{ select: ['title'] }, ['New', 'a']], [{ select: ['*'] }, ['New', 'a']],
      [{ select: ['id', { owner: ['id'] }] }, ['a']],
      [{ select: ['title', 'pages'] }, ['a']],
    ];
    for (const [query] of asked)
      stage.queries.setQueryData(keys.list(query), { data: [{ title: 'a' }] });
    stage.queries.setQueryData(keys.pages({}), { pageParams: [null, 'c'],
      pages: [{ data: [{ title: 'a' }] }, { data: [{ title: 'b' }] }] });
    const paged = () => stage.queries.getQueryData<InfiniteData<Page<Letter>>>(
      keys.pages({}))!.pages.map((page) => page.data.map((row) => row.title));
    const work = new MutationObserver(stage.queries, create(stage))
      .mutate({ body: { title: 'New' } }).catch((e) => e);
    await soon();
    same(paged(), [['New', 'a'], ['b']]);
    const shown = (query: object) => stage.queries.getQueryData<Page<Letter>>(
      keys.list(query))!.data.map((row) => row.title);
    for (const [query, wanted] of asked)
      same(shown(query), wanted, JSON.stringify(query));
    same(stage.queries.getQueryData(keys.list({ select: ['title'] })),
      { data: [{ id: 'provisional:1', title: 'New' }, { title: 'a' }] });
    stage.letGo();
    await work;
    for (const [query] of asked)
      same(shown(query), ['a'], JSON.stringify(query));
    same(paged(), [['a'], ['b']]);
    stage.queries.clear();
  });

test('An update replaces the tag of the row, and keeps an old one else',
  async () => {
    let count = 0;
    const stage = new Stage(() => ++count === 1
      ? tagged({ id: 'b', title: 'B!' }, '"new"')
      : envelope({ id: 'b', title: 'B?' }));
    const end = await stage.watch();
    stage.queries.setDefaultOptions({ queries: { enabled: false } });
    const etag = () => stage.queries.getQueryData<{ etag: string }>(
      keys.read('b'))!.etag;
    same(etag(), '"old"');
    for (const title of ['B!', 'B?']) {
      const work = new MutationObserver(stage.queries, update(stage))
        .mutate({ id: 'b', body: { title: 'B' } });
      await soon();
      stage.letGo();
      const { data } = await work;
      same([etag(), data.title, stage.titles()[2]], ['"new"', title, [title]]);
    }
    end();
  });

test('One mutate() has one key for all attempts of TanStack', async () => {
  let count = 0;
  const stage = new Stage(() => ++count < 3 ? refusal(503, 'unavailable')
    : envelope({ id: 'n', title: 'New', status: 'draft' }));
  stage.fake.client = { ...stage.fake.client, retries: 0 };
  const mutation = new MutationObserver(stage.queries,
    { ...create(stage), retry: 2, retryDelay: 0 });
  const variables = { body: { title: 'New' } };
  const hold = setInterval(() => stage.letGo(), 1);
  await mutation.mutate(variables);
  same(new Set(stage.writes.map((w) => w.headers['idempotency-key'])).size, 1);
  same(stage.writes.length, 3);
  // What was answered is over: the same variables are another wish.
  await mutation.mutate(variables);
  same(new Set(stage.writes.map((w) => w.headers['idempotency-key'])).size, 2);
  clearInterval(hold);
  stage.queries.clear();
});

test('The key is kept when TanStack repeats what was refused', async () => {
  let count = 0;
  const stage = new Stage(() => ++count < 3 ? refusal(500, 'internal')
    : envelope({ id: 'n', title: 'New', status: 'draft' }));
  const mutation = new MutationObserver(stage.queries,
    { ...create(stage), retry: 2, retryDelay: 0 });
  const hold = setInterval(() => stage.letGo(), 1);
  await mutation.mutate({ body: { title: 'New' } });
  same(stage.writes.length, 3);
  same(new Set(stage.writes.map((w) => w.headers['idempotency-key'])).size, 1);
  clearInterval(hold);
  stage.queries.clear();
});

test('What nobody answered is asked for again with its key', async () => {
  let count = 0;
  const stage = new Stage(() => ++count < 2 ? 'break' : envelope({ id: 'n' }));
  stage.fake.client = { ...stage.fake.client, retries: 0 };
  const mutation = new MutationObserver(stage.queries, create(stage));
  const variables = { body: { title: 'New' } };
  const hold = setInterval(() => stage.letGo(), 1);
  const error = await mutation.mutate(variables).catch((e) => e);
  same(error.code, 'network_failed');
  await mutation.mutate(variables);
  same(new Set(stage.writes.map((w) => w.headers['idempotency-key'])).size, 1);
  await mutation.mutate({ ...variables, idempotencyKey: 'kept' });
  same(stage.writes[2]!.headers['idempotency-key'], 'kept');
  same(stage.writes[2]!.body, '{"title":"New"}');
  clearInterval(hold);
  stage.queries.clear();
});

test('A guess that throws is no error of the mutation', async () => {
  const stage = new Stage(() => envelope({ id: 'n', title: 'New' }));
  const options = creates(stage.place(), 'create', (input: Draft, more) =>
    call<Letter, Refused>(stage.fake.client, routes.create, input, more),
  { optimistic: () => { throw new Error('a guess'); } });
  const work = new MutationObserver(stage.queries, options)
    .mutate({ body: { title: 'New' } });
  await soon();
  stage.letGo();
  same((await work).data.title, 'New');
  stage.queries.clear();
});

test('An infinite list is read to its end, and no further', async () => {
  const fake = new Fake([listed([rows[0]!], 'c1'), listed([rows[1]!], 'c2'),
    listed([rows[2]!])]);
  const queries = new QueryClient();
  const observer = new InfiniteQueryObserver(queries, asksPages(keys.pages({}),
    (after, options) => call(fake.client, routes.list, { after }, options) as
      Promise<ListResult<Letter, Refused>>));
  const end = observer.subscribe(() => {});
  let result = await observer.fetchNextPage();
  while (result.hasNextPage)
    result = await observer.fetchNextPage();
  same(result.data!.pages.flatMap((p) => p.data.map((r) => r.id)),
    ['a', 'b', 'c']);
  same(fake.sent.map((s) => s.url.split('after=')[1]), [undefined, 'c1', 'c2']);
  end();
  queries.clear();
});

test('A query that nobody watches any more is given up', async () => {
  const fake = new Fake(['hang']);
  const queries = new QueryClient();
  let gaveUp: Result<unknown, Refused> | undefined;
  const observer = new QueryObserver(queries, asks(keys.list({}),
    async (options) => gaveUp = await call<Letter[], Refused>(fake.client,
      routes.list, {}, options)));
  const end = observer.subscribe(() => {});
  await soon();
  end();
  await soon();
  holds(gaveUp !== undefined && !gaveUp.ok, 'it must have ended');
  same(gaveUp.error.code, 'aborted');
  queries.clear();
});

test('A query fails with its problem, and is not asked again by TanStack',
  async () => {
    const fake = new Fake([refusal(409, 'reference_taken')]);
    const queries = new QueryClient({ defaultOptions: {
      queries: { retry: 3, retryDelay: 0 } } });
    const observers = [
      new QueryObserver(queries, asks(keys.list({}), (options) =>
        call<Letter[], Refused>(fake.client, routes.list, {}, options))),
      new InfiniteQueryObserver(queries, asksPages(keys.pages({}),
        (after, options) => call(fake.client, routes.list, { after },
          options) as Promise<ListResult<Letter, Refused>>)),
    ];
    const ends = observers.map((observer) => observer.subscribe(() => {}));
    await soon();
    for (const observer of observers)
      same([observer.getCurrentResult().status,
        observer.getCurrentResult().error?.code],
      ['error', 'reference_taken']);
    same(fake.sent.length, 2);
    ends.forEach((end) => end());
    queries.clear();
  });

test('Other resources that a write changes are asked anew', async () => {
  const stage = new Stage(() => envelope(1));
  const isStale = () => stage.queries.getQueryState(['users', 'list'])!
    .isInvalidated;
  stage.queries.setQueryData(['users', 'list'], {});
  const options = acts({ ...stage.place(), others: ['users'] }, 'send',
    (input: { id: string }) => call<number, Refused>(stage.fake.client,
      routes.post, input));
  const work = new MutationObserver(stage.queries, options).mutate({ id: 'a' });
  await soon();
  same(isStale(), false);
  stage.letGo();
  await work;
  same(isStale(), true);
  stage.queries.clear();
});

// ---- The types; tsc judges these.

type Is<A, B> = (<T>() => T extends A ? 1 : 2) extends
  (<T>() => T extends B ? 1 : 2) ? true : false;
const is = <T extends true>(yes?: T) => yes;

export async function types(stage: Stage) {
  const observer = new QueryObserver(stage.queries, list(stage));
  const { data, error } = observer.getCurrentResult();
  is<Is<typeof error, Refused | null>>();
  is<Is<typeof data, Page<Letter> | undefined>>();
  const mutation = new MutationObserver(stage.queries, create(stage));
  const result = mutation.getCurrentResult();
  is<Is<typeof result.error, Refused | null>>();
  // @ts-expect-error: the body is missing
  void mutation.mutate({});
  const change = changes(stage.place(), 'send', (input: { id: string }) =>
    call<Letter, Refused>(stage.fake.client, routes.post, input),
  { optimistic: (row) => ({ ...row, status: 'queued' }) });
  void new MutationObserver(stage.queries, change).mutate({ id: 'a' });
  const cached = stage.queries.getQueryData(list(stage).queryKey);
  is<Is<typeof cached, Page<Letter> | undefined>>();
}
