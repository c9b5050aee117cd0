import { STYLE } from './style.js';
import { escaped } from './svg.js';

/** One HTML file that needs nothing else: `body` is HTML, `title` is text. */
export function htmlDocument(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title><style>${STYLE}</style></head>
<body><main>
${body}
</main></body></html>
`;
}
