import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { readConfigFile } from '../../../src/cli/config-file/read.ts';
import { newFolder } from '../../helpers/child.ts';
import { fits } from '../../helpers/json-schema.ts';

const schema = JSON.parse(readFileSync('docs/reference/quoin.schema.json', 'utf8'));
const folder = newFolder();
const isRead = async (text: string): Promise<boolean> => {
  writeFileSync(join(folder, 'quoin.yaml'), text, { mode: 0o600 });
  return readConfigFile('quoin.yaml', folder).then(
    () => true,
    (error) => {
      if (error.code !== 'CONFIG') throw error;
      return false;
    },
  );
};
const certificate = (own: string) => `certificates: { a.example: { dns: exec, ${own} } }`;
const account = (own: string) => `accounts: { a: { ${own} } }\n${certificate('')}`;

describe('the JSON schema says what the program says of', () => {
  it.each([
    [true, certificate('')],
    [true, 'defaults: { dns: exec }\ncertificates: { a.example: , b: { domains: [b.example] } }'],
    [
      true,
      'certificates: [ { domains: a.example, dns: exec }, { name: x, domains: [b.example], dns: { default: exec } } ]',
    ],
    [true, certificate('dns: { a.example: exec, b.example: ~, default: manual }').replace('dns: exec, ', '')],
    [true, certificate('keyType: ~, files: ~, hooks: { pre: ~ }')],
    [true, certificate('hooks: { pre: a b, deploy: [x, 1, "y z"], env: FOO }')],
    [true, certificate('files: { mode: 0640, pem: true, owner: 1000 }')],
    [true, certificate('files: { pfx: { password: "env:X" } }')],
    [true, certificate('propagation: { wait: 30s, recursive: true }')],
    [true, certificate('propagation: { wait: 30 }')],
    [true, account('server: [letsencrypt, zerossl], email: a@b.example, eab: { kid: 12, hmac: "file:x" }')],
    [true, `providers: { p: { code: exec, env: { EXEC_PATH: x, EXEC_POLLING_INTERVAL: 3 } } }\n${certificate('')}`],
    [false, 'accounts: {}'],
    [false, 'certificates: 5'],
    [false, 'certificates: [ a.example ]'],
    [false, certificate('keytype: ec256')],
    [false, certificate('keyType: EC256')],
    [false, certificate('domains: []').replace('domains: []', 'domains: { a: b }')],
    [false, certificate('mustStaple: "true"')],
    [false, certificate('renewDays: 0')],
    [false, certificate('renewDays: 1.5')],
    [false, certificate('propagation: { wait: soon }')],
    [false, certificate('propagation: { waiting: 3 }')],
    [false, certificate('files: { mode: "0888" }')],
    [false, certificate('files: { pfx: { format: SHA256 } }')],
    [false, certificate('files: { pfx: { format: SHA1, password: "env:X" } }')],
    [false, certificate('files: { pfx: { password: in-clear } }')],
    [false, certificate('hooks: { pre: { command: x } }')],
    [false, certificate('hooks: { env: [A=B] }')],
    [false, account('email: nobody')],
    [false, account('eab: { kid: 12 }')],
    [false, account('name: x')],
    [false, `providers: { p: { env: {} } }\n${certificate('')}`],
    [false, `providers: { p: { code: exec, env: { EXEC_PATH: } } }\n${certificate('')}`],
    [false, `defaults: { domains: x.example }\n${certificate('')}`],
  ])('%s: %s', async (isRight, text) => {
    expect({ text, read: await isRead(text), fits: fits(parse(text), schema) }).toEqual({
      ...{ text, read: isRight, fits: isRight },
    });
  });
});
