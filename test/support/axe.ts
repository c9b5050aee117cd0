import axe from 'axe-core';
import type { Page } from 'playwright-core';

/** Rules of axe-core that are broken, the serious ones. */
export async function violations(
  page: Page,
  only = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'],
): Promise<string[]> {
  await page.evaluate(`${axe.source}; undefined`);
  const found = await page.evaluate((runOnly) => {
    const { run } = (globalThis as unknown as { axe: typeof axe }).axe;
    return run({ runOnly });
  }, only);
  return found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`);
}
