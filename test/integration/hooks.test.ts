import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { newFolder } from '../helpers/child.ts';
import { problem } from '../helpers/hostile-ca.ts';
import { quoin } from '../helpers/servers.ts';
import { ended, type SmallWorld, startSmallWorld } from '../helpers/small-world.ts';

const NAME = 'example.test';
let world: SmallWorld;
let folder: string;
beforeEach(async () => {
  world = await startSmallWorld();
  folder = newFolder();
});
afterEach(() => world.stop());

const at = (file: string) => join(folder, file);
const said = () => readFileSync(at('said'), 'utf8').trim().split('\n');
/** A hook that notes these variables, one line for each time that it runs. */
const note = (...names: string[]) => `echo "${names.map((name) => `$${name}`).join(' ')}" >>'${at('said')}'`;
const hooks = (...names: string[]) =>
  ['pre', 'deploy', 'post'].flatMap((kind) => [`--${kind}-hook`, note('QUOIN_HOOK', ...names)]);
const renew = (...more: string[]) => ended(quoin(['renew', '--no-random-sleep', '--json', ...more], world.env));

it('run before the CA is asked, when the files are there, and in the end, each with its facts', async () => {
  const { ca, store } = world;
  const flags = hooks('QUOIN_ACTION', 'QUOIN_OUTCOME', 'QUOIN_DOMAINS', 'QUOIN_CERTIFICATE_PATH');
  const first = await world.run([NAME, `*.${NAME}`], flags).finished;
  expect(first.code).toBe(0);
  const path = join(store, `certificates/${NAME}.crt`);
  const names = `${NAME},*.${NAME}`;
  expect(said()).toEqual([
    `pre issued  ${names} `,
    `deploy issued  ${names} ${path}`,
    `post issued issued ${names} ${path}`,
  ]);

  // Nothing is due, and nothing runs. A renewal knows the hooks by the certificate's record.
  expect((await world.run([NAME, `*.${NAME}`], flags).finished).code).toBe(0);
  expect(said()).toHaveLength(3);
  expect((await renew('--renew-force')).code).toBe(0);
  expect(said().slice(3)).toEqual([
    expect.stringMatching(/^pre renewed /u),
    `deploy renewed  ${names} ${path}`,
    `post renewed renewed ${names} ${path}`,
  ]);
  expect(ca.issued).toBe(2);
});

it('of each certificate are its own', async () => {
  for (const name of ['a', 'b'])
    await world.run([`${name}.${NAME}`], ['--deploy-hook', `echo ${name} $QUOIN_CERTIFICATE >>'${at('said')}'`])
      .finished;
  await world.run([`c.${NAME}`]).finished;
  expect((await renew('--renew-force')).code).toBe(0);
  expect(said().slice(2).sort()).toEqual([`a a.${NAME}`, `b b.${NAME}`]);
});

it('that would not run end the run before the CA is asked', async () => {
  const { code, json } = await world.runJson([NAME], ['--deploy-hook', './no-such-hook.sh']);
  expect([code, json.error.code, world.ca.count('newOrder')]).toEqual([2, 'CONFIG', 0]);
  expect(json.error.message).toContain('./no-such-hook.sh');
});

it('pre: a failure ends the run before the CA is asked, and the post hook hears of it', async () => {
  const post = ['--post-hook', note('QUOIN_OUTCOME', 'QUOIN_ERROR')];
  const { code, json } = await world.runJson([NAME], ['--pre-hook', 'echo not now; exit 4', ...post]);
  expect([code, json.error, world.ca.count('newOrder')]).toMatchObject([
    7,
    { code: 'HOOK', hook: 'pre', exitCode: 4, output: ['not now'] },
    0,
  ]);
  expect(said()).toEqual(['failed HOOK']);
});

it('post: is told what went wrong', async () => {
  world.ca.mood = ({ step }) => (step === 'newOrder' ? problem(403, 'caa') : undefined);
  const { code } = await world.run([NAME], hooks('QUOIN_OUTCOME', 'QUOIN_ERROR')).finished;
  expect([code, said()]).toEqual([3, ['pre  ', 'post failed ACME_CAA']]);
});

it('post: a failure is told, and the certificate is there', async () => {
  const { code, json } = await world.runJson([NAME], ['--post-hook', 'exit 5']);
  expect([code, json.action, json.error]).toMatchObject([7, 'issued', { hook: 'post', exitCode: 5 }]);
});

it('deploy: one that takes too long is ended, and run again the next time', async () => {
  const hook = `echo once >>'${at('said')}'; test -e '${at('quick')}' || sleep 60`;
  const flags = ['--deploy-hook', hook, '--deploy-hook-timeout', '500ms'];
  const { code, json } = await world.runJson([NAME], flags);
  expect([code, json.action, json.error.message]).toEqual([7, 'issued', expect.stringContaining('within 0.5 s')]);
  writeFileSync(at('quick'), '');
  expect((await renew()).code).toBe(0);
  expect([said(), world.ca.issued]).toEqual([['once', 'once'], 1]);
});

describe('Ctrl-C while the deploy hook runs', () => {
  const hook = () => `echo begun; while ! test -e '${at('go')}'; do sleep 0.02; done; ${note('QUOIN_HOOK')}`;

  it('waits for its end', async () => {
    const running = world.run([NAME], ['--deploy-hook', hook()]);
    await running.sees('deploy hook: begun');
    running.child.kill('SIGINT');
    await running.sees('waiting for the deploy hook');
    writeFileSync(at('go'), '');
    expect((await running.finished).code).toBe(130);
    expect(said()).toEqual(['deploy']);
    // It has done its work, so it is not run again.
    expect((await renew()).code).toBe(0);
    expect(said()).toEqual(['deploy']);
  });

  it('ends it the second time, and the next run calls it again', async () => {
    const running = world.run([NAME], ['--deploy-hook', hook()]);
    await running.sees('deploy hook: begun');
    running.child.kill('SIGINT');
    await running.sees('waiting for the deploy hook');
    running.child.kill('SIGINT');
    expect((await running.finished).code).toBe(130);
    writeFileSync(at('go'), '');
    await sleep(100); // What is still alive would go on now.
    expect(existsSync(at('said'))).toBe(false);
    expect((await renew()).code).toBe(0);
    expect([said(), world.ca.issued]).toEqual([['deploy'], 1]);
  });
});
