/** Domain names as the codec writes them: lower case, no trailing dot, dots inside a label escaped (`a\.b.example`). */

const labelsOf = (name: string): readonly string[] => name.match(/(?:\\.|[^.\\])+/gu) ?? [];

/** The name without its first label; the root is the empty string. */
export const parentOf = (name: string): string => labelsOf(name).slice(1).join('.');

/** A name is within itself. */
export function isWithin(name: string, zone: string): boolean {
  if (name === zone || zone === '') return true;
  if (!name.endsWith(`.${zone}`)) return false;
  const depth = labelsOf(zone).length;
  return labelsOf(name).slice(-depth).join('.') === zone;
}
