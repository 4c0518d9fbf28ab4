import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '../../../../src/log.ts';
import { startCa } from '../../../../src/sandbox/ca/index.ts';
import { nonceStore } from '../../../../src/sandbox/ca/nonces.ts';
import { openShelf } from '../../../../src/sandbox/ca/shelf.ts';
import { newFolder } from '../../../helpers/child.ts';
import { AcmeClient } from './client.ts';
import { authorized, csrFor, type Lab, obtain, startLab } from './lab.ts';

/** The same client at the same port, as after a restart of the machine. */
async function restart(lab: Lab, client: AcmeClient, stateFolder: string, more = {}) {
  await lab.ca.close();
  const ca = await startCa({ port: lab.ca.port, dnsServer: lab.dns, stateFolder, log: silentLog, ...more });
  const again = new AcmeClient(ca.directoryUrl, ca.rootPem);
  again.directory = client.directory;
  again.keys = client.keys;
  again.kid = client.kid;
  return { ca, again };
}

it('goes on after a restart where everything is kept', async () => {
  const stateFolder = join(newFolder(), 'state');
  const lab = await startLab({ stateFolder });
  const client = await lab.client();
  const done = await obtain(lab, client, ['done.test']);
  const ready = await authorized(lab, client, ['ready.test']);
  const { ca, again } = await restart(lab, client, stateFolder);
  try {
    expect(ca.rootPem).toBe(lab.ca.rootPem);
    expect((await again.post(again.kid!, null)).body.status).toBe('valid');
    expect((await again.post(done.body.certificate, null)).text).toBe(done.pem);
    expect((await again.post(done.url, null)).body).toEqual(done.body);
    const finalized = await again.post(ready.body.finalize, { csr: await csrFor(['ready.test']) });
    expect(finalized.body.status).toBe('valid');
    const certificate = new X509Certificate(done.pem).raw.toString('base64url');
    expect((await again.post(again.directory.revokeCert, { certificate })).status).toBe(200);
  } finally {
    again.stop();
    await ca.close();
    await lab.close();
  }
});

it('ends after a restart what was under way before', async () => {
  const stateFolder = newFolder();
  const lab = await startLab({ stateFolder, noise: { processingMs: 60_000 } });
  const client = await lab.client();
  const processing = await authorized(lab, client, ['processing.test']);
  await client.post(processing.body.finalize, { csr: await csrFor(['processing.test']) });
  lab.dns.silent = true;
  const { body, headers } = await client.newOrder(['validating.test']);
  const [challenge] = (await client.post(body.authorizations[0], null)).body.challenges;
  await client.post(challenge.url, {});
  lab.dns.txt('_acme-challenge.validating.test', await client.txtValue(challenge.token));
  await lab.ca.close();
  lab.dns.silent = false;
  const { ca, again } = await restart(lab, client, stateFolder);
  try {
    expect((await again.settled(processing.url)).body.status).toBe('valid');
    expect((await again.settled(headers.location)).body.status).toBe('ready');
  } finally {
    again.stop();
    await ca.close();
    await lab.close();
  }
});

it('keeps its files to their owner', async () => {
  const stateFolder = newFolder();
  const lab = await startLab({ stateFolder });
  await obtain(lab, await lab.client(), ['files.test']);
  await lab.close();
  const files = readdirSync(stateFolder, { recursive: true, encoding: 'utf8' }).map((name) => join(stateFolder, name));
  const modes = files.filter((file) => statSync(file).isFile()).map((file) => statSync(file).mode & 0o777);
  expect(modes).toHaveLength(4);
  expect(new Set(modes)).toEqual(new Set([0o600]));
});

it('without a folder is another CA each time', async () => {
  const labs = await Promise.all([startLab(), startLab()]);
  const [one, other] = labs.map(({ ca }) => new X509Certificate(ca.rootPem));
  expect(one!.subject).not.toBe(other!.subject);
  await Promise.all(labs.map((lab) => lab.close()));
});

it('says which file is damaged, and which port is taken', async () => {
  const stateFolder = newFolder();
  writeFileSync(join(stateFolder, 'authority.json'), '{"roots":[],"intermediate":{"certificates":[]}}');
  const options = { dnsServer: { address: '127.0.0.1', port: 1 }, log: silentLog };
  await expect(startCa({ ...options, port: 0, stateFolder })).rejects.toMatchObject({
    name: 'StorageError',
    message: expect.stringContaining('authority.json is damaged'),
  });
  const lab = await startLab();
  await expect(startCa({ ...options, port: lab.ca.port })).rejects.toMatchObject({
    name: 'ConfigError',
    message: expect.stringContaining(`port ${lab.ca.port}`),
  });
  await lab.close();
});

it('forgets the oldest nonces when there are too many', () => {
  const nonces = nonceStore(3);
  const [first = '', ...rest] = Array.from({ length: 4 }, () => nonces.create());
  expect([first, ...rest, ...rest].map(nonces.redeem)).toEqual([false, true, true, true, false, false, false]);
});

describe('a shelf', () => {
  interface Item {
    readonly id: string;
    readonly createdAt: number;
    value: number;
  }
  const item = (id: string, createdAt = 0): Item => ({ id, createdAt, value: 0 });

  it('holds only so many, and its folder as many', async () => {
    const folder = newFolder();
    const shelf = await openShelf<Item>(2, folder);
    for (const id of ['0a', '0b', '0c']) await shelf.save(item(id));
    expect([...shelf.values()].map(({ id }) => id)).toEqual(['0b', '0c']);
    expect(readdirSync(folder).sort()).toEqual(['0b.json', '0c.json']);
  });

  it('has the last of many changes on disk when they are saved', async () => {
    const folder = newFolder();
    const shelf = await openShelf<Item>(9, folder);
    const one = item('0a');
    const saved = Array.from({ length: 50 }, (_, i) => {
      one.value = i;
      return shelf.save(one);
    });
    await Promise.all(saved);
    await shelf.flush();
    expect(JSON.parse(readFileSync(join(folder, '0a.json'), 'utf8')).value).toBe(49);
  });

  it('comes back in the order of its making', async () => {
    const folder = newFolder();
    const shelf = await openShelf<Item>(9, folder);
    await Promise.all([shelf.save(item('0a', 3)), shelf.save(item('0b', 1)), shelf.save(item('0c', 2))]);
    writeFileSync(join(folder, 'README'), 'not one of ours');
    const again = await openShelf<Item>(9, folder);
    expect([...again.values()].map(({ id }) => id)).toEqual(['0b', '0c', '0a']);
  });

  it('does not bring back what is removed while it is written', async () => {
    const folder = newFolder();
    const shelf = await openShelf<Item>(9, folder);
    await Promise.all([shelf.save(item('0a')), shelf.remove('0a')]);
    expect(readdirSync(folder)).toEqual([]);
  });
});
