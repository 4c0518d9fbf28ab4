import { allBelow, type CommandModel, type FlagModel, type ProgramModel } from './model.ts';
import { providers, type Value } from './values.ts';

/** A script for zsh 5, to be sourced, or kept as `_quoin` in a folder of `fpath`. */
export function zshCompletion({ common, root }: ProgramModel): string {
  return `#compdef quoin
# zsh completion for quoin, made by: quoin completion zsh

${allBelow(root).map(commandFunction).join('\n\n')}

_quoin_dns() {
  local -a codes=(${providers.join(' ')})
  # Behind the domain of one among several.
  compset -P '*='
  case $PREFIX in
    (./*|../*|/*) _files ;;
    (*) compadd -a codes ;;
  esac
}

# The names in the store, as its files are called, since asking quoin takes longer than a person likes to wait.
_quoin_certificates() {
  local folder=\${opt_args[--path]:-\${store:-\${QUOIN_PATH:-$LEGO_PATH}}}
  if [[ -z $folder ]]; then
    folder=.quoin
    [[ ! -d .lego ]] || folder=.lego
  fi
  local -a names=(\${folder/#\\~\\//$HOME/}/certificates/*.crt(N:t:r))
  names=(\${names:#*.issuer})
  compadd -a names
}

_quoin() {
  local context curcontext=$curcontext state state_descr line store=''
  local -A opt_args
  local -a common=(
${common.map((flag) => `    ${spec(flag)}`).join('\n')}
  )
  _quoin_
}

# In fpath this file is the function itself; sourced, it only defines it.
if [[ $funcstack[1] == _quoin ]]; then
  _quoin "$@"
else
  compdef _quoin quoin
fi
`;
}

const nameOf = (path: string): string => `_quoin_${path.replaceAll(/[ -]/gu, '_')}`;
const lastWord = (path: string): string => path.split(' ').at(-1) ?? path;

function commandFunction({ path, takesCommon, flags, below, argument }: CommandModel): string {
  const specs = [...(takesCommon ? ['$common'] : []), ...flags.map(spec)];
  const lines = (list: readonly string[]) => list.map((text) => `    ${text}`).join(' \\\n');
  if (below.length === 0) {
    return `${nameOf(path)}() {\n  _arguments -s -S : \\\n${lines([...specs, ...(argument ? argumentSpecs(argument) : [])])}\n}`;
  }
  return `${nameOf(path)}() {
  _arguments -C -s : \\
${lines([...specs, "'(-): :->command'", "'(-)*:: :->rest'"])}
  store=\${opt_args[--path]:-$store}
  case $state in
    (command)
      local -a names=(
${below.map((each) => `        ${quoted(`${lastWord(each.path)}:${each.summary}`)}`).join('\n')}
      )
      _describe -t commands 'quoin ${path ? `${path} ` : ''}command' names
      ;;
    (rest)
      case $words[1] in
${below.map((each) => `        (${lastWord(each.path)}) ${nameOf(each.path)} ;;`).join('\n')}
      esac
      ;;
  esac
}`;
}

/** One flag, as _arguments wants it. What takes a value may come again. */
function spec({ short, long, help, value, placeholder }: FlagModel): string {
  const told = `[${help.replaceAll(/[\\[\]:]/gu, '\\$&')}]`;
  if (value) {
    const behind = quoted(`${told}:${placeholder.replaceAll(':', '\\:')}:${actionOf(value)}`);
    return short ? `'*'{${short}+,${long}=}${behind}` : `'*'${long}=${behind}`;
  }
  const others = long === '--help' ? '(- *)' : short ? `(${short} ${long})` : '';
  return short ? `${quoted(others)}{${short},${long}}${quoted(told)}` : quoted(`${long}${told}`);
}

function argumentSpecs(value: Value): string[] {
  if (value.kind === 'programs') return ["'(-)1:program:_command_names -e'", "'*::arguments:_normal'"];
  return [quoted(`*:${value.kind === 'words' ? 'value' : value.kind}:${actionOf(value)}`)];
}

function actionOf(value: Value): string {
  switch (value.kind) {
    case 'words':
      return `(${value.words.join(' ')})`;
    case 'providers':
      return '_quoin_dns';
    case 'certificates':
      return '_quoin_certificates';
    case 'files':
      return '_files';
    case 'folders':
      return '_files -/';
    case 'programs':
      return '_command_names -e';
    default:
      return ' ';
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
