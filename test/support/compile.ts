import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import { afterAll } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const out = join(root, 'node_modules', '.sluice-test', String(process.pid));
// Registered first, so run last: a test's own clean-up may still need its children.
afterAll(() => rm(out, { recursive: true, force: true }));

/**
 * Compiles one source file and what it imports (types are not checked), with their Lua scripts, so that a plain node
 * process can import it. Faster than a build, and independent of it. Returns the URL to import.
 */
export async function compileForChild(entry: string): Promise<string> {
  const done = new Set<string>();
  const visit = async (file: string): Promise<void> => {
    if (done.has(file)) return;
    done.add(file);
    const { outputText } = ts.transpileModule(await readFile(join(root, file), 'utf8'), {
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2023,
        verbatimModuleSyntax: true,
      },
    });
    const target = join(out, file.replace(/\.ts$/, '.js'));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, outputText);
    const scripts = join(root, dirname(file), 'lua');
    if (existsSync(scripts)) await cp(scripts, join(dirname(target), 'lua'), { recursive: true });
    for (const [, path = ''] of outputText.matchAll(/from '(\.[^']+)'/g)) {
      await visit(join(dirname(file), path).replace(/\.js$/, '.ts'));
    }
  };
  await visit(entry);
  return pathToFileURL(join(out, entry.replace(/\.ts$/, '.js'))).href;
}
