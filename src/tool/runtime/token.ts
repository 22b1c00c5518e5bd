// SPDX-License-Identifier: MIT
//
// Who keeps the token. It is asked for with each attempt, since the
// application may have another by then, and renewed once for all calls that
// were refused with the same one. It stays in this closure: no object that a
// caller can print has it.

export type TokenSource = () =>
  string | null | undefined | Promise<string | null | undefined>;

export interface Tokens {
  /** The token to send; null is none. Rejects when the source does. */
  current(): Promise<string | null>;
  /** Another one in place of one that was refused; null: there is none. */
  renewed(refused: string): Promise<string | null>;
}

/** An application whose source goes on to give the old one after a renewal. */
interface Swap {
  told: string | null;
  held: string;
}

export function keepTokens(
  source: TokenSource | undefined,
  refresh: TokenSource | undefined,
  within: <T>(work: () => Promise<T>) => Promise<T | undefined>,
): Tokens {
  let swap: Swap | null = null;
  let renewal: Promise<string | null> | null = null;

  async function current(): Promise<string | null> {
    const told = (await source?.()) ?? null;
    if (swap !== null && swap.told === told)
      return swap.held;
    return told;
  }

  async function renew(): Promise<string | null> {
    const told = (await source?.()) ?? null;
    const held = await refresh?.();
    if (typeof held !== 'string' || held === '')
      return null;
    swap = { told, held };
    return held;
  }

  /** One renewal for all who ask while it lasts; one that hangs is let go. */
  function shared(): Promise<string | null> {
    renewal ??= within(renew).catch(() => null)
      .then((held) => held ?? null)
      .finally(() => { renewal = null; });
    return renewal;
  }

  async function renewed(refused: string): Promise<string | null> {
    if (refresh === undefined)
      return null;
    // A renewal that ended while this call was under way serves it, too.
    const now = await current();
    if (now !== null && now !== refused)
      return now;
    return shared();
  }

  return { current, renewed };
}
