// SPDX-License-Identifier: MIT
//
// What the factories of queries/ share: options for TanStack Query 5. Data is
// the whole Success, so that the tag and the cursor are at hand; the error is
// the problem itself, typed. The client asks again where that helps, so that
// TanStack does not, unless it is told to.

import {
  infiniteQueryOptions, mutationOptions, queryOptions,
} from '@tanstack/react-query';
import type {
  InfiniteData, QueryClient, QueryKey,
} from '@tanstack/react-query';
import {
  addRow, changeRow, idOf, removeRow, settleRow, tellRow,
} from './cache.ts';
import type { Id, Resource, TakesRow, Undo } from './cache.ts';
import type {
  CallOptions, Client, KeyOption, ListMeta, Result, Success,
} from './client.ts';

export { idOf, resourceKeys } from './cache.ts';
export type { Id, Resource, TakesRow } from './cache.ts';

/** A page of a list, as queries have it. */
export type Page<Row> = Success<Row[], ListMeta>;

/** TanStack wants what went well, and has the rest thrown. */
function told<T, E, M>(result: Result<T, E, M>): Success<T, M> {
  if (!result.ok)
    throw result.error;
  return result;
}

// ---- Reading.

/** One page, one row, or what a call tells. */
export function asks<T, E, M, K extends QueryKey>(
  queryKey: K, ask: (options: CallOptions) => Promise<Result<T, E, M>>,
) {
  return queryOptions<Success<T, M>, E, Success<T, M>, K>({
    queryKey,
    queryFn: async ({ signal }) => told(await ask({ signal })),
    retry: false,
  });
}

/** A list to its end, page by page. */
export function asksPages<Row, E, K extends QueryKey>(
  queryKey: K,
  ask: (after: string | null, options: CallOptions) =>
    Promise<Result<Row[], E, ListMeta>>,
) {
  return infiniteQueryOptions<Page<Row>, E,
    InfiniteData<Page<Row>, string | null>, K, string | null>({
    queryKey,
    queryFn: async ({ signal, pageParam }) =>
      told(await ask(pageParam, { signal })),
    initialPageParam: null,
    getNextPageParam: (page) => page.meta.page.next,
    retry: false,
  });
}

// ---- Writing.

/** What mutate() takes beside the input. */
export interface Keyed {
  /** Of what the user did, where the application keeps it, as over a reload. */
  idempotencyKey?: string | undefined;
}

/** What is shown before the answer: how to take it back, and a row's key. */
interface Shown {
  undo: Undo;
  id?: Id;
}

export type Ask<V, T, E> =
  (input: V, options: CallOptions & KeyOption) => Promise<Result<T, E>>;

/** A write's surroundings. */
export interface Place {
  client: Client;
  queryClient: QueryClient;
  resource: Resource;
  /** Names of other resources whose rows it changes. */
  others?: readonly string[] | undefined;
}

/** A write, and what it does to the cache. */
interface Write<T, V, E> extends Place {
  /** create */
  name: string;
  ask: Ask<V, T, E>;
  /** Shows what will be. */
  before?: ((input: V) => Shown) | undefined;
  /** Shows what is. */
  after?: ((told: Success<T>, input: V, id: Id | undefined) => void)
    | undefined;
}

/** The key of one mutate(), whose context is one object for all attempts. */
const keys = /*#__PURE__*/ new WeakMap<object, string>();
/** The key of what nobody answered; the same variables ask for it again. */
const unanswered = /*#__PURE__*/ new WeakMap<object, string>();

function keyOf(client: Client, variables: object & Keyed, context: object) {
  const key = keys.get(context) ?? variables.idempotencyKey
    ?? unanswered.get(variables) ?? client.makeKey();
  keys.set(context, key);
  return key;
}

/** May it have been done, though no answer came? */
function isUnanswered(error: unknown): boolean {
  return typeof error === 'object' && error !== null
    && 'retryable' in error && error.retryable === true;
}

function inputOf<V extends object>(variables: V & Keyed): V {
  const { idempotencyKey: _, ...input } = variables;
  return input as unknown as V;
}

async function ask<T, V extends object, E>(
  write: Write<T, V, E>, variables: V & Keyed, context: object,
): Promise<Success<T>> {
  const key = keyOf(write.client, variables, context);
  const result = await write.ask(inputOf(variables), { key });
  if (!result.ok && isUnanswered(result.error))
    unanswered.set(variables, key);
  else
    unanswered.delete(variables);
  return told(result);
}

/** What is under way would bring the old rows back, so that it is stopped. */
async function show<T, V extends object, E>(
  write: Write<T, V, E>, variables: V & Keyed,
): Promise<Shown | undefined> {
  const { queryClient, resource: { keys: { lists, reads } }, before } = write;
  if (before === undefined)
    return undefined;
  await queryClient.cancelQueries({ queryKey: lists() });
  await queryClient.cancelQueries({ queryKey: reads() });
  try {
    return before(inputOf(variables));
  } catch {
    // A guess that fails must not become the error of the mutation.
    return undefined;
  }
}

/** Asks for the truth, once no other write is shown that it would hide. */
function invalidate<T, V, E>(write: Write<T, V, E>): void {
  const { queryClient, resource: { keys: { all } }, others = [] } = write;
  if (queryClient.isMutating({ mutationKey: all }) <= 1)
    void queryClient.invalidateQueries({ queryKey: all });
  for (const other of others)
    void queryClient.invalidateQueries({ queryKey: [other] });
}

function writes<T, V extends object, E>(write: Write<T, V, E>) {
  return mutationOptions<Success<T>, E, V & Keyed, Shown | undefined>({
    mutationKey: [...write.resource.keys.all, write.name],
    mutationFn: (variables, context) => ask(write, variables, context),
    onMutate: (variables) => show(write, variables),
    onError: (_error, _variables, shown) => shown?.undo(),
    onSuccess: (success, variables, shown) =>
      write.after?.(success, inputOf(variables), shown?.id),
    onSettled: () => invalidate(write),
  });
}

/** How a row is shown that the server has not made yet. */
export interface CreateGuess<V, Row> {
  /** The row as it may become, with a key that no other has. */
  optimistic?: ((input: V) => Row) | undefined;
  /** Lists at whose head it is shown; else those that ask for any row. */
  into?: TakesRow | undefined;
}

export function creates<V extends object, Row extends object, E>(
  place: Place, name: string, ask: Ask<V, Row, E>,
  guess: CreateGuess<V, Row> = {},
) {
  const { queryClient, resource } = place;
  const { optimistic, into } = guess;
  return writes<Row, V, E>({
    ...place, name, ask,
    before: optimistic
      && ((input) => addRow(queryClient, resource, optimistic(input), into)),
    after: (success, _input, id) => {
      if (id !== undefined)
        settleRow(queryClient, resource, id, success.data);
      queryClient.setQueryData(
        resource.keys.read(idOf(resource, success.data)), success);
    },
  });
}

/** How a row is shown whose change is under way. */
export interface ChangeGuess<V, Row> {
  /** The row as it may become; false: as it is. */
  optimistic?: false | ((row: Row, input: V) => Row) | undefined;
}

/** A write that tells the row: an update, or a call. */
export function changes<V extends object, Row extends object, E>(
  place: Place, name: string, ask: Ask<V, Row, E>,
  guess: ChangeGuess<V, Row> = {},
) {
  const { queryClient, resource } = place;
  const { optimistic } = guess;
  return writes<Row, V, E>({
    ...place, name, ask,
    before: optimistic ? (input) => ({
      undo: changeRow(queryClient, resource, idOf(resource, input),
        (row) => optimistic(row as Row, input)),
    }) : undefined,
    after: ({ data, etag }) => tellRow(queryClient, resource, data, etag),
  });
}

/** An update shows the members that are sent, unless it is told otherwise. */
export function updates<V extends { body: object }, Row extends object, E>(
  place: Place, name: string, ask: Ask<V, Row, E>,
  guess: ChangeGuess<V, Row> = {},
) {
  const { optimistic = (row: Row, { body }: V) => ({ ...row, ...body }) } =
    guess;
  return changes<V, Row, E>(place, name, ask, { optimistic });
}

/** Is a row that is deleted shown until the server says so? */
export interface DeleteGuess {
  optimistic?: boolean | undefined;
}

export function deletes<V extends object, E>(
  place: Place, name: string, ask: Ask<V, null, E>,
  { optimistic = true }: DeleteGuess = {},
) {
  const { queryClient, resource } = place;
  const remove = (input: V) => ({
    undo: removeRow(queryClient, resource, idOf(resource, input)),
  });
  return writes<null, V, E>({
    ...place, name, ask,
    before: optimistic ? remove : undefined,
    after: (_success, input) => {
      remove(input);
      queryClient.removeQueries({
        queryKey: resource.keys.read(idOf(resource, input)),
      });
    },
  });
}

/** A call that tells something else. */
export function acts<V extends object, T, E>(
  place: Place, name: string, ask: Ask<V, T, E>,
) {
  return writes<T, V, E>({ ...place, name, ask });
}
