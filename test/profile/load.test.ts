import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SluiceError } from '../../src/contract/errors.js';
import { loadProfile } from '../../src/profile/load.js';
import { shippedProfiles } from '../../src/profile/shipped.js';
import { roundProfile } from '../support/profiles.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-profile-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function errorOf(content: string): SluiceError {
  const file = join(folder, 'p.json');
  writeFileSync(file, content);
  try {
    loadProfile(file);
  } catch (error) {
    expect(error).toBeInstanceOf(SluiceError);
    expect((error as SluiceError).code).toBe('invalid_config');
    expect((error as SluiceError).message).toContain(file);
    return error as SluiceError;
  }
  throw new Error('expected an error');
}

describe('loadProfile', () => {
  it('loads a profile from a path', () => {
    const file = join(folder, 'round.json');
    writeFileSync(file, JSON.stringify(roundProfile));
    expect(loadProfile(file)).toEqual(roundProfile);
  });

  it.each(shippedProfiles().map((profile) => [profile.name, profile] as const))(
    'ships %s exactly as the roofline computes it',
    (name, profile) => {
      expect(loadProfile(name)).toEqual(profile);
    },
  );

  it('names file and path of a negative, a missing and a null number', () => {
    const law = { ttft: [0.01, -1, 0], itl: [0.004, 0, 0] };
    expect(errorOf(JSON.stringify({ ...roundProfile, tp: { 1: law } })).message).toContain('tp.1.ttft.1');
    const { weightBytes: _, ...without } = roundProfile;
    expect(errorOf(JSON.stringify(without)).message).toContain('weightBytes');
    expect(errorOf(JSON.stringify({ ...roundProfile, kvBytesPerToken: Number.NaN })).message).toContain(
      'kvBytesPerToken',
    );
  });

  it('refuses a profile without a TP degree, a bad degree, and text that is not JSON', () => {
    expect(errorOf(JSON.stringify({ ...roundProfile, tp: {} })).message).toContain('at least one TP');
    const laws = { zero: roundProfile.tp[1] };
    expect(errorOf(JSON.stringify({ ...roundProfile, tp: laws })).message).toContain('tp.zero');
    expect(errorOf('{"tp": nothing}').message).toContain('not valid JSON');
    expect(errorOf('{"tp": NaN}').message).toContain('tp: ');
  });

  it('names the file it looked for when a built-in does not exist', () => {
    expect(() => loadProfile('no-such-model')).toThrow(/profiles\/no-such-model\.json/);
  });
});
