import type { Drawing } from '../../drawing.js';

/** Put in place by the build (scripts/build-page.js). */
declare const MACHINES: Drawing[];

/** The statechart of a kind of machine, laid out from its own definition. */
export function drawingOf(kind: 'planner' | 'worker'): Drawing {
  const found = MACHINES.find(({ name }) => name === kind);
  if (found === undefined) throw new Error(`expected a drawing of ${kind}, got none from the build`);
  return found;
}
