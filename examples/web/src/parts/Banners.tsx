// SPDX-License-Identifier: MIT
//
// What holds for the whole page for a while: no network, or a server that asks us
// to wait.

import { onlineManager } from '@tanstack/react-query';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { waiting } from '../api.ts';
import { useStore } from '../store.ts';

export function useOnline(): boolean {
  return useSyncExternalStore(
    (listener) => onlineManager.subscribe(listener),
    () => onlineManager.isOnline(),
  );
}

/** Whole seconds until then; 0 from then on. */
export function useCountDown(until: number | null): number {
  const [now, setNow] = useState(Date.now);
  const left = until === null ? 0 : Math.max(0, Math.ceil((until - now) / 1000));

  useEffect(() => {
    if (until === null) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, [until]);
  return left;
}

export function Banners() {
  const online = useOnline();
  const seconds = useCountDown(useStore(waiting));

  return (
    <div className="banners" role="status">
      {!online && (
        <p className="banner">
          <strong>You are offline.</strong> You can read what is here and go on
          writing; saving and sending wait until you are back.
        </p>
      )}
      {online && seconds > 0 && (
        <p className="banner">
          <strong>That was a lot at once.</strong> The service asks us to wait;
          going on in {seconds} s.
        </p>
      )}
    </div>
  );
}
