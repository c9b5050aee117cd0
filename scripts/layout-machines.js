// Lays out each state machine of the compiled source for the dashboard's page (src/dashboard/drawing.ts).
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import Elk from 'elkjs';

const CHARACTER = 6.4;
const LINE = 14;

const OPTIONS = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.edgeRouting': 'POLYLINE',
  'elk.layered.spacing.nodeNodeBetweenLayers': '24',
  'elk.spacing.nodeNode': '34',
  'elk.spacing.edgeNode': '18',
  'elk.spacing.edgeEdge': '12',
  'elk.spacing.edgeLabel': '4',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.layered.crossingMinimization.strategy': 'LAYER_SWEEP',
  'elk.layered.thoroughness': '60',
  'elk.padding': '[top=12,left=12,bottom=12,right=12]',
};

/** @returns one drawing for each machine, from the modules under `dist`. */
export async function layoutMachines(root) {
  const load = (file) => import(pathToFileURL(join(root, 'dist', 'src', 'dashboard', file)).href);
  const { machineGraphs, mermaid } = await load('machine-graph.js');
  const { ANYWHERE } = await load('drawing.js');
  return Promise.all(
    machineGraphs().map(async (graph) => ({
      name: graph.name,
      initial: graph.initial,
      final: graph.final,
      mermaid: mermaid(graph),
      ...(await layout(graph, ANYWHERE)),
    })),
  );
}

async function layout({ states, edges }, anywhere) {
  const stays = new Map(states.map((name) => [name, []]));
  const arrows = new Map();
  for (const { from, to, event, guard, everywhere } of edges) {
    const text = guard === null ? event : `${event} [${guard}]`;
    const source = everywhere && from !== to ? anywhere : from;
    if (source === to) {
      if (!stays.get(from).includes(text)) stays.get(from).push(text);
      continue;
    }
    const key = `${source}\n${to}`;
    const arrow = arrows.get(key) ?? { from: source, to, texts: [] };
    if (!arrow.texts.includes(text)) arrow.texts.push(text);
    arrows.set(key, arrow);
  }
  const drawn = [...arrows.values()];
  const names = drawn.some(({ from }) => from === anywhere) ? [anywhere, ...states] : states;
  const nodes = names.map((id) => ({ id, width: Math.max(104, id.length * 8.6 + 30), height: 46 }));
  const graph = await new Elk().layout({
    id: 'root',
    layoutOptions: OPTIONS,
    children: nodes,
    edges: drawn.map(({ from, to, texts }, at) => ({
      id: `e${at}`,
      sources: [from],
      targets: [to],
      labels: texts.map((text) => ({ text, width: text.length * CHARACTER + 6, height: LINE })),
    })),
  });
  return {
    width: Math.ceil(graph.width),
    height: Math.ceil(graph.height),
    states: graph.children.map(({ id, x, y, width, height }) => ({
      name: id,
      x,
      y,
      width,
      height,
      stays: stays.get(id) ?? [],
    })),
    arrows: graph.edges.map((edge, at) => ({
      from: drawn[at].from,
      to: drawn[at].to,
      path: pathOf(edge.sections[0]),
      labels: edge.labels.map(({ text, x, y }) => ({ text, x: Math.round(x), y: Math.round(y) })),
    })),
  };
}

/** The line of an edge with its corners rounded. */
function pathOf({ startPoint, bendPoints = [], endPoint }) {
  const points = [startPoint, ...bendPoints, endPoint];
  let path = `M${point(points[0])}`;
  for (let i = 1; i < points.length - 1; i++) {
    const [before, at, after] = [points[i - 1], points[i], points[i + 1]];
    path += `L${point(towards(at, before))}Q${point(at)} ${point(towards(at, after))}`;
  }
  return `${path}L${point(points.at(-1))}`;
}

/** From a corner, at most ten pixels along the line to its neighbour. */
function towards(from, to) {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const share = length === 0 ? 0 : Math.min(10, length / 2) / length;
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

function point({ x, y }) {
  return `${x.toFixed(1)} ${y.toFixed(1)}`;
}
