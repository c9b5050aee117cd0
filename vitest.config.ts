import { defineConfig } from 'vitest/config';

const PROCESSES = ['test/system/**/*.test.ts', 'test/faults/**/*.test.ts'];
/** It holds an answer to milliseconds, which another system on the same cores would take. */
const TIMED = ['test/system/admission.test.ts'];

/** The rooms, two files at a time; then tests that start whole systems; then, by itself, what is timed. */
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
          exclude: TIMED,
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'timed',
          include: TIMED,
          pool: 'forks',
          maxWorkers: 1,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
