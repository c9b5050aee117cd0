import { defineConfig } from 'vitest/config';

const PROCESSES = ['test/system/**/*.test.ts', 'test/faults/**/*.test.ts'];

/** Two projects: the rooms, two files at a time; then tests that start whole systems. */
export default defineConfig({
  test: {
    reporters: ['default', './test/support/second-tries.ts'],
    projects: [
      {
        test: {
          name: 'rooms',
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
          include: PROCESSES,
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
