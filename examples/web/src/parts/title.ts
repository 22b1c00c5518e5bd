// SPDX-License-Identifier: MIT
import { useEffect } from 'react';

/** What the tab is called while this is shown. */
export function useTitle(text: string): void {
  useEffect(() => {
    document.title = `${text} – Letters`;
    return () => {
      document.title = 'Letters';
    };
  }, [text]);
}
