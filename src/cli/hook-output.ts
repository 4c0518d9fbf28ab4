import type { Readable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';

/** A hook that writes more is cut short in the log; it may write on. */
const MOST_LINES = 500;
const LONGEST_LINE = 500;
/** Kept for the error message. */
const TAIL_LINES = 5;

export interface HookOutput {
  /** The last lines, cut to a bearable length. */
  tail(): readonly string[];
  /** What stood at the end without a line break. */
  end(): void;
}

/** Reads what a hook writes to both streams, line by line, in memory that does not grow with it. */
export function readOutput(streams: readonly (Readable | null)[], show: (line: string) => void): HookOutput {
  let shown = 0;
  const tail: string[] = [];
  const take = (raw: string) => {
    if (raw.trim() === '') return;
    tail.push(raw);
    if (tail.length > TAIL_LINES) tail.shift();
    if (shown > MOST_LINES) return;
    const line = printable(raw);
    if (line === '') return;
    shown += 1;
    show(shown > MOST_LINES ? `... more than ${MOST_LINES} lines; the rest is not shown` : line);
  };
  const ends = streams.map((stream) => (stream ? splitLines(stream, take) : () => {}));
  return {
    tail: () => tail.map(printable).filter(Boolean),
    end: () => {
      for (const end of ends) end();
    },
  };
}

/** Calls `take` with each line, or with its beginning when it is long. Gives a function for what is left at the end. */
function splitLines(stream: Readable, take: (line: string) => void): () => void {
  // Bytes that are no UTF-8 become U+FFFD.
  const decoder = new TextDecoder();
  let begun = '';
  const add = (part: string) => {
    if (begun.length < LONGEST_LINE * 4) begun += part.slice(0, LONGEST_LINE * 4);
  };
  stream.on('data', (chunk: Buffer) => {
    const [first = '', ...more] = decoder.decode(chunk, { stream: true }).split('\n');
    add(first);
    for (const part of more) {
      take(begun);
      begun = '';
      add(part);
    }
  });
  // The other end may be gone; the exit code tells more than that.
  stream.on('error', () => {});
  return () => {
    add(decoder.decode());
    take(begun);
    begun = '';
  };
}

/** As a terminal would leave the line: what a progress bar wrote last, without colours and control characters. */
function printable(raw: string): string {
  const last = raw.split('\r').findLast((part) => part.trim() !== '') ?? '';
  const plain = stripVTControlCharacters(last)
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();
  return plain.length > LONGEST_LINE ? `${plain.slice(0, LONGEST_LINE)}...` : plain;
}
