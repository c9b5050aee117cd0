/** A statechart laid out for drawing: made from a machine's own definition when the page is built. Units are pixels. */
export interface Drawing {
  name: string;
  initial: string;
  final: string[];
  width: number;
  height: number;
  states: DrawnState[];
  arrows: DrawnArrow[];
  /** The same as Mermaid stateDiagram-v2. */
  mermaid: string;
}

export interface DrawnState {
  /** `ANYWHERE`: the machine itself, whose transitions are those of each of its states. */
  name: string;
  x: number;
  y: number;
  width: number;
  height: number;
  /** Transitions that stay in the state, each an event with its guard. */
  stays: string[];
}

export interface DrawnArrow {
  from: string;
  to: string;
  /** Path of an SVG. */
  path: string;
  /** Events with their guards, a line each, and where the first stands. */
  labels: { text: string; x: number; y: number }[];
}

export const ANYWHERE = 'any state';
