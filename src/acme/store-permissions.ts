import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn } from '../files.ts';

/** What others on this machine could do with the store. A group may have been let in on purpose; everybody never was. */
export async function permissionWarnings(root: string): Promise<readonly string[]> {
  const accounts = join(root, 'accounts');
  const keys: string[] = [];
  for (const host of await namesIn(accounts)) {
    for (const id of await quietly(join(accounts, host))) {
      const folder = join(accounts, host, id);
      keys.push(join(folder, `${id}.key`), join(folder, `${id}.key.next`), join(folder, 'keys', `${id}.key`));
    }
  }
  const certificates = join(root, 'certificates');
  keys.push(
    ...(await namesIn(certificates))
      .filter((name) => /\.(?:key|pem|pfx|key\.old)$/u.test(name))
      .map((name) => join(certificates, name)),
  );
  const found = [
    ...(await Promise.all([root, accounts, certificates].map((path) => warningsOf(path, folderWarning)))),
    ...(await Promise.all(keys.map((path) => warningsOf(path, keyWarning)))),
  ];
  return found.flat();
}

const quietly = (folder: string): Promise<string[]> => namesIn(folder).catch(() => []);

async function warningsOf(path: string, judge: (path: string, found: Stats) => string | undefined): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  const warning = found && judge(path, found);
  return warning ? [warning] : [];
}

const keyWarning = (path: string, { mode }: Stats): string | undefined =>
  mode & 0o004 ? `everybody on this machine may read the private key ${path}; chmod 600 it` : undefined;

function folderWarning(path: string, { mode, uid }: Stats): string | undefined {
  if (mode & 0o002) return `everybody on this machine may replace the files in ${path}; chmod 700 it`;
  const own = process.geteuid?.() ?? uid;
  return uid !== own && uid !== 0
    ? `${path} belongs to another user (uid ${uid}), who may replace its files`
    : undefined;
}
