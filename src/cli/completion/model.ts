import type { Argument, Command, Option } from 'commander';
import { aboutCertificates, flagValues, placeholders, type Value } from './values.ts';

/** The program as a shell, or a reader, needs to know it. */
export interface ProgramModel {
  /** The flags that may stand before every command, and behind nearly all. */
  readonly common: readonly FlagModel[];
  readonly root: CommandModel;
}

export interface CommandModel {
  /** `account register`; empty for the program itself. */
  readonly path: string;
  readonly summary: string;
  readonly takesCommon: boolean;
  /** Besides the common ones, or all where those are not taken. */
  readonly flags: readonly FlagModel[];
  readonly below: readonly CommandModel[];
  /** What its words are, where it takes any. */
  readonly argument?: Value | undefined;
  /** As it is typed: `quoin show <name>`. */
  readonly usage: string;
}

export interface FlagModel {
  /** `-d`. */
  readonly short?: string | undefined;
  /** `--domains`. */
  readonly long: string;
  readonly help: string;
  /** Absent: it is a switch. */
  readonly value?: Value | undefined;
  /** What stands in its angle brackets. */
  readonly placeholder: string;
}

const help: FlagModel = { short: '-h', long: '--help', help: 'show help', placeholder: '' };
const version = '--version';

export function modelOf(program: Command): ProgramModel {
  const shared = program.options.filter(({ hidden, long }) => !hidden && long !== version);
  const describe = (command: Command, path: string): CommandModel => {
    const visible = command.options.filter(({ hidden }) => !hidden);
    const declared = new Set(visible.map(({ flags }) => flags));
    const takesCommon = shared.every(({ flags }) => declared.has(flags));
    const own = takesCommon ? visible.filter(({ flags }) => shared.every((one) => one.flags !== flags)) : visible;
    const flags = own.map((option) => flagOf(option, path));
    return {
      path,
      summary: command.description(),
      takesCommon,
      flags: takesCommon ? flags : [...flags, help],
      below: command.commands.map((each) => describe(each, path ? `${path} ${each.name()}` : each.name())),
      argument: argumentOf(command.registeredArguments, path),
      usage: `quoin ${path} ${command.usage()}`.replaceAll(/ +/gu, ' '),
    };
  };
  return { common: [...shared.map((option) => flagOf(option, '')), help], root: describe(program, '') };
}

/** A command and all below it. */
export const allBelow = (command: CommandModel): CommandModel[] => [command, ...command.below.flatMap(allBelow)];
/** All flags that a command takes. */
export const flagsOf = ({ common }: ProgramModel, { takesCommon, flags }: CommandModel): readonly FlagModel[] =>
  takesCommon ? [...common, ...flags] : flags;

function flagOf(option: Option, path: string): FlagModel {
  const { short, flags, description } = option;
  const long = option.long ?? flags;
  const placeholder = /[<[]([^\]>]+)[\]>]/u.exec(flags)?.[1];
  const value = placeholder === undefined ? undefined : afterFlag(option, path, placeholder);
  return { short, long, help: description, value, placeholder: placeholder ?? '' };
}

function afterFlag({ long, argChoices }: Option, path: string, placeholder: string): Value {
  if (argChoices) return { kind: 'words', words: argChoices };
  return flagValues[`${path} ${long}`] ?? flagValues[`${long}`] ?? placeholders[placeholder] ?? { kind: 'text' };
}

function argumentOf([argument]: readonly Argument[], path: string): Value | undefined {
  if (!argument) return undefined;
  if (argument.argChoices) return { kind: 'words', words: argument.argChoices };
  if (aboutCertificates.has(path)) return { kind: 'certificates' };
  return placeholders[argument.name()] ?? { kind: 'text' };
}
