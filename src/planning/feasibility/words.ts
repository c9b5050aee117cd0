import { unreachable } from '../../contract/errors.js';
import { fixed, percent } from '../words.js';
import type { Feasibility, FeasibilityQuestion, Remedy, Shortfall } from './question.js';

/** The verdict in one sentence; for an infeasible pool by how much it falls short and what would help. */
export function feasibilitySentence(
  { latencyPercentile, rps }: FeasibilityQuestion,
  verdict: Feasibility,
  remedies: readonly Remedy[],
): string {
  const { feasible, hopelessShare, longestIsl, capacityRps, unloaded } = verdict;
  const hopeless =
    hopelessShare > 0
      ? `; ${percent(hopelessShare)} of requests miss alone on an idle worker (a prompt may have ${longestIsl} tokens)`
      : '';
  if (feasible) {
    const lone = `a lone request takes ${fixed(unloaded.ttftSeconds)} s to its first token, ${fixed(unloaded.itlSeconds)} s a token`;
    const load = rps === null ? '' : `, ${fixed(rps)} requests/s come`;
    return `feasible: ${lone}; the budget sustains ${fixed(capacityRps)} requests/s${load}${hopeless}`;
  }
  const why = verdict.shortfalls.map((one) => shortfallText(one, latencyPercentile)).join('; ');
  const ways = remedies.map(remedyText);
  const help =
    ways.length === 0 ? 'no TP, budget or target in reach would do' : `${ways.join(', or ')} would do`;
  return `infeasible: ${why}${hopeless}; ${help}`;
}

function shortfallText(shortfall: Shortfall, percentile: number): string {
  switch (shortfall.kind) {
    case 'memory':
      return `a p${percentile} request needs ${shortfall.needTokens} KV tokens, a worker at TP ${shortfall.tp} has ${shortfall.haveTokens}`;
    case 'ttft':
      return `unloaded TTFT ${against(shortfall)} for the p${percentile} prompt of ${fixed(shortfall.isl)} tokens at TP ${shortfall.tp}`;
    case 'itl':
      return `unloaded ITL ${against(shortfall)} at TP ${shortfall.tp}`;
    case 'load': {
      const { rps, capacityRps, gpus, gpusNeeded } = shortfall;
      const need = gpusNeeded === null ? 'no number of workers sustains any' : `they take ${gpusNeeded}`;
      return `${fixed(rps)} requests/s against ${fixed(capacityRps)} that ${gpus} GPUs sustain (${need})`;
    }
    default:
      return unreachable(shortfall);
  }
}

function against({ seconds, targetSeconds }: { seconds: number; targetSeconds: number }): string {
  return `${fixed(seconds)} s against ${fixed(targetSeconds)} s (${fixed(seconds / targetSeconds)} times)`;
}

function remedyText(remedy: Remedy): string {
  switch (remedy.kind) {
    case 'tp':
      return `TP ${remedy.tp} (${remedy.gpus} GPUs)`;
    case 'budget':
      return `${remedy.gpus} GPUs at TP ${remedy.tp}`;
    case 'target': {
      const { ttftSeconds, itlSeconds } = remedy;
      const parts = [
        ...(ttftSeconds === null ? [] : [`TTFT ${fixed(ttftSeconds)} s`]),
        ...(itlSeconds === null ? [] : [`ITL ${fixed(itlSeconds)} s`]),
      ];
      return `a target of ${parts.join(' and ')}`;
    }
    default:
      return unreachable(remedy);
  }
}
