import { describeProvider, toJson, toMarkdown, toText } from '../../../src/dns/describe.ts';
import { choice, defineProvider, oneOf, secret, text } from '../../../src/dns/kit/index.ts';

const provider = defineProvider({
  id: 'foo',
  name: 'Foo | Bar',
  aliases: ['foodns'],
  website: 'https://foo.test',
  notes: `Create a *token* under \`API\`. ${'And read the terms of service carefully. '.repeat(4)}`.trim(),
  env: {
    auth: oneOf({
      token: { token: secret(['FOO_TOKEN', 'FOO_API_TOKEN'], 'API token') },
      password: { user: text('FOO_USER', 'Login'), password: secret('FOO_PASSWORD', 'Password') },
    }),
    region: choice('FOO_REGION', 'Region', ['eu', 'us']).default('eu'),
  },
  tuning: { prefix: 'FOO', ttl: 300, ignored: ['sequenceInterval'] },
  oneValueAtATime: true,
  connect: () => ({ apply: async () => {} }),
});
const description = describeProvider(provider);

it('lists every variable in Markdown, text and JSON', () => {
  const names = ['FOO_TOKEN', 'FOO_API_TOKEN', 'FOO_USER', 'FOO_PASSWORD', 'FOO_REGION', 'FOO_TTL', 'FOO_HTTP_TIMEOUT'];
  for (const shown of [toMarkdown(description), toText(description), JSON.stringify(toJson(description))])
    for (const name of names) expect(shown).toContain(name);
});

it('shows an example that can be typed, with the first group', () => {
  expect(description.example).toBe(
    "FOO_TOKEN=... \\\nquoin run --dns foo --domains example.com --domains '*.example.com'",
  );
});

it('keeps the lines of a terminal within its width', () => {
  for (const width of [40, 80]) {
    const lines = toText(description, { width }).split('\n');
    const prose = lines.filter((line) => !/quoin run|https:/u.test(line));
    expect(Math.max(...prose.map((line) => line.length))).toBeLessThanOrEqual(width);
  }
});

it('sets headings off where the terminal can', () => {
  expect(toText(description, { strong: (words) => `<${words}>` })).toContain('<FOO_TOKEN>');
});

it('says what the service cannot show at one time', () => {
  const limited = (limits: object) => describeProvider({ ...provider, oneValueAtATime: false, ...limits });
  const said = (limits: object) => [toMarkdown(limited(limits)), toText(limited(limits)).replace(/\s+/gu, ' ')];
  for (const text of said({ oneValueAtATime: true })) expect(text).toContain('validated one after the other');
  for (const text of said({ valuesPerName: 2 })) expect(text).toContain('validated in turns of 2');
  for (const text of said({})) expect(text).not.toContain('validated');
  expect(toJson(limited({ valuesPerName: 2 }))).toMatchObject({ oneValueAtATime: false, valuesPerName: 2 });
  expect(toJson(limited({}))).toMatchObject({ valuesPerName: null });
});

it('has stable keys for machines', () => {
  expect(toJson(description)).toMatchObject({
    code: 'foo',
    aliases: ['foodns'],
    oneValueAtATime: true,
    credentials: {
      oneOf: [
        [
          [{ name: 'FOO_TOKEN', aliases: ['FOO_API_TOKEN'], required: true, secret: true, file: true, default: null }],
          [{ name: 'FOO_USER', secret: false }, { name: 'FOO_PASSWORD' }],
        ],
      ],
      always: [{ name: 'FOO_REGION', required: false, default: 'eu' }],
    },
    tuning: [
      { name: 'FOO_TTL', default: '300' },
      { name: 'FOO_PROPAGATION_TIMEOUT', default: '60' },
      { name: 'FOO_POLLING_INTERVAL' },
      { name: 'FOO_HTTP_TIMEOUT' },
      { name: 'FOO_SEQUENCE_INTERVAL', ignored: true },
    ],
  });
});
