// SPDX-License-Identifier: MIT
//
// The foot of a list that goes on: it asks for the next page when it comes into
// sight, unless the last one failed; a button does the same.

import { useEffect, useRef } from 'react';
import { useOnline } from '../parts/Banners.tsx';

export function More({ fetching, failed, fetch }: {
  fetching: boolean; failed: boolean; fetch: () => void;
}) {
  const end = useRef<HTMLDivElement>(null);
  const online = useOnline();
  const wanted = online && !fetching && !failed;

  useEffect(() => {
    if (!end.current || !wanted) return;
    const watcher = new IntersectionObserver(
      ([entry]) => entry?.isIntersecting && fetch());
    watcher.observe(end.current);
    return () => watcher.disconnect();
  }, [wanted, fetch]);
  return (
    <div className="more">
      <div ref={end} className="sense" />
      {failed && <p className="wrong" role="alert">The next letters could not be loaded.</p>}
      <button type="button" onClick={fetch} disabled={fetching || !online}>
        {fetching ? 'Loading more…' : failed ? 'Try again' : 'More letters'}
      </button>
    </div>
  );
}
