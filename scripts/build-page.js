// Bundles the dashboard's page into dist/page: one script and one style sheet, named by their content, and the HTML.
// Needs the compiled source: the machines are drawn from it.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { layoutMachines } from './layout-machines.js';

const SOURCE = join('src', 'dashboard', 'page');

export async function buildPage(root) {
  const out = join(root, 'dist', 'page');
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const machines = JSON.stringify(await layoutMachines(root));
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [join(SOURCE, 'main.tsx')],
    outdir: out,
    entryNames: 'app-[hash]',
    bundle: true,
    minify: true,
    metafile: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    define: { MACHINES: machines },
    legalComments: 'none',
    logLevel: 'warning',
    tsconfig: join(root, SOURCE, 'tsconfig.json'),
  });
  const files = Object.keys(metafile.outputs).map((path) => basename(path));
  const script = files.find((name) => name.endsWith('.js'));
  const style = files.find((name) => name.endsWith('.css'));
  writeFileSync(
    join(out, 'index.html'),
    `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light">
<title>Sluice</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/${style}">
<script type="module" src="/assets/${script}"></script>
</head>
<body><div id="page"></div><noscript>This page draws itself: it needs JavaScript.</noscript></body>
</html>
`,
  );
}
