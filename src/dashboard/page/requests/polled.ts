import { useEffect, useState } from 'preact/hooks';
import { ask } from '../ask.js';

const EVERY_MS = 1_500;

/** What the gateway last answered at a path, and why it did not the last time; null: nothing yet, nothing wrong. */
export interface Polled<T> {
  value: T | null;
  problem: string | null;
}

/** Asks at once, and while `live` again and again. What another path answered stays until this one has. */
export function usePolled<T>(path: string, live: boolean): Polled<T> {
  const [polled, set] = useState<Polled<T>>({ value: null, problem: null });
  useEffect(() => {
    let gone = false;
    const look = async () => {
      try {
        const value = await ask<T>(path);
        if (!gone) set({ value, problem: null });
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        if (!gone) set(({ value }) => ({ value, problem }));
      }
    };
    void look();
    const timer = live ? setInterval(() => void look(), EVERY_MS) : undefined;
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, [path, live]);
  return polled;
}
