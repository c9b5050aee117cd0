import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { referenceTables } from './reference.js';

const FILE = fileURLToPath(new URL('../../docs/config.md', import.meta.url));

/** `UPDATE_DOCS=1 npx vitest run test/config/docs.test.ts` writes the tables anew. */
it('docs/config.md describes every field of the schemas, with both names and the defaults', () => {
  const text = readFileSync(FILE, 'utf8');
  let wanted = text;
  for (const [name, table] of Object.entries(referenceTables())) {
    const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
    const [from, to] = [wanted.indexOf(begin), wanted.indexOf(end)];
    expect(Math.min(from, to), `markers of table ${name}`).toBeGreaterThan(-1);
    wanted = `${wanted.slice(0, from + begin.length)}\n${table}\n${wanted.slice(to)}`;
  }
  if (process.env.UPDATE_DOCS !== undefined) writeFileSync(FILE, wanted);
  else expect(text).toBe(wanted);
});
