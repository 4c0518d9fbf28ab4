import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { createReport, type ReportOptions } from '../../../src/cli/report.ts';

const plain: ReportOptions = { quiet: false, debug: false, noColor: false };
const ESC = '\u001B';

/** What `levels` leave on standard error. */
async function shown(options: Partial<ReportOptions>, env: Record<string, string>, tty: boolean, columns = 80) {
  const stream = new PassThrough() as unknown as NodeJS.WriteStream & PassThrough;
  Object.assign(stream, { isTTY: tty, columns, cursorTo() {}, clearLine() {}, moveCursor() {} });
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const stderr = { isTTY: tty, columns, stream, write: (line: string) => void stream.write(line) };
  const report = await createReport({ stderr, env }, { ...plain, ...options });
  report.write('debug', 'a detail');
  report.write('waiting', 'waiting for ns1');
  report.write('waiting', 'waiting for ns2');
  report.write('info', 'published');
  report.write('warn', 'mind this');
  report.end();
  await new Promise((resolve) => setImmediate(resolve));
  return text;
}

describe('for logs', () => {
  it('takes a terminal of no width for a log: docker run -t gives one', async () => {
    expect(await shown({}, {}, true, 0)).not.toContain(ESC);
  });

  it('writes dated plain lines, and not every line about waiting', async () => {
    const lines = (await shown({}, {}, false)).trimEnd().split('\n');
    for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ /u);
    expect(lines.map((line) => line.slice(21))).toEqual(['waiting for ns1', 'published', 'WARNING mind this']);
  });

  it.each([
    ['CI', { CI: 'true' }],
    ['a dumb terminal', { TERM: 'dumb' }],
  ])('is what %s gets on a terminal too', async (_title, env) => {
    const text = await shown({}, env as Record<string, string>, true);
    expect(text).toContain('Z published');
    expect(text).not.toContain(ESC);
  });

  it('shows only warnings with --quiet, and everything with --debug', async () => {
    expect(await shown({ quiet: true }, {}, false)).toMatch(/^\S+ WARNING mind this\n$/u);
    const all = await shown({ debug: true }, {}, false);
    for (const text of ['a detail', 'waiting for ns1', 'waiting for ns2', 'published']) expect(all).toContain(text);
  });
});

describe('for people', () => {
  it('leaves one line for each step, and none about waiting', async () => {
    const text = stripVTControlCharacters(await shown({}, {}, true));
    expect(text).toContain('✓ published\n');
    expect(text).toContain('! mind this');
    expect(text).not.toContain('a detail');
  });

  const coloured = async (options: Partial<ReportOptions>, env: Record<string, string>) =>
    (await shown(options, env, true)).includes(`${ESC}[33m! mind this`);

  it('has colours, unless NO_COLOR, FORCE_COLOR=0 or --no-color says no', async () => {
    expect(await coloured({}, {})).toBe(true);
    expect(await coloured({}, { NO_COLOR: '1' })).toBe(false);
    expect(await coloured({}, { FORCE_COLOR: '0' })).toBe(false);
    expect(await coloured({}, { FORCE_COLOR: '1', NO_COLOR: '1' })).toBe(true);
    expect(await coloured({ noColor: true }, { FORCE_COLOR: '1' })).toBe(false);
  });
});
