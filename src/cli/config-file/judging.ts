import { didYouMean } from '../../closest.ts';
import { isAppError } from '../../errors.ts';
import { parseReference, type Reference, type Source } from './references.ts';
import type { Located } from './shape.ts';

/** What is needed to judge the parts of a file. */
export interface Judging {
  readonly folder: string;
  tell(at: number, message: string): void;
  /** `quoin.yaml:12:5` */
  placeOf(at: number): string;
  /** Told of each secret, and where it comes from. */
  onSecret(reference: Reference): void;
}

/** What a part of the file gives names to; undefined what is wrong there, which has been told. */
export interface Table<T> {
  readonly known: ReadonlyMap<string, T | undefined>;
  /** All names that stand there, whether or not what they stand for is right. */
  readonly names: readonly string[];
}

/** What stands under a name; where none is named, the only thing there is. Undefined when there is none. */
export function refer<T>(
  what: string,
  wanted: Located<string> | undefined,
  at: number,
  { known, names }: Table<T>,
  { tell }: Judging,
): T | undefined {
  const [only = '', ...others] = names;
  const name = wanted?.value ?? only;
  const there = names.length > 0 ? `; there are ${names.join(', ')}` : '';
  if (!wanted && others.length > 0) tell(at, `${what} is missing${there}`);
  else if (wanted && !names.includes(name))
    tell(wanted.at, `there is no ${what} ${name}${didYouMean(name, names) || there}`);
  else return known.get(name);
  return undefined;
}

/** Runs a check that throws an `AppError`, which becomes a problem of the file. */
export function attempt<T>(check: () => T, at: number, { tell }: Judging): T | undefined {
  try {
    return check();
  } catch (error) {
    if (!isAppError(error)) throw error;
    const message = error.message.replace(/^--server /u, '');
    tell(at, error.hint ? `${message}; ${error.hint}` : message);
    return undefined;
  }
}

/** A value of the file, or where it comes from. A secret in clear has to be marked as such. */
export function judgeSource(
  { value, at }: Located<string>,
  secret: boolean,
  { folder, tell, placeOf, onSecret }: Judging,
): Source | undefined {
  try {
    const reference = parseReference(value, folder);
    if (secret && reference.kind === 'plain' && !value.startsWith('plain:'))
      throw new Error('is a secret: write env:NAME, file:PATH or exec:COMMAND; in clear it is plain:SECRET');
    if (secret) onSecret(reference);
    return { reference, secret, place: placeOf(at) };
  } catch (error) {
    tell(at, (error as Error).message);
    return undefined;
  }
}
