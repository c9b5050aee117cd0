import { defineConfig } from 'vitest/config';

const PROCESSES = ['test/system/**/*.test.ts', 'test/faults/**/*.test.ts'];

/** In CI, on a machine shared with others, a real Redis or process may stall once; what fails twice has failed. */
const RETRY = process.env.CI === 'true' ? 1 : 0;

/** Two projects: the rooms, two files at a time; then tests that start whole systems, one file at a time. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'rooms',
          retry: RETRY,
          include: ['test/**/*.test.ts'],
          exclude: PROCESSES,
          pool: 'forks',
          maxWorkers: 2,
          // The first test that needs Redis may have to fetch it.
          testTimeout: 60_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'processes',
          retry: RETRY,
          include: PROCESSES,
          pool: 'forks',
          maxWorkers: 1,
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
