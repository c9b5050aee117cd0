import { expect, test } from 'vitest';
import type { RecordedMinute } from '../../../src/contract/recorded.js';
import { recordedRequests } from '../../../src/simulator/workload/recorded.js';

const minutes: RecordedMinute[] = [
  {
    startSecond: 600,
    arrivals: [[3, 4]],
    prompts: [
      [100, 3],
      [900, 1],
    ],
    outputs: [],
  },
  { startSecond: 660, arrivals: [], prompts: [], outputs: [] },
  {
    startSecond: 720,
    arrivals: [
      [0, 1],
      [59, 2],
    ],
    prompts: [[50, 3]],
    outputs: [[7, 5]],
  },
];
const load = { level: 'high', minutes, expectedOsl: 33 };

test('as many come in each second, with the prompts of their minute', () => {
  const requests = [...recordedRequests(load, 1)];
  expect(requests.map(({ atSeconds }) => Math.floor(atSeconds))).toEqual([3, 3, 3, 3, 120, 179, 179]);
  const isl = requests.map((request) => request.isl);
  expect(isl.slice(0, 4).sort((a, b) => a - b)).toEqual([100, 100, 100, 900]);
  expect(isl.slice(4)).toEqual([50, 50, 50]);
  // Nothing had completed in the first minute: the lengths of the first that has any.
  expect(requests.map(({ osl }) => osl)).toEqual([7, 7, 7, 7, 7, 7, 7]);
  expect(requests.map(({ atSeconds }) => atSeconds)).toEqual(
    requests.map(({ atSeconds }) => atSeconds).toSorted((a, b) => a - b),
  );
});

test('the same seed gives the same requests, another one others', () => {
  expect([...recordedRequests(load, 1)]).toEqual([...recordedRequests(load, 1)]);
  expect([...recordedRequests(load, 1)]).not.toEqual([...recordedRequests(load, 2)]);
});

test('multiplied and thinned', () => {
  expect([...recordedRequests(load, 1, 3)].length).toBe(21);
  const thinned = [
    ...recordedRequests({ ...load, minutes: [{ ...minutes[0]!, arrivals: [[0, 10_000]] }] }, 1, 0.5),
  ];
  expect(thinned.length).toBe(5000);
});

test('the expected output where none is on record', () => {
  const silent = minutes.map((minute) => ({ ...minute, outputs: [] }));
  expect(new Set([...recordedRequests({ ...load, minutes: silent }, 1)].map(({ osl }) => osl))).toEqual(
    new Set([33]),
  );
});
