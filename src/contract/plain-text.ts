/** A text made safe for a terminal: control and bidirectional characters shown as escapes, line breaks kept. */
export function plainText(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, (char) => {
    if (char === '\n') return char;
    return char === '\t' ? ' ' : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
