import { type Family, known } from './family.js';

/** Fields of INFO and the metric that each becomes. */
const FIELDS: [field: string, name: string, type: Family['type'], help: string][] = [
  ['used_memory', 'sluice_redis_memory_used_bytes', 'gauge', 'Memory that Redis uses.'],
  ['maxmemory', 'sluice_redis_memory_max_bytes', 'gauge', 'Memory that Redis may use; 0: no limit.'],
  ['connected_clients', 'sluice_redis_connected_clients', 'gauge', 'Connections to Redis.'],
  [
    'total_commands_processed',
    'sluice_redis_commands_processed_total',
    'counter',
    'Commands that Redis answered.',
  ],
  [
    'evicted_keys',
    'sluice_redis_evicted_keys_total',
    'counter',
    'Keys evicted: none with noeviction, as it must be.',
  ],
  ['used_cpu_sys', 'sluice_redis_cpu_sys_seconds_total', 'counter', 'System CPU time of Redis.'],
  ['used_cpu_user', 'sluice_redis_cpu_user_seconds_total', 'counter', 'User CPU time of Redis.'],
  ['uptime_in_seconds', 'sluice_redis_uptime_seconds', 'gauge', 'Age of the Redis process.'],
  ['aof_current_size', 'sluice_redis_aof_size_bytes', 'gauge', 'Size of the append-only file.'],
];

/** Redis' health from the text of INFO; a field that is not there has no sample. */
export function redisFamilies(info: string): Family[] {
  const fields = new Map(
    info.split(/\r?\n/).flatMap((line): [string, string][] => {
      const at = line.indexOf(':');
      return at > 0 && !line.startsWith('#') ? [[line.slice(0, at), line.slice(at + 1)]] : [];
    }),
  );
  const ok = fields.get('aof_last_write_status');
  return [
    ...FIELDS.map(([field, name, type, help]) => {
      const text = fields.get(field);
      return { name, type, help, samples: known({}, text === undefined ? null : Number(text)) };
    }),
    {
      name: 'sluice_redis_aof_last_write_ok',
      type: 'gauge',
      help: '1: the last write to the append-only file worked; at 0 Redis takes no request.',
      samples: known({}, ok === undefined ? null : Number(ok === 'ok')),
    },
  ];
}
