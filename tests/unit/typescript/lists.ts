// SPDX-License-Identifier: MIT
//
// A list's query on the wire, and the types that it is made with.

import { call } from './runtime/client.ts';
import type {
  All, Counted, Filtered, FlagFilter, ListResult, Many, NumberFilter, One,
  Paged, Searched, Select, Selected, Selecting, Sorted, TextFilter,
  TransportProblem,
} from './runtime/client.ts';
import { Fake, routes } from './fake.ts';
import { holds, same, test } from './tap.ts';

interface Letter {
  id: string;
  title: string;
  status: 'draft' | 'sent';
  pages: number;
  urgent: boolean;
  sent_at: string | null;
}

interface Filters {
  title: TextFilter;
  status: TextFilter<Letter['status']>;
  pages: NumberFilter;
  urgent: FlagFilter;
  sent_at: TextFilter;
  'recipient->>name': TextFilter;
}

interface Related {
  owner: One<{ id: string; name: string }>;
  replies: Many<{ id: string; at: string }, {
    author: One<{ id: string; name: string }>;
  }>;
}

type Query<S extends Select<Letter, Related>> = Filtered<Filters>
  & Sorted<'title' | 'pages'> & Paged & Searched & Counted
  & Selecting<Letter, Related, S>;

function list<const S extends Select<Letter, Related> = All>(
  fake: Fake, query: Query<S> = {},
): Promise<ListResult<Selected<Letter, Related, S>, TransportProblem>> {
  return call(fake.client, routes.list, query);
}

const page = { request_id: 'r', page: { limit: 20, next: null } };

function server(): Fake {
  return new Fake([{ status: 200, body: { ok: true, data: [], meta: page } }]);
}

async function sentFor(query: Query<readonly []>): Promise<string> {
  const fake = server();
  const result = await list(fake, query as Query<All>);
  if (!result.ok)
    return `${result.error.code}: ${result.error.message}`;
  const { url } = fake.sent[0]!;
  return decodeURIComponent(url.slice(url.indexOf('letters') + 7));
}

const table: [query: Query<any>, wanted: string][] = [
  [{}, ''],
  [{ where: { status: { eq: 'draft' } } }, '?status=eq.draft'],
  [{ where: { pages: { gte: 1, lt: 10 } } }, '?pages=gte.1&pages=lt.10'],
  [{ where: { urgent: { eq: false } } }, '?urgent=eq.false'],
  [{ where: { urgent: { is: true } } }, '?urgent=is.true'],
  [{ where: { sent_at: { is: null } } }, '?sent_at=is.null'],
  [{ where: { sent_at: { is: 'not_null' } } }, '?sent_at=is.not_null'],
  [{ where: { title: { not: { ilike: '*a*' } } } }, '?title=not.ilike.*a*'],
  [{ where: { pages: { not: { gt: 1, lt: 9 } } } },
    '?not.and=(pages.gt.1,pages.lt.9)'],
  [{ where: { 'recipient->>name': { eq: 'Bob' } } },
    '?recipient->>name=eq.Bob'],
  // A bare value goes as it stands, whatever it holds.
  [{ where: { title: { eq: 'a,b("c")' } } }, '?title=eq.a,b("c")'],
  [{ where: { title: { eq: '' } } }, '?title=eq.'],
  [{ where: { title: { eq: 'a&b=c+d%' } } }, '?title=eq.a&b=c+d%'],
  // In brackets it is quoted where it would end too early, or be nothing.
  [{ where: { title: { in: ['a', 'b,c', 'd"e', '(f)', 'g\\h', '', ' i'] } } },
    '?title=in.(a,"b,c","d\\"e","(f)","g\\\\h","", i)'],
  [{ where: { pages: { in: [1, -2.5] } } }, '?pages=in.(1,-2.5)'],
  [{ or: [{ status: { eq: 'draft' } }, { title: { like: 'Notes, *' } }] },
    '?or=(status.eq.draft,title.like."Notes, *")'],
  [{ or: [{ status: { eq: 'draft' }, pages: { gt: 2 } },
    { not: { urgent: { is: true } } }] },
  '?or=(and(status.eq.draft,pages.gt.2),not.and(urgent.is.true))'],
  [{ or: [{ title: { in: ['a,b', 'c'] } }, { title: { not: { eq: ')' } } }] },
    '?or=(title.in.("a,b",c),title.not.eq.")")'],
  [{ and: [{ or: [{ pages: { eq: 1 } }, { pages: { eq: 2 } }] },
    { urgent: { is: false } }] },
  '?and=(or(pages.eq.1,pages.eq.2),urgent.is.false)'],
  [{ not: { or: [{ pages: { eq: 1 } },
    { pages: { not: { lt: 3, gt: 1 } } }] } },
    '?not.and=(or(pages.eq.1,not.and(pages.lt.3,pages.gt.1)))'],
  [{ where: { pages: { eq: 1 }, or: [{ urgent: { is: true } }] },
    or: [{ urgent: { is: false } }] },
  '?pages=eq.1&or=(urgent.is.true)&or=(urgent.is.false)'],
  [{ and: [] }, ''],
  [{ order: '-title' }, '?order=title.desc'],
  [{ order: ['pages', '-title'] }, '?order=pages,title.desc'],
  [{ order: [] }, ''],
  [{ limit: 5, after: 'c' }, '?limit=5&after=c'],
  [{ after: null, search: 'garden -lease' }, '?search=garden -lease'],
  [{ select: ['id', 'title'] }, '?select=id,title'],
  [{ select: ['*', { owner: ['name'] }] }, '?select=*,owner(name)'],
  [{ select: ['id', { replies: ['id', { author: ['name'] }], owner: ['id'] }] },
    '?select=id,replies(id,author(name)),owner(id)'],
  [{ where: undefined, limit: undefined }, ''],
  [{ where: { title: undefined } }, ''],
];

test('A query is written in the grammar of lists', async () => {
  for (const [query, wanted] of table)
    same(await sentFor(query), wanted, JSON.stringify(query));
});

test('What a list cannot be asked for is not sent', async () => {
  const queries: unknown[] = [
    { where: { title: { in: [] } } }, { or: [] }, { or: [{}] }, { not: {} },
    { or: [{ title: undefined }] }, { where: { title: { eq: null } } },
    { where: { title: { eq: {} } } }, { where: { title: 'a' } },
    { where: { title: { in: 'a' } } }, { where: { pages: { eq: NaN } } },
    { select: [] }, { select: 'id' }, { order: [{}] }, { titel: 1 },
    { where: [] }, { or: { title: { eq: 'a' } } }, { toString: 1 }, 7, [],
  ];
  for (const query of queries)
    holds((await sentFor(query as Query<any>)).startsWith(
      'request_unwritable: '), JSON.stringify(query));
});

test('A name or value cannot become a parameter of its own', async () => {
  const fake = server();
  await list(fake, { where: { title: { eq: 'a&limit=1#x' } },
    search: 'b&after=c', after: '+ /?&' });
  same(fake.sent[0]!.url.split('?')[1],
    'title=eq.a%26limit%3D1%23x&search=b%26after%3Dc&after=%2B%20%2F%3F%26');
});

test('count is a preference', async () => {
  const fake = server();
  await list(fake, { count: 'estimated' });
  same([fake.sent[0]!.headers.prefer, fake.sent[0]!.url],
    ['count=estimated', 'https://host.example/api/letters']);
});

test('Pages are followed to the end', async () => {
  const fake = new Fake(['c1', 'c2', null].map((next, i) => ({
    status: 200, body: { ok: true, data: [{ id: String(i) }],
      meta: { request_id: 'r', page: { limit: 1, next } } } })));
  const ids: string[] = [];
  let after: string | null = null;
  do {
    const result: Awaited<ReturnType<typeof list<readonly ['id']>>> =
      await list(fake, { select: ['id'], after });
    holds(result.ok, 'a page');
    ids.push(...result.data.map((row) => row.id));
    after = result.meta.page.next;
  } while (after !== null);
  same(ids, ['0', '1', '2']);
  same(fake.sent.map((s) => s.url.split('after=')[1]), [undefined, 'c1', 'c2']);
});

// ---- What must and must not compile; tsc judges these.

type Is<A, B> = (<T>() => T extends A ? 1 : 2) extends
  (<T>() => T extends B ? 1 : 2) ? true : false;
const is = <T extends true>(yes?: T) => yes;

export async function types(fake: Fake, some: ('id' | 'title')[]) {
  const all = await list(fake);
  if (all.ok)
    is<Is<typeof all.data, Letter[]>>();
  const two = await list(fake, { select: ['id', 'status'] });
  if (two.ok)
    is<Is<typeof two.data, { id: string; status: 'draft' | 'sent' }[]>>();
  const deep = await list(fake, { select: ['id', { owner: ['name'],
    replies: ['at', { author: ['id'] }] }] });
  if (deep.ok)
    is<Is<(typeof deep.data)[0], {
      id: string; owner: { name: string } | null;
      replies: { at: string; author: { id: string } | null }[];
    }>>();
  const more = await list(fake, { select: ['*', { owner: ['id'] }] });
  if (more.ok)
    is<(typeof more.data)[0] extends Letter & { owner: { id: string } | null }
      ? true : false>();
  const dynamic = await list(fake, { select: some });
  if (dynamic.ok)
    is<Is<(typeof dynamic.data)[0], { id?: string; title?: string }>>();

  // @ts-expect-error: no such filter
  void list(fake, { where: { titel: { eq: 'a' } } });
  // @ts-expect-error: no such member of the enum
  void list(fake, { where: { status: { eq: 'lost' } } });
  // @ts-expect-error: numbers have no pattern
  void list(fake, { where: { pages: { like: '1*' } } });
  // @ts-expect-error: a flag is not ordered
  void list(fake, { where: { urgent: { gt: true } } });
  // @ts-expect-error: is takes no text
  void list(fake, { where: { title: { is: true } } });
  // @ts-expect-error: no such filter within or
  void list(fake, { or: [{ titel: { eq: 'a' } }] });
  // @ts-expect-error: cannot be sorted by
  void list(fake, { order: '-status' });
  // @ts-expect-error: no such column
  void list(fake, { select: ['id', 'titel'] });
  // @ts-expect-error: no such column of a related row
  void list(fake, { select: [{ owner: ['email'] }] });
  // @ts-expect-error: no such relation
  void list(fake, { select: [{ writer: ['id'] }] });
  // @ts-expect-error: no such parameter
  void list(fake, { offset: 20 });
  if (two.ok) {
    // @ts-expect-error: it was not selected
    void two.data[0]?.title;
  }
}
