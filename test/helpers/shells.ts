import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Shell } from '../../src/cli/completion/shells.ts';
import { newFolder } from './child.ts';

export interface Place {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Lets a real shell complete lines, the cursor at the end of each: what it offers, line by line. Throws where the shell says
 * anything on standard error, which would appear in the middle of the line that a person types.
 */
export function complete(shell: Shell, script: string, lines: readonly string[], { cwd, env }: Place): string[][] {
  const folder = newFolder();
  const scriptFile = join(folder, `quoin.${shell}`);
  const driver = join(folder, 'driver');
  writeFileSync(scriptFile, script);
  writeFileSync(driver, drivers[shell](scriptFile, lines));
  const { stdout, stderr, error } = spawnSync(shell, [...(shell === 'zsh' ? ['-f'] : []), driver], {
    cwd,
    encoding: 'utf8',
    timeout: 60_000,
    env: { PATH: process.env.PATH, HOME: folder, TERM: 'dumb', LC_ALL: 'C.UTF-8', ...env },
  });
  if (error) throw error;
  if (stderr !== '') throw new Error(`${shell} says: ${stderr}`);
  const offered = stdout.split('END OF LINE\n').slice(0, -1);
  if (offered.length !== lines.length) throw new Error(`${shell} answered ${offered.length} lines:\n${stdout}`);
  return offered.map((text) => text.split('\n').filter(Boolean)).map((words) => [...new Set(words)].sort());
}

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

const drivers: Readonly<Record<Shell, (script: string, lines: readonly string[]) => string>> = {
  /** As readline has it, an = is a word. */
  bash: (script, lines) => `
set -u
source ${quoted(script)}
complete -p quoin >/dev/null || exit
offer() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*"
  _quoin quoin "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD - 1]}"
  ((\${#COMPREPLY[@]} == 0)) || printf '%s\\n' "\${COMPREPLY[@]}"
  echo END OF LINE
}
${lines
  .map(
    (line) =>
      `offer ${line
        .split(/ |(?<==)|(?==)/u)
        .map(quoted)
        .join(' ')}`,
  )
  .join('\n')}
`,

  /** A zsh in a terminal of its own, whose \`compadd\` tells what it is given. */
  zsh: (script, lines) => `
cat >${script}.init <<'INIT'
PROMPT= RPS1=
autoload -Uz compinit
compinit -u -D
source ${script}
compadd() {
  # With these it only answers the functions that complete.
  if [[ " $* " == *' -'[OAD]' '* ]]; then builtin compadd "$@"; return; fi
  local -a offers
  builtin compadd -O offers "$@"
  for word in $offers; do print -r -- "$IPREFIX$word"; done >>${script}.offers
  builtin compadd "$@"
}
offer() { _main_complete; compstate[list]= compstate[insert]=; print READY; }
zle -C offer list-choices offer
bindkey '^T' offer
bindkey '^U' kill-buffer
print READY
INIT
zmodload zsh/zpty
zpty shell 'zsh -f -i 2>&1'
zpty -w shell '. ${script}.init'
zpty -r shell answer $'*READY\\r\\n*'
for line in ${lines.map(quoted).join(' ')}; do
  zpty -w -n shell $'\\C-u'"$line"$'\\C-t'
  zpty -r shell answer $'*READY\\r\\n*'
  [[ ! -e ${script}.offers ]] || cat ${script}.offers
  rm -f ${script}.offers
  print END OF LINE
done
zpty -d shell
`,

  fish: (script, lines) => `
source ${script}
for line in ${lines.map((line) => `'${line}'`).join(' ')}
    complete -C $line | string replace -r '\\t.*' ''
    echo END OF LINE
end
`,
};
