// SPDX-License-Identifier: MIT
//
// The rows of a resource in TanStack Query's cache: of its lists, finite and
// infinite, and of its single rows. What is changed before the server has
// answered can be undone row by row, so that two writes at once do not undo
// each other's, as going back to a snapshot would.

import type { QueryClient, QueryKey } from '@tanstack/react-query';
import type { Success } from './client.ts';

/**
 * The keys of a resource's queries. `list` and `pages` of one query are
 * different data, so they have different keys, both below `lists`.
 */
export function resourceKeys<R extends string>(resource: R) {
  return {
    all: [resource] as const,
    lists: () => [resource, 'list'] as const,
    list: (query: object = {}) => [resource, 'list', 'page', query] as const,
    pages: (query: object = {}) => [resource, 'list', 'pages', query] as const,
    reads: () => [resource, 'read'] as const,
    read: (id: Id, select?: readonly unknown[]) => select === undefined
      ? [resource, 'read', id] as const
      : [resource, 'read', id, select] as const,
    calls: () => [resource, 'call'] as const,
    call: (name: string, input: object = {}) =>
      [resource, 'call', name, input] as const,
  };
}

export type Id = string | number;
export type ResourceKeys = ReturnType<typeof resourceKeys>;

/** A resource: its queries' keys, and the member that tells rows apart. */
export interface Resource {
  readonly keys: ResourceKeys;
  readonly key: string | readonly string[];
}

/** Takes back what was done before the answer. */
export type Undo = () => void;

type Row = Readonly<Record<string, unknown>>;
type Rows = readonly Row[];
interface Page { readonly data: Rows }
interface Pages { readonly pages: readonly Page[] }

/** Changes the rows of a page; the same rows where there is nothing to do. */
type Change = (rows: Rows, page: number) => Rows;

function pageWith(page: Page, number: number, change: Change): Page {
  const data = change(page.data, number);
  return data === page.data ? page : { ...page, data };
}

function listWith(list: Page | Pages, change: Change): Page | Pages {
  if (!('pages' in list))
    return pageWith(list, 0, change);
  const pages = list.pages.map((page, i) => pageWith(page, i, change));
  return pages.some((page, i) => page !== list.pages[i])
    ? { ...list, pages } : list;
}

/** Changes one cached list, if it is still there. */
function changeList(queries: QueryClient, key: QueryKey, change: Change) {
  queries.setQueryData<Page | Pages>(key, (list) =>
    list === undefined ? undefined : listWith(list, change));
}

function listsOf(queries: QueryClient, resource: Resource) {
  return queries.getQueriesData<Page | Pages>({
    queryKey: resource.keys.lists(),
  }).filter(([, list]) => list !== undefined);
}

function readsOf(queries: QueryClient, resource: Resource, id: Id) {
  return queries.getQueriesData<Success<Row>>({
    queryKey: resource.keys.read(id),
  }).filter(([, read]) => read !== undefined);
}

/**
 * The key of a row, or of the input that names it; one of several members as
 * the end of the path.
 */
export function idOf({ key }: Pick<Resource, 'key'>, row: object): Id {
  return typeof key === 'string' ? (row as Row)[key] as Id
    : key.map((name) => encodeURIComponent(String((row as Row)[name])))
      .join('/');
}

function isRow(resource: Resource, id: Id) {
  return (row: Row) => idOf(resource, row) === id;
}

/** Changes the row of that id; all others stay the same objects. */
function rowChange(
  resource: Resource, id: Id, change: (row: Row) => Row,
): Change {
  const isIt = isRow(resource, id);
  return (rows) => rows.some(isIt)
    ? rows.map((row) => isIt(row) ? change(row) : row) : rows;
}

function without(resource: Resource, id: Id): Change {
  const isIt = isRow(resource, id);
  return (rows) => rows.some(isIt)
    ? rows.filter((row) => !isIt(row)) : rows;
}

/** Those of the members that the row has: a list may tell some of them. */
function patched(row: Row, members: Row): Row {
  const told = Object.entries(members).filter(([name, value]) =>
    value !== undefined && Object.hasOwn(row, name));
  return { ...row, ...Object.fromEntries(told) };
}

// ---- A row that is not made yet.

export type TakesRow = (query: Readonly<Record<string, unknown>>) => boolean;

/**
 * Is the newest row surely at the head of this list? It is where nothing is
 * asked but how many rows, and which members of them.
 */
const takesAnyRow: TakesRow = (query) =>
  Object.entries(query).every(([name, value]) => value === undefined
    || name === 'limit' || name === 'select' || name === 'count');

/**
 * The members that a list tells, and the key, by which the row is found again;
 * null where it wants what the row has not, as rows of others.
 */
function selected(resource: Resource, row: Row, select: unknown): Row | null {
  if (select === undefined)
    return row;
  if (!Array.isArray(select)
    || !select.every((name) => name === '*' || Object.hasOwn(row, name)))
    return null;
  const names = select.includes('*') ? Object.keys(row)
    : [resource.key, select].flat();
  return Object.fromEntries(names.map((name) => [name, row[name]]));
}

/** Puts a row at the head of the lists that take it. */
export function addRow(
  queries: QueryClient, resource: Resource, row: object,
  takes: TakesRow = takesAnyRow,
): { id: Id; undo: Undo } {
  const id = idOf(resource, row);
  for (const [key] of listsOf(queries, resource)) {
    const query = key[3] as Readonly<Record<string, unknown>>;
    const told = takes(query)
      ? selected(resource, row as Row, query.select) : null;
    if (told !== null)
      changeList(queries, key, (rows, page) =>
        page === 0 ? [told, ...rows] : rows);
  }
  return { id, undo: () => dropRow(queries, resource, id) };
}

/** The server's row in place of the provisional one, or beside none. */
export function settleRow(
  queries: QueryClient, resource: Resource, provisional: Id, row: object,
): void {
  const id = idOf(resource, row);
  for (const [key, list] of listsOf(queries, resource)) {
    let isThere = false;
    listWith(list as Page | Pages, (rows) => {
      isThere ||= rows.some(isRow(resource, id));
      return rows;
    });
    changeList(queries, key, isThere && id !== provisional
      ? without(resource, provisional)
      : rowChange(resource, provisional, (old) => patched(old, row as Row)));
  }
}

// ---- A row that changes.

function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** Back to what was, but for members that somebody has changed since. */
function restored(row: Row, before: Row, after: Row): Row {
  const back = Object.entries(after).filter(([name, value]) =>
    !same(value, before[name]) && same(row[name], value));
  return { ...row, ...Object.fromEntries(
    back.map(([name]) => [name, before[name]])) };
}

function changeRead(
  queries: QueryClient, key: QueryKey, change: (row: Row) => Row,
  etag: string | null = null,
) {
  queries.setQueryData<Success<Row>>(key, (read) => read && {
    ...read, data: change(read.data), etag: etag ?? read.etag,
  });
}

/** Changes a row wherever it is cached. */
export function changeRow(
  queries: QueryClient, resource: Resource, id: Id,
  change: (row: Row) => object,
): Undo {
  const undo: Undo[] = [];
  const changing = (before: Row, later: (f: (row: Row) => Row) => void) => {
    const after = patched(before, change(before) as Row);
    undo.push(() => later((row) => restored(row, before, after)));
    return after;
  };
  for (const [key] of listsOf(queries, resource))
    changeList(queries, key, rowChange(resource, id, (row) =>
      changing(row, (back) =>
        changeList(queries, key, rowChange(resource, id, back)))));
  for (const [key] of readsOf(queries, resource, id))
    changeRead(queries, key, (row) =>
      changing(row, (back) => changeRead(queries, key, back)));
  return () => undo.forEach((back) => back());
}

/**
 * The server's row wherever it is cached. Without a tag in the reply the old
 * one stays: it is refused at most, where none would overwrite.
 */
export function tellRow(
  queries: QueryClient, resource: Resource, row: object, etag: string | null,
): void {
  const id = idOf(resource, row);
  const change = (old: Row) => patched(old, row as Row);
  for (const [key] of listsOf(queries, resource))
    changeList(queries, key, rowChange(resource, id, change));
  for (const [key] of readsOf(queries, resource, id))
    changeRead(queries, key, change, etag);
}

// ---- A row that goes.

function dropRow(queries: QueryClient, resource: Resource, id: Id): void {
  for (const [key] of listsOf(queries, resource))
    changeList(queries, key, without(resource, id));
}

/** Takes a row out of the lists; undone, it stands where it stood. */
export function removeRow(
  queries: QueryClient, resource: Resource, id: Id,
): Undo {
  const undo: Undo[] = [];
  const isIt = isRow(resource, id);
  for (const [key] of listsOf(queries, resource))
    changeList(queries, key, (rows, page) => {
      const at = rows.findIndex(isIt);
      const row = rows[at];
      if (row === undefined)
        return rows;
      undo.push(() => changeList(queries, key, (now, number) =>
        number !== page || now.some(isIt) ? now
          : [...now.slice(0, at), row, ...now.slice(at)]));
      return without(resource, id)(rows, page);
    });
  return () => undo.forEach((back) => back());
}
