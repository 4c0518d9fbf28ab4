/**
 * Words of a command, as a shell would find them, without anything else that a shell does: words are separated by white space;
 * `'...'` and `"..."` keep white space together; `\` takes the next character as it is, but not between `'`, and between `"` only
 * before `"` and `\`. No variables, patterns or pipes.
 *
 * @throws Error when a quote is not closed, or when there is no word
 */
export function splitWords(command: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let i = 0; i < command.length; i += 1) {
    const char = command.charAt(i);
    const next = command.charAt(i + 1);
    if (char === '\\' && next !== '' && (quote === undefined || (quote === '"' && /["\\]/u.test(next)))) {
      word = (word ?? '') + next;
      i += 1;
    } else if (quote !== undefined) {
      if (char === quote) quote = undefined;
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/\s/u.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + char;
  }
  if (quote !== undefined) throw new Error(`has a ${quote} that is not closed`);
  if (word !== undefined) words.push(word);
  if (!words[0]) throw new Error('names no program');
  return words;
}
