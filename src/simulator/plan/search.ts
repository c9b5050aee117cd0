import { gpusOf, type Replicas, same } from '../../planning/replicas.js';

/** What a search needs to know of one fleet that was tried. */
export interface Tried {
  attained: number;
  kept: boolean;
  /** At the share of requests that must be in time, seconds; null: none ended. */
  ttftSeconds: number | null;
}

export interface SizeQuestion {
  /** Tried sizes are remembered by whoever answers: the same one is asked for again. */
  trial: (size: Replicas) => Tried;
  /** GPUs per worker, by role. */
  tp: Replicas;
  /** Prefill workers at least; 0: the pool has none. */
  prefill: number;
  mostGpus: number;
  arrivals: number;
}

/** `fewest` keeps the level; else `best` is the most that was tried, `saturated` where more workers no longer help. */
export type SizeAnswer = { fewest: Replicas } | { fewest: null; best: Replicas; saturated: boolean };

/** More workers bring no more than this share of the requests, and no shorter TTFT: what is late is so for another reason. */
const NO_GAIN = 0.001;
const SAME_TTFT = 0.02;

/**
 * The fewest GPUs of a fixed fleet that keep a level: by doubling and bisection, since more workers of a role never keep
 * less. With prefill workers the role whose doubling helps more is doubled; then each role is cut to what it needs, and one
 * worker of a role is given for fewer GPUs of the other, until none of this saves a GPU: no fleet beside it is cheaper,
 * which is not a proof that none is. There must be room for the least prefill workers and one more.
 */
export function fewestWorkers(question: SizeQuestion): SizeAnswer {
  const { trial, arrivals } = question;
  let size: Replicas = { prefill: question.prefill, decode: 1 };
  while (!trial(size).kept) {
    const next = larger(question, size) ?? bestSplit(question, size);
    if (same(next, size)) return { fewest: null, best: size, saturated: false };
    if (!trial(next).kept && noBetter(trial(size), trial(next), arrivals))
      return { fewest: null, best: next, saturated: gpusOf(next, question) > gpusOf(size, question) };
    size = next;
  }
  for (let cheaper: Replicas | null = size; cheaper !== null; cheaper = traded(question, size))
    size = cutDown(question, cheaper);
  return { fewest: size };
}

/** Twice the workers of the role that this helps more, of both where neither helps alone; null: there is no room. */
function larger(question: SizeQuestion, from: Replicas): Replicas | null {
  const { trial, mostGpus, arrivals } = question;
  const twice = (role: keyof Replicas) =>
    resized(from, role, Math.min(2 * from[role], roomFor(question, role, from, mostGpus)));
  const [decode, prefill] = [twice('decode'), twice('prefill')];
  const options = [decode, prefill].filter((option) => !same(option, from));
  const best = options.reduce<Replicas | null>(
    (most, next) => (most === null || trial(next).attained > trial(most).attained ? next : most),
    null,
  );
  if (best === null || options.length < 2 || !noBetter(trial(from), trial(best), arrivals)) return best;
  const both = { prefill: prefill.prefill, decode: decode.decode };
  return gpusOf(both, question) <= mostGpus ? both : best;
}

/** Where no role has room to grow: the split of all GPUs that has the most in time, which has one hill in it. */
function bestSplit(question: SizeQuestion, from: Replicas): Replicas {
  if (from.prefill === 0) return from;
  const { trial, mostGpus } = question;
  const at = (prefill: number): Replicas => {
    const beside = { prefill, decode: 1 };
    return resized(beside, 'decode', roomFor(question, 'decode', beside, mostGpus));
  };
  let low = question.prefill;
  let high = roomFor(question, 'prefill', { prefill: 1, decode: 1 }, mostGpus);
  while (high > low) {
    const middle = (low + high) >> 1;
    if (trial(at(middle)).attained < trial(at(middle + 1)).attained) low = middle + 1;
    else high = middle;
  }
  return at(low);
}

/** Each role's fewest that still keep the level, decode first. */
function cutDown(question: SizeQuestion, size: Replicas): Replicas {
  const decode = resized(size, 'decode', fewestOf(question, size, 'decode', 1));
  return resized(decode, 'prefill', fewestOf(question, decode, 'prefill', question.prefill));
}

/** The fewest of a role from `least` up, the other as it is; `size` keeps the level. */
function fewestOf({ trial }: SizeQuestion, size: Replicas, role: keyof Replicas, least: number): number {
  let low = least - 1;
  let high = size[role];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (trial(resized(size, role, middle)).kept) high = middle;
    else low = middle;
  }
  return high;
}

/** A cheaper fleet that keeps the level with one worker less of a role and more of the other; null: there is none. */
function traded(question: SizeQuestion, size: Replicas): Replicas | null {
  for (const role of ['decode', 'prefill'] as const) {
    const other = role === 'decode' ? 'prefill' : 'decode';
    const fewer = resized(size, role, size[role] - 1);
    if (size.prefill === 0 || fewer.decode < 1 || fewer.prefill < question.prefill) continue;
    const swapped = resized(fewer, other, roomFor(question, other, fewer, gpusOf(size, question) - 1));
    if (swapped[other] > size[other] && question.trial(swapped).kept) return swapped;
  }
  return null;
}

/** How many workers of a role there may be beside those of the other within so many GPUs; 0: the pool has none of it. */
function roomFor({ tp }: SizeQuestion, role: keyof Replicas, beside: Replicas, gpus: number): number {
  const other = role === 'decode' ? 'prefill' : 'decode';
  return beside[role] === 0 ? 0 : Math.floor((gpus - beside[other] * tp[other]) / tp[role]);
}

function resized(size: Replicas, role: keyof Replicas, count: number): Replicas {
  return { ...size, [role]: count };
}

/** Neither more in time nor sooner: what is late does not wait for workers. */
function noBetter(before: Tried, after: Tried, arrivals: number): boolean {
  const sooner = (after.ttftSeconds ?? 0) < (1 - SAME_TTFT) * (before.ttftSeconds ?? 0);
  return !sooner && after.attained - before.attained <= NO_GAIN * arrivals;
}
