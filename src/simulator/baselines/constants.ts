import { SluiceError } from '../../contract/errors.js';

/**
 * A policy's constants: those given, the published ones where none is.
 * @throws SluiceError invalid_config for a name that the policy does not have, or a value that is not a finite number.
 */
export function constantsOf<K extends string>(
  policy: string,
  published: Readonly<Record<K, number>>,
  given: Readonly<Record<string, number>>,
): Readonly<Record<K, number>> {
  const names: string[] = Object.keys(published);
  for (const [name, value] of Object.entries(given)) {
    if (!names.includes(name) || !Number.isFinite(value))
      throw new SluiceError(
        'invalid_config',
        `policy ${policy}: expected finite numbers under ${names.join(', ')}, got ${name}: ${value}`,
      );
  }
  return { ...published, ...given };
}
