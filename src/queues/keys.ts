/**
 * The one place that makes Redis keys. Keys of a pool share the hash tag `{namespace:pool}`, the GPU ledger's share
 * `{namespace:gpu}`, so that each script touches one cluster slot.
 */
export class Keys {
  constructor(readonly namespace: string) {}

  // Queues: name and BullMQ prefix.
  /** Name of the public queue that takes plain jobs. */
  readonly requestsQueue = 'requests';
  readonly scaleQueue = 'scale';
  decodeQueue(pool: string): string {
    return `${pool}.decode`;
  }
  prefillQueue(pool: string): string {
    return `${pool}.prefill`;
  }
  poolPrefix(pool: string): string {
    return `{${this.namespace}:${pool}}`;
  }
  gpuPrefix(): string {
    return `{${this.namespace}:gpu}`;
  }

  // Requests.
  /** Tokens emitted so far: list of fence, time of the first token, then one element a token. Outlives the request's job. */
  journal(pool: string, id: string): string {
    return `${this.poolPrefix(pool)}:journal:${id}`;
  }
  /** How a request ended that left its queue without running (cancelled or expired while it waited). */
  end(pool: string, id: string): string {
    return `${this.poolPrefix(pool)}:end:${id}`;
  }
  /** Open requests that expire: sorted set of ids by when, Unix ms. */
  expiries(pool: string): string {
    return `${this.poolPrefix(pool)}:expiries`;
  }
  /** Whether a request that is being added is one job or a flow. */
  form(pool: string, id: string): string {
    return `${this.poolPrefix(pool)}:form:${id}`;
  }
  /** Pool that a client-chosen request id belongs to. */
  claim(id: string): string {
    return `${this.namespace}:claim:${id}`;
  }
  /** Unix ms from which the pool's deadline order counts. */
  deadlineEpoch(pool: string): string {
    return `${this.poolPrefix(pool)}:epoch`;
  }

  /** Turns in the pool's fair order; with a tenant, those of its keys. */
  fair(pool: string, ...tenant: string[]): string {
    return [`${this.poolPrefix(pool)}:fair`, ...tenant].join(':');
  }

  // Channels (pub/sub).
  reply(client: string): string {
    return `${this.namespace}:reply:${client}`;
  }
  control(pool: string): string {
    return `${this.namespace}:control:${pool}`;
  }
  /** Operator commands to a planner: a list, so that none is lost while the planner is away. */
  operator(pool: string): string {
    return `${this.poolPrefix(pool)}:operator`;
  }

  /** Set of every pool that requests may have been sent to, of this configuration and of those before it. */
  pools(): string {
    return `${this.namespace}:pools`;
  }

  // Workers and telemetry.
  /** Hash: worker id -> heartbeat JSON. */
  heartbeats(pool: string): string {
    return `${this.poolPrefix(pool)}:workers`;
  }
  /** Anything telemetry stores for a pool, e.g. ('ttft', '1700000000'). */
  telemetry(pool: string, ...parts: string[]): string {
    return [`${this.poolPrefix(pool)}:t`, ...parts].join(':');
  }

  // Planner.
  /** The newest forecast that it planned by. */
  plannerOutlook(pool: string): string {
    return `${this.poolPrefix(pool)}:planner:outlook`;
  }
  plannerSnapshot(pool: string): string {
    return `${this.poolPrefix(pool)}:planner:snapshot`;
  }
  /** What the planner learned of its pool's load. */
  plannerMind(pool: string): string {
    return `${this.poolPrefix(pool)}:planner:mind`;
  }
  /** Snapshots that could not be used, newest first. */
  plannerSetAside(pool: string): string {
    return `${this.poolPrefix(pool)}:planner:set-aside`;
  }
  /** The right to plan for the pool: the owner's id, with a time to live. */
  plannerLock(pool: string): string {
    return `${this.poolPrefix(pool)}:planner:lock`;
  }
  /** Id of the planner that had that right last, also after its time to live. */
  plannerLast(pool: string): string {
    return `${this.poolPrefix(pool)}:planner:last`;
  }
  transitions(pool: string): string {
    return `${this.poolPrefix(pool)}:planner:transitions`;
  }
  /** Every plan of the slow loop and every transition, with the fleets that were considered. */
  decisions(pool: string): string {
    return `${this.poolPrefix(pool)}:planner:decisions`;
  }

  // GPUs.
  gpu(...parts: string[]): string {
    return [this.gpuPrefix(), ...parts].join(':');
  }

  // Tenants: keys, limits and budgets, e.g. ('open', KEY_ID).
  tenants(...parts: string[]): string {
    return [`{${this.namespace}:tenants}`, ...parts].join(':');
  }
  /** Channel: a key was revoked. */
  revocations(): string {
    return `${this.namespace}:revocations`;
  }

  /** Hash of an Idempotency-Key: its request's id, the fingerprint of the body that it came with, who may send it. */
  idempotency(digest: string): string {
    return `${this.namespace}:idempotent:${digest}`;
  }
  /** Queue of webhooks that wait for the end of their request; under `tenants()` as prefix. */
  readonly webhooksQueue = 'webhooks';
  /** Queue of batches, likewise. */
  readonly batchesQueue = 'batches';
  /** Where processes show their metrics: hash of process -> JSON. */
  metricsTargets(): string {
    return `${this.namespace}:metrics`;
  }

  // The dashboard's own: time lines, audit log.
  dashboard(...parts: string[]): string {
    return [`{${this.namespace}:dashboard}`, ...parts].join(':');
  }

  /** Written now and then to see whether Redis takes writes. */
  probe(): string {
    return `${this.namespace}:probe`;
  }

  // Roles (ingress, planner, allocator, supervisor): hash role id -> heartbeat JSON.
  roles(): string {
    return `${this.namespace}:roles`;
  }
}
