import { expect, test } from 'vitest';
import { machinesCommand } from '../../src/cli/machines.js';
import { PLANNER_STATES } from '../../src/contract/transition.js';

function printed(format: 'mermaid' | 'json'): string {
  let text = '';
  machinesCommand({ format }, (part) => {
    text += part;
  });
  return text;
}

test('Mermaid shows each machine with its states, events and guards', () => {
  const text = printed('mermaid');
  expect(text.match(/stateDiagram-v2/g)).toHaveLength(2);
  expect(text).toMatch(/\[\*\] --> idle/);
  expect(text).toMatch(/steady --> scaleUp: TICK \[more\]/);
  expect(text).toMatch(/idle --> steady: TICK \[not idle\]/);
  expect(text).toMatch(/paused --> steady: RESUME/);
  for (const state of PLANNER_STATES)
    if (state !== 'paused') expect(text).toMatch(new RegExp(`${state} --> paused: PAUSE`));
  expect(text).toMatch(/draining --> stopped: EMPTY, DEADLINE/);
  expect(text).toMatch(/stopped --> \[\*\]/);
});

test('JSON carries the same graph', () => {
  const [planner, worker] = JSON.parse(printed('json'));
  expect(planner).toMatchObject({ name: 'planner', initial: 'idle', states: [...PLANNER_STATES] });
  expect(planner.edges).toContainEqual({
    from: 'steady',
    to: 'costOptimize',
    event: 'TICK',
    guard: 'fewer',
    everywhere: false,
  });
  expect(worker.final).toEqual(['stopped', 'failed']);
});
