// Imports run one way (docs/architecture.md): a room may import its own tier and the tiers before it, never one after.
const TIERS = [
  ['^src/contract/'],
  ['^src/config/'],
  ['^src/profile/', '^src/forecast/', '^src/planning/', '^src/admission/', '^src/gpu/core/'],
  ['^machines/'],
  ['^src/queues/', '^src/engines/', '^src/telemetry/', '^src/tenants/', '^src/gpu/(?!core/)'],
  ['^src/scheduler/'],
  ['^src/gateway/', '^src/dashboard/', '^src/simulator/', '^src/cli/', '^workers/'],
  ['^bench/', '^examples/', '^test/'],
];

// Rooms whose decisions are functions of their arguments: nothing they reach may read a file, a socket or a process.
const PURE = [
  '^src/contract/',
  '^src/profile/(?!(load|resolve-tp)\\.ts$)',
  '^src/forecast/',
  '^src/planning/',
  '^src/admission/',
  '^src/gpu/core/',
  '^machines/',
  '^src/engines/sim/',
  '^src/simulator/(?!traces/read\\.ts$|load/|open/)',
];
const IO =
  '^(node:)?(fs|net|tls|dns|dgram|http|https|http2|child_process|cluster|worker_threads|os|process|readline|repl|stream|timers|perf_hooks|inspector|v8|vm)(/|$)|(^|/)node_modules/(ioredis|bullmq|pino)/';

const oneWay = TIERS.slice(0, -1).map((rooms, tier) => ({
  name: `one-way-${tier}`,
  comment: `${rooms.join(', ')} may import only its own tier and those before it (see TIERS).`,
  severity: 'error',
  from: { path: rooms },
  to: { path: TIERS.slice(tier + 1).flat() },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...oneWay,
    {
      name: 'pure-rooms',
      comment: 'A pure room reaches no IO, directly or through what it imports.',
      severity: 'error',
      from: { path: PURE },
      to: { path: IO, reachable: true },
    },
    {
      name: 'machines-only-xstate',
      comment: 'machines/ holds XState machines and nothing else.',
      severity: 'error',
      from: { path: '^machines/' },
      to: { dependencyTypes: ['npm', 'core'], pathNot: '(^|/)node_modules/xstate/' },
    },
    {
      name: 'no-cycles',
      comment: 'No file imports itself through others.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-room-cycles',
      comment: 'No folder imports itself through others, even by different files.',
      scope: 'folder',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'Every import leads somewhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'shipped-dependencies',
      comment: 'What is shipped imports only what its users install.',
      severity: 'error',
      from: { path: '^(src|machines|workers)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Rules hold for imports of types too: a type is as much a contract as a function.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.js', '.mjs', '.cjs', '.json'],
    },
  },
};
