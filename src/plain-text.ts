/**
 * Text from strangers made fit for one line of a log: markup and control characters removed, white space folded, cut after
 * `limit` characters. Terminal escapes in a server's answer must not reach a terminal.
 */
export function plainText(text: string, limit = 500): string {
  const plain = text
    .slice(0, limit * 20)
    .replace(/<(script|style)\b[^>]*>.*?<\/\1>/gisu, ' ')
    .replace(/<\/?[a-z!][^>]*>/giu, ' ')
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();
  return plain.length > limit ? `${plain.slice(0, limit)}...` : plain;
}
