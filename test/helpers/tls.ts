import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Identity {
  readonly key: string;
  readonly cert: string;
}

/** A CA of the test's own, by openssl, and what it signs. */
export function makeCa() {
  const folder = mkdtempSync(join(tmpdir(), 'quoin-ca-'));
  const at = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=quoin test CA', '-days', '9');
  let serial = 1;
  return {
    cert: readFileSync(at('ca.crt'), 'utf8'),
    /** `subjectAltName` as openssl writes it: `DNS:ca.test,IP:127.0.0.1`. */
    issue(subjectAltName: string, { expired = false } = {}): Identity {
      const name = `leaf${serial++}`;
      openssl('req', '-new', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
      writeFileSync(at(`${name}.ext`), `subjectAltName=${subjectAltName}\n`);
      const signing = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-set_serial', String(serial), '-extfile', `${name}.ext`];
      const days = ['-days', expired ? '-1' : '9'];
      openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.crt`, ...signing, ...days);
      return { key: readFileSync(at(`${name}.key`), 'utf8'), cert: readFileSync(at(`${name}.crt`), 'utf8') };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
