import { errorJson, exitCodeOf, renderError } from '../../../src/cli/render-error.ts';
import { AcmeError, ConfigError, Interrupted } from '../../../src/errors.ts';

it('writes the hint on a line of its own, and causes only when debugging', () => {
  const error = new ConfigError('no', { hint: 'do this', cause: new Error('because') });
  expect(renderError(error, false)).toBe('error: no\n  → do this\n');
  expect(renderError(error, true)).toContain('caused by: Error: because');
});

it('calls anything else a bug, with its stack and where to report it', () => {
  const text = renderError(new TypeError('x is undefined'), false);
  expect(text).toMatch(/^internal error: x is undefined \(this is a bug in quoin\)\n/u);
  expect(text).toContain('render-error.test.ts');
  expect(text).toContain('npm bugs quoin');
  expect(exitCodeOf(new TypeError('x'))).toBe(1);
  expect(errorJson('thrown text')).toEqual({ error: { code: 'INTERNAL', message: 'thrown text' } });
});

it('puts facts beside code and message, which they cannot replace', () => {
  const facts = { notBefore: '2026-11-25T10:00:00Z', code: 'OTHER' };
  expect(errorJson(new AcmeError('ACME_RATE_LIMITED', 'slow down', { facts }))).toEqual({
    error: { notBefore: '2026-11-25T10:00:00Z', code: 'ACME_RATE_LIMITED', message: 'slow down' },
  });
});

it('exits as the shell does after a signal', () => {
  expect((['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((name) => exitCodeOf(new Interrupted(name)))).toEqual([
    130, 143, 129,
  ]);
});
