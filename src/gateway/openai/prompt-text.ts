import type { ChatBody, CompletionBody } from './schemas.js';

/** The text of a chat by which its length is estimated and its prefix recognised; engines get the messages themselves. */
export function chatPrompt(body: ChatBody): string {
  return body.messages.map(({ role, content }) => `${role}: ${textOf(content)}`).join('\n');
}

/** The prompt as one text; token ids stand as numbers, one word each. */
export function completionPrompt(prompt: CompletionBody['prompt']): string {
  if (typeof prompt === 'string') return prompt;
  const [first] = prompt;
  if (typeof first === 'string') return first;
  return (Array.isArray(first) ? first : prompt).join(' ');
}

function textOf(content: ChatBody['messages'][number]['content']): string {
  if (content === undefined || content === null) return '';
  if (typeof content === 'string') return content;
  return content.map((part) => (typeof part.text === 'string' ? part.text : `[${part.type}]`)).join(' ');
}
