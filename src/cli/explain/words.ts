import type { TransitionRecord } from '../../contract/transition.js';
import { memorySchema } from '../../planning/memory.js';
import { outlookSchema } from '../../planning/outlook.js';
import { policySchema } from '../../planning/policy.js';
import { show } from '../../planning/replicas.js';
import { fixed, percent } from '../../planning/words.js';

/** A decision in plain sentences: what was seen, expected, considered and decided, and why the others lost. */
export function explainRecord(record: TransitionRecord, usdPerGpuHour: number): string {
  const { pool, from, to, order, advice = null } = record;
  const at = new Date(record.atMs).toISOString().replace('T', ' ').replace('Z', ' UTC');
  const state = from === to ? to : `${from} -> ${to}`;
  const lines = [
    `${pool}  ${at}  ${state}  ${eventWords(record)}`,
    ...row('saw', seen(record)),
    ...row('fleet', fleet(record)),
    ...row('expects', expected(record)),
    ...considered(record, usdPerGpuHour),
    ...row('promise', promise(record)),
    ...row('decided', decided(record)),
    ...row('because', record.reason),
  ];
  if (order !== null) lines.push(...row('order', `${order.generation}: ${show(order)} workers`));
  if (advice !== null) lines.push(...row('advice', `${show(advice)} workers, not ordered`));
  return lines.join('\n');
}

function row(name: string, text: string | null): string[] {
  return text === null ? [] : [`  ${name.padEnd(9)}${text}`];
}

function eventWords({ event, numbers }: TransitionRecord): string {
  if (event !== 'TICK') return event.toLowerCase().replaceAll('_', ' ');
  return numbers.slow === true ? 'plan of the slow loop' : 'look of the fast loop';
}

function seen({ observation: o, basis }: TransitionRecord): string | null {
  if (o === null) return 'nothing: no telemetry';
  const policy = policySchema.safeParse(basis?.policy).data;
  const arrivals = o.load.arrivals.filter((count) => count !== null);
  const rps =
    arrivals.length === 0 ? null : arrivals.reduce((sum, count) => sum + count, 0) / arrivals.length;
  const { prefillWaiting, decodeWaiting, lateWaiting } = o.queue;
  const waiting = prefillWaiting === null || decodeWaiting === null ? null : prefillWaiting + decodeWaiting;
  const { ttftSeconds, itlSeconds, violationShare, requests } = o.latency;
  const p = policy === undefined ? '' : `p${policy.latencyPercentile} `;
  const target = (seconds: number | undefined) => (seconds === undefined ? '' : ` of ${fixed(seconds)} s`);
  return [
    rps === null ? 'arrivals unknown' : `${fixed(rps)} requests/s`,
    waiting === null
      ? 'queue unknown'
      : `${waiting} waiting${lateWaiting ? `, ${lateWaiting} of them aside` : ''}`,
    o.load.kvUsage === null ? null : `KV ${percent(o.load.kvUsage)}`,
    ttftSeconds === null ? null : `${p}TTFT ${fixed(ttftSeconds)} s${target(policy?.targets.ttftSeconds)}`,
    itlSeconds === null ? null : `${p}ITL ${fixed(itlSeconds)} s${target(policy?.targets.itlSeconds)}`,
    violationShare === null
      ? null
      : `${percent(violationShare)} of ${requests} missed${policy === undefined ? '' : `, ${percent(policy.violationsAllowed)} allowed`}`,
  ]
    .filter((part) => part !== null)
    .join('; ');
}

function fleet({ observation: o, basis }: TransitionRecord): string | null {
  const memory = memorySchema.safeParse(basis?.memory).data;
  if (o === null || memory === undefined) return null;
  const { prefill, decode } = o.workers;
  const count = (state: 'ready' | 'starting' | 'draining') =>
    show({ prefill: prefill[state], decode: decode[state] });
  const floor = memory.floor === null ? '' : `; floor ${memory.floor} by an operator`;
  const mode = memory.advisory === true ? '; advisory by an operator' : '';
  return `${count('ready')} ready, ${count('starting')} starting, ${count('draining')} draining; ${show(memory.desired)} ordered${floor}${mode}`;
}

function expected({ basis, candidates = [] }: TransitionRecord): string | null {
  const outlook = outlookSchema.safeParse(basis?.outlook).data;
  const lead = outlook?.leads.at(-1);
  if (outlook === undefined || lead === undefined || candidates.length === 0) return null;
  const { rates, seconds } = lead;
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / Math.max(1, rates.length);
  const spread = `${fixed(rates[0] ?? 0)} to ${fixed(rates.at(-1) ?? 0)}`;
  const ragged = outlook.dispersion === null ? '' : `; index of dispersion ${fixed(outlook.dispersion)}`;
  const spent =
    outlook.ended === 0
      ? ''
      : `; ${percent(outlook.missed / outlook.ended)} of the last hour's ${Math.round(outlook.ended)} missed`;
  return `${fixed(mean)} requests/s in ${fixed(seconds)} s, likely ${spread}${ragged}${spent}`;
}

/** Said only where the promise is out of reach. */
function promise({ basis }: TransitionRecord): string | null {
  const infeasible = basis?.facts?.infeasible;
  return typeof infeasible === 'string' ? infeasible : null;
}

/** A table of the fleets; the one that stands afterwards is marked. */
function considered(record: TransitionRecord, usdPerGpuHour: number): string[] {
  const { candidates = [] } = record;
  if (candidates.length === 0) return [];
  const chosen = chosenOf(record);
  return candidates.map((one, index) => {
    const mark =
      chosen !== null && one.prefill === chosen.prefill && one.decode === chosen.decode ? '>' : ' ';
    const cost = `${one.gpus} GPU${one.gpus === 1 ? ' ' : 's'} ${fixed(one.gpus * usdPerGpuHour)} USD/h`;
    const name = index === 0 ? 'weighed' : '';
    return `  ${name.padEnd(8)}${mark}${show(one).padStart(2)} workers  ${cost.padEnd(20)} ${percent(1 - one.late).padStart(7)} in time  ${one.why}`;
  });
}

function chosenOf({ order, basis }: TransitionRecord): { prefill: number; decode: number } | null {
  return order ?? memorySchema.safeParse(basis?.memory).data?.desired ?? null;
}

function decided(record: TransitionRecord): string | null {
  const before = memorySchema.safeParse(record.basis?.memory).data?.desired;
  if (before === undefined) return null;
  if (record.order === null) return `${show(before)} workers kept`;
  return `${show(before)} -> ${show(record.order)} workers`;
}
