import { SluiceError } from '../../contract/errors.js';

/** A GPU's data-sheet figures. */
export interface Hardware {
  gpu: string;
  /** Dense peaks, FLOP/s; FP8 null where the GPU computes FP8 weights in BF16. */
  fp8FlopsPerSecond: number | null;
  bf16FlopsPerSecond: number;
  /** HBM or GDDR, bytes/s. */
  memoryBytesPerSecond: number;
  /** Between the GPUs of one host, bytes/s each way. */
  linkBytesPerSecond: number;
  /** Between hosts, bytes/s for each GPU: what moves a KV cache from a prefill to a decode worker. */
  networkBytesPerSecond: number;
  memoryBytes: number;
}

const GiB = 2 ** 30;
/** One 400 Gbit/s port a GPU, as in DGX H100, H200 and B200. */
const NDR = 50e9;
const HDR = 25e9;

const H100: Hardware = {
  gpu: 'H100 SXM 80 GB',
  fp8FlopsPerSecond: 1979e12,
  bf16FlopsPerSecond: 989e12,
  memoryBytesPerSecond: 3.35e12,
  linkBytesPerSecond: 450e9,
  networkBytesPerSecond: NDR,
  memoryBytes: 80 * GiB,
};

/**
 * NVIDIA's data sheets, tensor cores without sparsity, NVLink by direction (the sheets give the sum of both): H100 (SXM),
 * H200 (SXM), A100 80 GB (SXM), L40S, HGX B200 (per GPU). Memory is what nvidia-smi shows, rounded: of the 48 GB of an
 * L40S ECC takes 3, of the 180 GB of a B200 179 GiB are there.
 */
const GPUS = {
  h100: H100,
  h200: { ...H100, gpu: 'H200 SXM 141 GB', memoryBytesPerSecond: 4.8e12, memoryBytes: 141 * GiB },
  a100: {
    gpu: 'A100 SXM 80 GB',
    fp8FlopsPerSecond: null,
    bf16FlopsPerSecond: 312e12,
    memoryBytesPerSecond: 2.039e12,
    linkBytesPerSecond: 300e9,
    networkBytesPerSecond: HDR,
    memoryBytes: 80 * GiB,
  },
  l40s: {
    gpu: 'L40S 48 GB',
    fp8FlopsPerSecond: 733e12,
    bf16FlopsPerSecond: 362e12,
    memoryBytesPerSecond: 864e9,
    // No NVLink: PCIe 4.0 x16.
    linkBytesPerSecond: 32e9,
    networkBytesPerSecond: HDR,
    memoryBytes: 45 * GiB,
  },
  b200: {
    gpu: 'B200 SXM 180 GB',
    fp8FlopsPerSecond: 4500e12,
    bf16FlopsPerSecond: 2250e12,
    memoryBytesPerSecond: 8e12,
    linkBytesPerSecond: 900e9,
    networkBytesPerSecond: NDR,
    memoryBytes: 179 * GiB,
  },
} satisfies Record<string, Hardware>;

export const GPU_NAMES: readonly string[] = Object.keys(GPUS);

/** The GPU of a name such as `h100`, `H200` or `h100_sxm`; null where it is none of the known ones. */
export function findHardware(name: string): Hardware | null {
  const word = name.toLowerCase().split(/[^a-z0-9]/)[0] ?? '';
  return Object.entries(GPUS).find(([known]) => known === word)?.[1] ?? null;
}

/** @throws SluiceError invalid_config that lists the known GPUs. */
export function hardwareFor(name: string): Hardware {
  const found = findHardware(name);
  if (found !== null) return found;
  throw new SluiceError('invalid_config', `expected a GPU out of ${GPU_NAMES.join(', ')}, got ${name}`);
}
