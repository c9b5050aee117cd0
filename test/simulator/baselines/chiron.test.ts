import { describe, expect, it } from 'vitest';
import { chiron, chironInstances } from '../../../src/simulator/baselines/chiron.js';
import { scalerInput, seen } from './support.js';

const constants = { theta: 1 / 3, band: 0.05 };

describe('Chiron', () => {
  it('holds three instances for each that interactive requests run on', () => {
    expect(chironInstances(1, 1, constants)).toBe(3);
    expect(chironInstances(2, 3, constants)).toBe(6);
    expect(chironInstances(1, 6, constants)).toBe(3);
    expect(chironInstances(0, 3, constants)).toBe(0);
    expect(chironInstances(0, 0, constants)).toBe(0);
  });

  it('changes nothing within the band', () => {
    // 3/8 = 0.375 is 0.042 from a third; 3/7 = 0.43 is not within 0.05.
    expect(chironInstances(3, 8, constants)).toBe(8);
    expect(chironInstances(3, 7, constants)).toBe(9);
  });

  it('counts the instances that the requests of a pool fill', () => {
    const scaler = chiron.create(scalerInput({}, { maxSequences: 8 }), {});
    scaler.tick(seen(0), seen(0).atMs);
    // 9.01 requests at capacity (profile): 12 fill two instances, of which a third are to run requests.
    const busy = seen(5, { ready: 1, running: 10, waiting: 2 });
    expect(scaler.tick(busy, busy.atMs)).toMatchObject({ decode: 6 });
  });
});
