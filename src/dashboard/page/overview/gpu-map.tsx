import { useState } from 'preact/hooks';
import type { GpuStatus, SystemStatus } from '../../../contract/status.js';
import { clock, percent, span } from '../format.js';
import { hueOf } from '../parts.js';

/** Every GPU as a tile: who holds it, in what state, since when and why. GPUs of one worker are marked together. */
export function GpuMap({ status }: { status: SystemStatus }) {
  const [chosen, choose] = useState<string | null>(null);
  const hosts = new Map<string, GpuStatus[]>();
  for (const gpu of status.gpus) {
    const host = gpu.id.slice(0, gpu.id.lastIndexOf(':'));
    hosts.set(host, [...(hosts.get(host) ?? []), gpu]);
  }
  const shown = status.gpus.find((gpu) => gpu.id === chosen);
  return (
    <section class="panel" aria-labelledby="gpu-map">
      <header>
        <h2 id="gpu-map">GPUs</h2>
        <ul class="legend">
          {status.pools.map((pool) => (
            <li key={pool.name} class={hueOf(status, pool.name)}>
              <span class="swatch" aria-hidden="true" /> {pool.name} {pool.gpus.length} of {pool.gpuCeiling}
            </li>
          ))}
        </ul>
      </header>
      {[...hosts].map(([host, gpus]) => (
        <div key={host} class="host">
          {hosts.size > 1 && <h3>{host}</h3>}
          <div class="gpus">
            {gpus.map((gpu) => (
              <Tile
                key={gpu.id}
                gpu={gpu}
                status={status}
                pressed={gpu.id === chosen}
                onPress={() => choose(gpu.id === chosen ? null : gpu.id)}
              />
            ))}
          </div>
        </div>
      ))}
      <dl class="row uses" aria-label="Use of held GPUs by priority">
        {status.priorities.map(({ priority, pools, now, run }) => (
          <div key={priority}>
            <dt>
              Priority {priority}, {pools.join(', ')}
            </dt>
            <dd>
              {percent(now)} in use, {percent(run)} since the start
            </dd>
          </div>
        ))}
      </dl>
      {shown === undefined ? (
        <p class="muted hint">Choose a GPU to see who holds it, since when and why.</p>
      ) : (
        <Detail gpu={shown} status={status} />
      )}
    </section>
  );
}

function Tile({
  gpu,
  status,
  pressed,
  onPress,
}: {
  gpu: GpuStatus;
  status: SystemStatus;
  pressed: boolean;
  onPress: () => void;
}) {
  const { lease, pool, workerId, state } = gpu;
  const index = gpu.id.slice(gpu.id.lastIndexOf(':') + 1);
  const held = lease === null ? null : (status.atMs - lease.sinceMs) / 1000;
  return (
    <button
      type="button"
      class={`gpu ${hueOf(status, pool)} ${state}`}
      aria-pressed={pressed}
      data-gpu={gpu.id}
      data-pool={pool ?? ''}
      onClick={onPress}
    >
      <span class="index">{index}</span>
      <span class="owner">{pool ?? 'free'}</span>
      <span class="what">{pool === null ? ' ' : `${state} ${span(held)}`}</span>
      <span class="worker-id">
        {workerId === null ? ' ' : shortWorker(workerId)}
        {lease !== null && lease.tp > 1 && <span class="tp">TP {lease.tp}</span>}
      </span>
    </button>
  );
}

function Detail({ gpu, status }: { gpu: GpuStatus; status: SystemStatus }) {
  const { lease } = gpu;
  if (lease === null) return <p class="hint">GPU {gpu.id} is free.</p>;
  const group = status.gpus.filter((other) => other.lease?.id === lease.id).map(({ id }) => id);
  return (
    <p class="hint" role="status">
      <strong>{gpu.id}</strong> is held by <strong>{gpu.workerId}</strong> of {gpu.pool} since{' '}
      {clock(lease.sinceMs)} ({span((status.atMs - lease.sinceMs) / 1000)}), {gpu.state} for{' '}
      {span((status.atMs - lease.stateSinceMs) / 1000)}
      {group.length > 1 && `, tensor parallel with ${group.filter((id) => id !== gpu.id).join(', ')}`}. Taken
      for order {lease.generation}: {lease.why ?? 'its reason is no longer on record'}.
    </p>
  );
}

/** The end of a worker's id tells it from others. */
function shortWorker(id: string): string {
  return id.split('-').at(-1)?.slice(0, 8) ?? id;
}
