import { machineGraphs, mermaid } from '../dashboard/machine-graph.js';

/** Prints every state machine, drawn from its definition. */
export function machinesCommand(
  { format }: { format: 'mermaid' | 'json' },
  print: (text: string) => void = (text) => process.stdout.write(`${text}\n`),
): void {
  const graphs = machineGraphs();
  if (format === 'json') print(JSON.stringify(graphs, null, 2));
  else print(graphs.map(mermaid).join('\n\n'));
}
