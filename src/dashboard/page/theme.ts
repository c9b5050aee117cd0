/** Of the page: the system's, or the reader's own choice, kept in this browser. */
export type Theme = 'auto' | 'light' | 'dark';

const KEPT = 'sluice.theme';
const ORDER: readonly Theme[] = ['auto', 'light', 'dark'];
const listeners = new Set<() => void>();

export function theme(): Theme {
  const kept = localStorage.getItem(KEPT);
  return ORDER.find((name) => name === kept) ?? 'auto';
}

export function nextTheme(): Theme {
  const next = ORDER[(ORDER.indexOf(theme()) + 1) % ORDER.length] ?? 'auto';
  localStorage.setItem(KEPT, next);
  applyTheme();
  return next;
}

/** Puts the theme on the document; charts, which draw their own colours, hear of it. */
export function applyTheme(): void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const chosen = theme();
  const isDark = chosen === 'dark' || (chosen === 'auto' && dark.matches);
  document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
  dark.onchange = () => applyTheme();
  for (const listener of listeners) listener();
}

export function onTheme(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A colour of the style sheet as it is now. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
