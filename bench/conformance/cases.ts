import { z } from 'zod';
import { SluiceError } from '../../src/contract/errors.js';

/** A number; NaN and the infinities are written as strings, since JSON has none. */
export const number = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity']).transform(Number)]);

const caseSchema = z.object({
  id: z.string().min(1),
  group: z.string().min(1),
  inputs: z.record(z.string(), z.unknown()),
  expected: z
    .record(z.string(), z.unknown())
    .refine((value) => Object.keys(value).length > 0, 'expected a field'),
  note: z.string().optional(),
});
const fileSchema = z.union([z.array(z.unknown()), z.object({ cases: z.array(z.unknown()) })]);

export type Case = z.infer<typeof caseSchema>;

/** A case, or what is wrong with it. */
export type ReadCase = { ok: true; case: Case } | { ok: false; id: string; group: string; problem: string };

/** Reads a file of cases. @throws SluiceError invalid_config where it is no such file, or has no case. */
export function readCases(text: string, file: string): ReadCase[] {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SluiceError('invalid_config', `${file}: not valid JSON (${reason})`);
  }
  const parsed = fileSchema.safeParse(raw);
  const cases = parsed.success ? (Array.isArray(parsed.data) ? parsed.data : parsed.data.cases) : [];
  if (cases.length === 0) {
    throw new SluiceError('invalid_config', `${file}: expected {"cases": [...]} with at least one case`);
  }
  return cases.map(readCase);
}

const nameSchema = z.object({
  id: z.string().optional().catch(undefined),
  group: z.string().optional().catch(undefined),
});

function readCase(raw: unknown, index: number): ReadCase {
  const parsed = caseSchema.safeParse(raw);
  if (parsed.success) return { ok: true, case: parsed.data };
  const name = nameSchema.safeParse(raw);
  return {
    ok: false,
    id: (name.success ? name.data.id : undefined) ?? `case ${index + 1}`,
    group: (name.success ? name.data.group : undefined) ?? '(malformed)',
    problem: problemOf(parsed.error),
  };
}

/** A zod error on one line. */
export function problemOf(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`).join('; ');
}
