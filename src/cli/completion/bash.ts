import { allBelow, type CommandModel, type FlagModel, type ProgramModel } from './model.ts';
import { providers, type Value } from './values.ts';

/** A script for bash 3.2 and newer, which needs no other package. */
export function bashCompletion(model: ProgramModel): string {
  const commands = allBelow(model.root);
  return `# bash completion for quoin, made by: quoin completion bash

_quoin_common='${spellings(model.common)}'
_quoin_common_values='${spellings(model.common.filter(({ value }) => value))}'
_quoin_providers='${providers.join(' ')}'

# What may stand behind the command $1: \`flags\`, those of them that take a \`value\`, and the commands \`below\` it.
_quoin_command() {
  flags=$_quoin_common valued=$_quoin_common_values below=''
  case $1 in
${commands.flatMap(commandCase).join('\n')}
  esac
}

# Offers what can follow the flag $2 of the command $1.
_quoin_value() {
  case "$1 $2" in
${commands.flatMap(({ path, flags }) => flags.flatMap((flag) => valueCase(path, flag))).join('\n')}
${model.common.flatMap((flag) => valueCase('*', flag)).join('\n')}
  esac
}

# Offers what the words of the command $1 can be.
_quoin_argument() {
  case $1 in
${commands.flatMap(argumentCase).join('\n')}
  esac
}

_quoin_reply() {
  local line
  while IFS= read -r line; do COMPREPLY+=("$line"); done
}
_quoin_words() { _quoin_reply < <(compgen -W "$1" -- "$cur"); }
_quoin_programs() { _quoin_reply < <(compgen -c -- "$cur"); }
_quoin_files() {
  compopt -o filenames 2>/dev/null
  _quoin_reply < <(compgen -f -- "$cur")
}
_quoin_folders() {
  compopt -o filenames 2>/dev/null
  _quoin_reply < <(compgen -d -- "$cur")
}
_quoin_dns() {
  case $cur in
    ./* | ../* | /*) _quoin_files ;;
    *) _quoin_words "$_quoin_providers" ;;
  esac
}
# The names in the store, as its files are called, since asking quoin takes longer than a person likes to wait.
_quoin_certificates() {
  local file
  [[ -n $store ]] || store=\${QUOIN_PATH:-\${LEGO_PATH:-}}
  if [[ -z $store ]]; then
    store=.quoin
    [[ ! -d .lego ]] || store=.lego
  fi
  for file in "\${store/#\\~\\//$HOME/}"/certificates/*.crt; do
    file=\${file##*/}
    [[ $file == *.issuer.crt || $file == '*.crt' || $file != "$cur"* ]] || COMPREPLY+=("\${file%.crt}")
  done
}

_quoin() {
  local cur=\${COMP_WORDS[COMP_CWORD]} command='' store='' flags valued below i word
  COMPREPLY=()
  _quoin_command ''
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word == -- ]]; then
      _quoin_argument "$command"
      return
    elif [[ " $valued " == *" $word "* ]]; then
      # An = is a word of its own: --server = value, --dns domain = value.
      i=$((i + 1))
      [[ \${COMP_WORDS[i]-} != = ]] || i=$((i + 1))
      [[ $word != --path ]] || store=\${COMP_WORDS[i]-}
      [[ \${COMP_WORDS[i + 1]-} != = ]] || i=$((i + 2))
      if ((i >= COMP_CWORD)); then
        [[ $cur != = ]] || cur=''
        _quoin_value "$command" "$word"
        return
      fi
    elif [[ " $below " == *" $word "* ]]; then
      command=\${command:+$command }$word
      _quoin_command "$command"
    fi
  done
  if [[ $cur == -* ]]; then
    _quoin_words "$flags"
  elif [[ -n $below ]]; then
    _quoin_words "$below"
  else
    _quoin_argument "$command"
  fi
}
complete -F _quoin quoin
`;
}

const spellings = (flags: readonly FlagModel[]): string =>
  flags.flatMap(({ short, long }) => (short ? [short, long] : [long])).join(' ');

function commandCase({ path, takesCommon, flags, below }: CommandModel): string[] {
  const set = (name: string, words: string) => {
    if (takesCommon && words === '') return [];
    return [takesCommon ? `${name}+=' ${words}'` : `${name}='${words}'`];
  };
  const sets = [
    ...set('flags', spellings(flags)),
    ...set('valued', spellings(flags.filter(({ value }) => value))),
    ...(below.length > 0 ? [`below='${below.map(({ path: each }) => each.split(' ').at(-1)).join(' ')}'`] : []),
  ];
  return sets.length > 0 ? [`    '${path}') ${sets.join(' ')} ;;`] : [];
}

function valueCase(path: string, { short, long, value }: FlagModel): string[] {
  const offer = value ? offerOf(value) : undefined;
  if (offer === undefined) return [];
  const patterns = [short, long].flatMap((name) => (name ? [path === '*' ? `*' ${name}'` : `'${path} ${name}'`] : []));
  return [`    ${patterns.join(' | ')}) ${offer} ;;`];
}

function argumentCase({ path, argument }: CommandModel): string[] {
  const offer = argument ? offerOf(argument) : undefined;
  return offer === undefined ? [] : [`    '${path}') ${offer} ;;`];
}

function offerOf(value: Value): string | undefined {
  switch (value.kind) {
    case 'words':
      return `_quoin_words '${value.words.join(' ')}'`;
    case 'providers':
      return '_quoin_dns';
    case 'text':
      return undefined;
    default:
      return `_quoin_${value.kind}`;
  }
}
