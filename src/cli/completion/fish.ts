import { allBelow, type CommandModel, type FlagModel, type ProgramModel } from './model.ts';
import { providers, type Value } from './values.ts';

/** A script for fish 3 and newer. */
export function fishCompletion({ common, root }: ProgramModel): string {
  const commands = allBelow(root);
  const withoutCommon = commands.filter(({ takesCommon }) => !takesCommon);
  return `# fish completion for quoin, made by: quoin completion fish

# The command that stands on the line so far, such as: account register
function __quoin_command
    set -l command
    set -l skip no
    for word in (commandline -opc)[2..-1]
        if test $skip = yes
            set skip no
        else if contains -- $word (__quoin_valued "$command")
            set skip yes
        else if contains -- (string trim "$command $word") ${commands.flatMap(({ path }) => (path ? [quoted(path)] : [])).join(' ')}
            set command (string trim "$command $word")
        end
    end
    echo $command
end

# The flags of a command whose value is the next word.
function __quoin_valued
    switch "$argv[1]"
${withoutCommon.map((each) => `        case '${each.path}'\n            printf '%s\\n' ${valued(each.flags)}`).join('\n')}
        case '*'
            printf '%s\\n' ${valued([...common, ...commands.flatMap((each) => (each.takesCommon ? each.flags : []))])}
    end
end

function __quoin_at
    test (__quoin_command) = "$argv[1]"
end

function __quoin_takes_common
    not contains -- (__quoin_command) ${withoutCommon.map(({ path }) => quoted(path)).join(' ')}
end

function __quoin_dns
    # Behind the domain of one among several.
    set -l token (string replace -r '^--dns=' '' -- (commandline -ct))
    set -l domain (string match -r '^.*=' -- $token)
    switch $token
        case './*' '../*' '/*'
            __fish_complete_path $token
        case '*'
            printf '%s\\n' "$domain"{${providers.join(',')}}
    end
end

# The names in the store, as its files are called, since asking quoin takes longer than a person likes to wait.
function __quoin_certificates
    set -l folder $QUOIN_PATH $LEGO_PATH
    set -l words (commandline -opc)
    for at in (seq (count $words))
        switch $words[$at]
            case --path
                set folder $words[(math $at + 1)] $folder
            case '--path=*'
                set folder (string replace -- '--path=' '' $words[$at]) $folder
        end
    end
    if not set -q folder[1]
        set folder .quoin
        test -d .lego; and set folder .lego
    end
    set folder (string replace -r '^~/' "$HOME/" -- $folder[1])
    for file in $folder/certificates/*.crt
        string match -q '*.issuer.crt' -- $file; or string replace -r '^.*/(.*)\\.crt$' '$1' -- $file
    end
end

complete -c quoin -f
${common.map((flag) => flagLine('__quoin_takes_common', flag)).join('\n')}
${commands.flatMap(commandLines).join('\n')}
`;
}

const valued = (flags: readonly FlagModel[]): string =>
  flags.flatMap(({ short, long, value }) => (value ? [...(short ? [short] : []), long] : [])).join(' ') || "''";

function commandLines({ path, flags, below, argument }: CommandModel): string[] {
  const at = `__quoin_at ${path ? `"${path}"` : '""'}`;
  const offer = argument ? offerOf(argument) : '';
  return [
    ...below.map((each) => `complete -c quoin -n '${at}' -a ${each.path.split(' ').at(-1)} -d ${quoted(each.summary)}`),
    ...(offer ? [`complete -c quoin -n '${at}' ${offer}`] : []),
    ...flags.map((flag) => flagLine(at, flag)),
  ];
}

function flagLine(condition: string, { short, long, help, value }: FlagModel): string {
  const names = `${short ? `-s ${short.slice(1)} ` : ''}-l ${long.slice(2)}`;
  const takes = value ? ` ${offerOf(value) || '-x'}` : '';
  return `complete -c quoin -n '${condition}' ${names}${takes} -d ${quoted(help)}`;
}

function offerOf(value: Value): string {
  switch (value.kind) {
    case 'words':
      return `-x -a '${value.words.join(' ')}'`;
    case 'providers':
      return "-x -a '(__quoin_dns)'";
    case 'certificates':
      return "-x -a '(__quoin_certificates)'";
    case 'files':
      return '-r -F';
    case 'folders':
      return "-x -a '(__fish_complete_directories)'";
    case 'programs':
      return "-x -a '(__fish_complete_command)'";
    default:
      return '';
  }
}

const quoted = (text: string): string => `'${text.replaceAll(/['\\]/gu, '\\$&')}'`;
