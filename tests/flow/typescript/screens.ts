// SPDX-License-Identifier: MIT
//
// The queries as screens use them, on the running service: optimistic rows
// that it refuses are taken back, keys outlive TanStack's retries, lists end.

import {
  InfiniteQueryObserver, MutationObserver, QueryClient, QueryObserver,
} from '@tanstack/react-query';

import type { Client, Letter, letters as operations } from './api/index.ts';
import * as letterQueries from './api/queries/letters.ts';
import * as userQueries from './api/queries/users.ts';
import {
  ALICE, alice, client, draft, good, letters, newLetter, person, psql, refused,
  registered,
} from './world.ts';
import { holds, same, test } from './tap.ts';

/** A screen with two lists and one letter. */
class Screen {
  queries = new QueryClient();
  client: Client;
  ends: (() => void)[] = [];

  constructor(client: Client) {
    this.client = client;
  }

  async open(id: string): Promise<void> {
    const { client, queries } = this;
    const list = new QueryObserver(queries, letterQueries.listOptions(client));
    const pages = new InfiniteQueryObserver(queries,
      letterQueries.infiniteOptions(client));
    const read = new QueryObserver(queries,
      letterQueries.readOptions(client, id));
    this.ends = [list, pages, read].map((observer) =>
      observer.subscribe(() => {}));
    await this.settled();
  }

  /** The titles of the list, of the pages, and of the letter that is read. */
  shown(id: string): string[] {
    const { queries, client } = this;
    const titles = (rows: Letter[]) => rows.map((row) => row.title).join();
    const list = queries.getQueryData(
      letterQueries.listOptions(client).queryKey);
    const pages = queries.getQueryData(
      letterQueries.infiniteOptions(client).queryKey);
    const read = queries.getQueryData(
      letterQueries.readOptions(client, id).queryKey);
    holds(list !== undefined && pages !== undefined, 'nothing is there');
    return [titles(list.data), titles(pages.pages.flatMap((p) => p.data)),
      read?.data.title ?? ''];
  }

  async settled(): Promise<void> {
    do
      await new Promise((later) => setTimeout(later, 5));
    while (this.queries.isFetching() > 0);
  }

  close(): void {
    this.ends.forEach((end) => end());
    this.queries.clear();
  }
}

const provisional = ({ body }: operations.CreateInput): Letter => ({
  id: 'provisional:1', owner_id: ALICE, status: 'draft', content: null,
  tone: 'neutral', locale: 'en', tags: [], reference: null, channel: null,
  failure_reason: null, scheduled_for: null, sent_at: null,
  created_at: '2026-01-01T00:00:00Z', updated_at: '2026-01-01T00:00:00Z',
  ...body, body: body.body ?? '',
});

test('What the service refuses is shown, and taken back', async () => {
  const who = await registered();
  const kept = await draft(who.client, { title: 'A', reference: 'r' });
  const queued = await draft(who.client, { title: 'B' });
  good(await letters.send(who.client, { id: queued.id, body: {} }));
  // Replies wait until what is shown before them was looked at.
  let turn = Promise.resolve(), goOn = () => {};
  const wait = () => { turn = new Promise((then) => { goOn = then; }); };
  const screen = new Screen(client(person(who.sub), {
    fetch: async (url, init) => {
      const reply = await fetch(url, init);
      await turn;
      return reply;
    } }));
  await screen.open(queued.id);
  same(screen.shown(queued.id), ['B,A', 'B,A', 'B']);
  const { queries } = screen;

  wait();
  const create = new MutationObserver(queries, letterQueries.createOptions(
    screen.client, queries, { optimistic: provisional }));
  const made = create.mutate({ body: { ...newLetter, title: 'C',
    reference: 'r' } }).then(() => null, () => create.getCurrentResult().error);
  await new Promise((later) => setTimeout(later, 0));
  same(screen.shown(queued.id), ['C,B,A', 'C,B,A', 'B'], 'create, at once');
  goOn();
  const taken = await made;
  holds(taken?.code === 'reference_taken', `${taken?.code}`);
  same(taken.issues?.[0]?.pointer, '/reference');
  same(screen.shown(queued.id), ['B,A', 'B,A', 'B'], 'create, refused');

  wait();
  const update = new MutationObserver(queries, letterQueries.updateOptions(
    screen.client, queries));
  const changed = update.mutate({ id: queued.id, body: { title: 'BB' } })
    .then(() => null, () => update.getCurrentResult().error);
  await new Promise((later) => setTimeout(later, 0));
  same(screen.shown(queued.id), ['BB,A', 'BB,A', 'BB'], 'update, at once');
  goOn();
  same((await changed)?.code, 'letter_not_draft');
  same(screen.shown(queued.id), ['B,A', 'B,A', 'B'], 'update, refused');

  wait();
  const remove = new MutationObserver(queries, letterQueries.deleteOptions(
    screen.client, queries));
  const removed = remove.mutate({ id: queued.id })
    .then(() => null, () => remove.getCurrentResult().error);
  await new Promise((later) => setTimeout(later, 0));
  same(screen.shown(queued.id), ['A', 'A', 'B'], 'delete, at once');
  goOn();
  same((await removed)?.code, 'letter_on_its_way');
  same(screen.shown(queued.id), ['B,A', 'B,A', 'B'], 'delete, refused');
  await screen.settled();
  same(screen.shown(kept.id).slice(0, 2), ['B,A', 'B,A']);
  screen.close();
});

test('What the service does is shown at once, and then as it did it',
  async () => {
    const who = await registered();
    const first = await draft(who.client, { title: 'A' });
    const screen = new Screen(who.client);
    await screen.open(first.id);
    const { client, queries } = screen;
    const { data: made } = await new MutationObserver(queries,
      letterQueries.createOptions(client, queries, { optimistic: provisional }))
      .mutate({ body: { ...newLetter, title: 'B' } });
    same(screen.shown(first.id), ['B,A', 'B,A', 'A']);
    const row = queries.getQueryData(
      letterQueries.listOptions(client).queryKey)?.data[0];
    same(row, made, 'the row is the one that was made');
    await new MutationObserver(queries, letterQueries.updateOptions(client,
      queries)).mutate({ id: made.id, body: { title: 'BB' } });
    same(screen.shown(first.id), ['BB,A', 'BB,A', 'A']);
    const sent = await new MutationObserver(queries, letterQueries.sendOptions(
      client, queries, { optimistic: (letter) =>
        ({ ...letter, status: 'queued' }) }))
      .mutate({ id: first.id, body: {} });
    same(sent.data.status, 'queued');
    const read = () => queries.getQueryData(
      letterQueries.readOptions(client, first.id).queryKey);
    same(read()?.data.status, 'queued');
    await screen.settled();
    await new MutationObserver(queries, letterQueries.deleteOptions(client,
      queries)).mutate({ id: made.id });
    same(screen.shown(first.id).slice(0, 2), ['A', 'A']);
    await screen.settled();
    same(screen.shown(first.id).slice(0, 2), ['A', 'A']);
    screen.close();
  });

test('An edit with the tag of the row that was read meets nobody\'s',
  async () => {
    const { id } = await draft();
    const queries = new QueryClient();
    const read = () => queries.fetchQuery(letterQueries.readOptions(alice, id));
    const { etag } = await read();
    const update = new MutationObserver(queries,
      letterQueries.updateOptions(alice, queries));
    const match = etag ?? '';
    await update.mutate({ id, body: { title: 'First' }, match });
    const tag = queries.getQueryData(
      letterQueries.readOptions(alice, id).queryKey)?.etag;
    holds(tag !== undefined && tag !== null && tag !== etag, `${tag}`);
    const late = await update.mutate({ id, body: { title: 'Second' }, match })
      .then(() => null, () => update.getCurrentResult().error);
    same(late?.code, 'precondition_failed');
    await update.mutate({ id, body: { title: 'Second' }, match: tag });
    queries.clear();
  });

test('A key outlives TanStack\'s own retries: the letter is made once',
  async () => {
    let lost = 0;
    const keys: string[] = [];
    const lossy = client(person(ALICE), { retries: 0,
      fetch: async (url, init) => {
        keys.push((init.headers as Record<string, string>)[
          'idempotency-key']!);
        const response = await fetch(url, init);
        if (lost++ < 2)
          throw new TypeError('the reply is lost');
        return response;
      } });
    const queries = new QueryClient();
    const title = `Once ${Date.now()}`;
    const made = await new MutationObserver(queries, {
      ...letterQueries.createOptions(lossy, queries), retry: 3, retryDelay: 0,
    }).mutate({ body: { ...newLetter, title } });
    same([made.replayed, keys.length, new Set(keys).size], [true, 3, 1]);
    same(psql(`select count(*) from app.letters where title = '${title}'`),
      '1');
    queries.clear();
  });

test('An infinite list is read to its end', async () => {
  const queries = new QueryClient();
  const observer = new InfiniteQueryObserver(queries,
    letterQueries.infiniteOptions(alice, { limit: 100, select: ['id'],
      order: 'title' }));
  const end = observer.subscribe(() => {});
  let result = await observer.fetchNextPage();
  while (result.hasNextPage)
    result = await observer.fetchNextPage();
  const ids = result.data?.pages.flatMap((page) =>
    page.data.map((row) => row.id)) ?? [];
  same(new Set(ids).size, Number(psql(
    `select count(*) from app.letters where owner_id = '${ALICE}'`)));
  same(ids.length, new Set(ids).size);
  end();
  queries.clear();
});

test('A query fails with a problem of its operation', async () => {
  const queries = new QueryClient();
  const observer = new QueryObserver(queries,
    userQueries.readOptions(alice, 'none'));
  const end = observer.subscribe(() => {});
  while (observer.getCurrentResult().isPending)
    await new Promise((later) => setTimeout(later, 5));
  const { error } = observer.getCurrentResult();
  holds(error?.code === 'validation_failed', `${error?.code}`);
  same(error.issues[0]?.path, ['id']);
  // @ts-expect-error: reading gives no such code
  same(error.code === 'reference_taken', false);
  end();
  queries.clear();
});

test('The functions behind the queries are the same', async () => {
  refused(await letters.list(alice, { limit: 0 }), 'invalid_query');
});
