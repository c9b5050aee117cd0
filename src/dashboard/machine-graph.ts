import type { AnyStateMachine } from 'xstate';
import { toDirectedGraph } from 'xstate/graph';
import { plannerMachine } from '../../machines/planner.js';
import { workerLifecycle } from '../../machines/worker-lifecycle.js';

/** The machines of Sluice, by what they are of. */
const MACHINES: Record<string, AnyStateMachine> = { planner: plannerMachine, worker: workerLifecycle };

/** One drawn transition: an event, the guard it needs (null: none), and where it leads. */
export interface MachineEdge {
  from: string;
  to: string;
  event: string;
  guard: string | null;
  /** Of the machine itself: the same in every state that does not answer the event. */
  everywhere: boolean;
}

export interface MachineGraph {
  name: string;
  initial: string;
  states: string[];
  final: string[];
  edges: MachineEdge[];
}

/** Every machine as a graph, from its own definition. */
export function machineGraphs(): MachineGraph[] {
  return Object.entries(MACHINES).map(([name, machine]) => graphOf(name, machine));
}

/** States and transitions of a flat machine; a transition of the machine itself is one of each of its states. */
function graphOf(name: string, machine: AnyStateMachine): MachineGraph {
  const graph = toDirectedGraph(machine);
  const states = graph.children.map(({ stateNode }) => stateNode.key);
  const final = graph.children.flatMap(({ stateNode }) =>
    stateNode.type === 'final' ? [stateNode.key] : [],
  );
  const edges: MachineEdge[] = graph.children.flatMap(({ stateNode, edges: own }) => {
    const answered = new Set(own.map((edge) => edge.label.text));
    const inherited = graph.edges.filter(
      (edge) => !answered.has(edge.label.text) && !final.includes(stateNode.key),
    );
    return [
      ...own.map((edge) => ({ edge, to: edge.target.key, everywhere: false })),
      // An inherited transition without a target leaves the state as it is.
      ...inherited.map((edge) => ({
        edge,
        to: edge.target === machine.root ? stateNode.key : edge.target.key,
        everywhere: true,
      })),
    ].map(({ edge, to, everywhere }) => ({
      from: stateNode.key,
      to,
      event: edge.label.text,
      guard: guardName(edge.transition.guard),
      everywhere,
    }));
  });
  const initial = machine.root.initial.target?.[0]?.key ?? '';
  return { name, initial, states, final, edges };
}

/** Mermaid stateDiagram-v2; transitions between the same two states share an arrow. */
export function mermaid({ name, initial, final, edges }: MachineGraph): string {
  const arrows = new Map<string, string[]>();
  for (const { from, to, event, guard } of edges) {
    const arrow = `${from} --> ${to}`;
    const label = guard === null ? event : `${event} [${guard}]`;
    arrows.set(arrow, [...(arrows.get(arrow) ?? []), label]);
  }
  const lines = [...arrows].map(([arrow, labels]) => `  ${arrow}: ${[...new Set(labels)].join(', ')}`);
  return [
    '---',
    `title: ${name}`,
    '---',
    'stateDiagram-v2',
    `  [*] --> ${initial}`,
    ...lines,
    ...final.map((state) => `  ${state} --> [*]`),
  ].join('\n');
}

/** `more` for a guard that asks for a part of the plan, `not idle` for one that asks that it is not so. */
function guardName(guard: unknown): string | null {
  if (typeof guard === 'string') return guard;
  if (typeof guard !== 'object' || guard === null || !('type' in guard)) return null;
  const params =
    'params' in guard && typeof guard.params === 'object' && guard.params !== null ? guard.params : {};
  const asked = Object.values(params).join(' ');
  if (asked === '') return String(guard.type);
  return guard.type === 'lacks' ? `not ${asked}` : asked;
}
