import { resolve } from 'node:path';
import { fileNameOf } from '../../acme/storage.ts';
import type { CertificateConfig, ConfigContent } from './config.ts';
import type { ConfigDocument } from './document.ts';
import { judgeAccount } from './judge-account.ts';
import { judgeCertificate, type Surroundings } from './judge-certificate.ts';
import { judgeProviders } from './judge-provider.ts';
import type { Judging } from './judging.ts';
import { certificateShape, defaultsShape, listedShape, quoinFile } from './quoin-file.ts';
import type { ValueOf } from './shape.ts';
import { find, isNull, keysOf, mergeTrees, type Tree } from './tree.ts';

export async function readQuoinFile(document: ConfigDocument, judging: Judging): Promise<ConfigContent> {
  const tree: Tree = document.tree ?? { kind: 'map', at: 0, entries: [] };
  const read = quoinFile.read(tree, document);
  const accounts = new Map((read?.accounts ?? []).map((entry) => [entry.name, judgeAccount(entry, judging)]));
  const surroundings: Surroundings = {
    accounts: { known: accounts, names: keysOf(tree, 'accounts') },
    findProvider: await judgeProviders(read?.providers ?? [], keysOf(tree, 'providers'), judging),
  };
  const defaults = find(tree, 'defaults')?.value;
  // By themselves too: those that every certificate replaces would not be looked at otherwise.
  if (defaults && !isNull(defaults)) defaultsShape.read(defaults, document);
  // All are read before the first is judged, which takes longer: aliases that unfold to too much show at once.
  const entries = entriesOf(read?.certificates).map(({ name, at, own }) => {
    const merged = mergeTrees(defaults, own);
    if (name !== undefined) return { name, at, entry: certificateShape.read(merged, document) };
    const entry = listedShape.read(merged, document);
    return { name: entry?.name, at, entry };
  });
  const found: { at: number; certificate: CertificateConfig }[] = [];
  for (const { name, at, entry } of entries) {
    const certificate = entry && (await judgeCertificate(entry, { name, at }, surroundings, judging));
    if (certificate) found.push({ at, certificate });
  }
  refuseSharedFiles(found, judging);
  return {
    store: read?.store && resolve(judging.folder, read.store),
    accounts: [...accounts.values()],
    certificates: found.map(({ certificate }) => certificate),
  };
}

type Entries = ValueOf<typeof quoinFile>['certificates'];

function entriesOf(entries: Entries | undefined = []): { name?: string; at: number; own: Tree }[] {
  return entries.map((entry) => {
    if ('kind' in entry) return { at: entry.at, own: entry };
    const { name, nameAt: at, value } = entry;
    return { name, at, own: isNull(value) ? { kind: 'map', at, entries: [] } : value };
  });
}

/** Two names can be one file in the store, also where a file system makes no difference between `A` and `a`. */
export function refuseSharedFiles(
  found: readonly { readonly at: number; readonly certificate: Pick<CertificateConfig, 'name' | 'place'> }[],
  { tell }: Judging,
): void {
  const taken = new Map<string, Pick<CertificateConfig, 'name' | 'place'>>();
  for (const { at, certificate } of found) {
    const file = fileNameOf(certificate.name).toLowerCase();
    const other = taken.get(file);
    if (other) tell(at, `${certificate.name} would share its files with ${other.name} (${other.place})`);
    else taken.set(file, certificate);
  }
}
