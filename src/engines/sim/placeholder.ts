/** Words of at most four letters, so that each counts as one token. */
const WORDS = (
  'the a one it we you all some few each time way day word line part side road hill lake tree leaf rain snow wind ' +
  'fire lamp door room wall book page song bell ship sail tide sand moon star dawn noon dusk year warm cold slow fast ' +
  'high low near far old new long wide goes runs ends made said kept held gave and or but so then when as if'
).split(' ');

/** Text of output token `index` of the request whose id hashes to `hash`: a function of both and of nothing else. */
export function placeholderToken(hash: number, index: number): string {
  let mixed = Math.imul(hash ^ Math.imul(index + 1, 0x9e3779b9), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae35);
  const word = WORDS[((mixed ^ (mixed >>> 16)) >>> 0) % WORDS.length] ?? '';
  return index === 0 ? word : ` ${word}`;
}
