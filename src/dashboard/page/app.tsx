import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { KeyForm } from './key-form.js';
import { Machines } from './machines/machines.js';
import { Operate } from './operate/operate.js';
import { Overview } from './overview/overview.js';
import { Requests } from './requests/requests.js';
import { StatusLine } from './status-line.js';
import type { Known } from './store.js';
import { ageSeconds, STALE_SECONDS, useKnown } from './store.js';
import { nextTheme, theme } from './theme.js';
import { WhatIf } from './what-if/what-if.js';

interface ViewOf {
  path: string;
  title: string;
  Body: ComponentType<{ known: Known }>;
}

const VIEWS: readonly ViewOf[] = [
  { path: 'overview', title: 'Overview', Body: Overview },
  { path: 'machines', title: 'Machines', Body: Machines },
  { path: 'requests', title: 'Requests', Body: Requests },
  { path: 'what-if', title: 'What if', Body: WhatIf },
  { path: 'operate', title: 'Operate', Body: Operate },
];

/** The page: its head with the views, whether the figures are of now, and the view that is open. */
export function App() {
  const known = useKnown();
  const open = useOpenView();
  useClock();
  const age = ageSeconds(known);
  const stale = age !== null && age > STALE_SECONDS;
  const { Body } = open;
  return (
    <>
      <button type="button" class="skip" onClick={skipToView}>
        Skip to the view
      </button>
      <header class="top">
        <div class="brand">
          <Mark />
          <span class="name">Sluice</span>
          {known.view !== null && <span class="namespace">{known.view.status.namespace}</span>}
        </div>
        <nav aria-label="Views">
          {VIEWS.map((view) => (
            <a
              key={view.path}
              href={`#/${view.path}`}
              aria-current={view === open ? 'page' : undefined}
              class="tab"
            >
              {view.title}
            </a>
          ))}
        </nav>
        <StatusLine known={known} age={age} stale={stale} />
        <ThemeButton />
      </header>
      <main id="content" tabIndex={-1} class={stale ? 'stale' : ''}>
        {known.state === 'refused' ? (
          <KeyForm message={known.message} />
        ) : known.view === null ? (
          <p class="waiting">{known.message ?? 'Waiting for the first figures'}</p>
        ) : (
          <Body known={known} />
        )}
      </main>
    </>
  );
}

/** Not a link: the hash names the view. */
function skipToView(): void {
  document.getElementById('content')?.focus();
}

function ThemeButton() {
  const [name, set] = useState(theme());
  return (
    <button type="button" class="quiet" onClick={() => set(nextTheme())} title={`Colours: ${name}`}>
      <span aria-hidden="true">{name === 'dark' ? '◐' : name === 'light' ? '○' : '◑'}</span>
      <span class="hidden">Colours: {name}</span>
    </button>
  );
}

/** A sluice gate: two posts, a gate between them, water. */
function Mark() {
  return (
    <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
      <path d="M4 3v18M20 3v18" class="post" />
      <path d="M4 7h16v5H4z" class="gate" />
      <path d="M4 17q4-3 8 0t8 0M4 21q4-3 8 0t8 0" class="water" />
    </svg>
  );
}

function useOpenView(): ViewOf {
  const find = () => VIEWS.find(({ path }) => location.hash.startsWith(`#/${path}`)) ?? VIEWS[0];
  const [view, set] = useState(find);
  useEffect(() => {
    const follow = () => set(find);
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  if (view === undefined) throw new Error('expected at least one view');
  return view;
}

/** Draws again each second, since ages grow while nothing comes. */
function useClock(): void {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => (n + 1) % 3600), 1000);
    return () => clearInterval(timer);
  }, []);
}
