import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { newFolder } from './child.ts';
import { type Finished, quoin, type Running } from './servers.ts';

/** A `quoin sandbox` as a process of its own, and what it said about itself with `--json`. */
export interface SandboxProcess {
  readonly directory: string;
  readonly root: string;
  readonly dns: { readonly address: string; readonly port: number; readonly zones: readonly string[] };
  readonly environment: Readonly<Record<string, string>>;
  readonly pid: number;
  readonly running: Running;
  txt(name: string): string[];
  stop(signal?: NodeJS.Signals): Promise<Finished>;
}

/** Folders for temporary and runtime files of its own, so that tests at the same time do not find each other's sandboxes. */
export function ownPlaces(): { readonly TMPDIR: string; readonly XDG_RUNTIME_DIR: string } {
  const home = newFolder();
  const places = { TMPDIR: join(home, 'tmp'), XDG_RUNTIME_DIR: join(home, 'run') };
  for (const folder of Object.values(places)) mkdirSync(folder);
  chmodSync(places.XDG_RUNTIME_DIR, 0o700);
  return places;
}

const started: SandboxProcess[] = [];
afterEach(async () => {
  for (const { running } of started.splice(0)) {
    running.child.kill('SIGKILL');
    await running.finished;
  }
});

/** Resolves when it listens. It is ended after the test. */
export async function startSandboxProcess(
  args: readonly string[] = [],
  env: Record<string, string> = ownPlaces(),
): Promise<SandboxProcess> {
  const running = quoin(['sandbox', '--json', ...args], env);
  const document = await new Promise<string>((resolve, reject) => {
    let text = '';
    running.child.stdout!.on('data', (chunk: Buffer) => {
      text += chunk;
      if (text.endsWith('}\n')) resolve(text);
    });
    running.finished.then(({ stderr }) => reject(new Error(`the sandbox ended: ${stderr}`)));
  });
  const facts: Pick<SandboxProcess, 'directory' | 'root' | 'dns' | 'environment' | 'pid'> = JSON.parse(document);
  const sandbox: SandboxProcess = {
    ...facts,
    running,
    txt: (name) => digTxt(facts.dns.port, name),
    stop(signal = 'SIGINT') {
      running.child.kill(signal);
      return running.finished;
    },
  };
  started.push(sandbox);
  return sandbox;
}

function digTxt(port: number, name: string): string[] {
  const args = ['@127.0.0.1', '-p', String(port), '+short', name, 'TXT'];
  return execFileSync('dig', args, { encoding: 'utf8' }).split('\n').filter(Boolean).sort();
}
