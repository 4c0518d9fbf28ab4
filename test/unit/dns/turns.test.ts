import { hasLimit, limitKey, type Showing, takeTurns } from '../../../src/dns/turns.ts';

const any: Showing = { label: 'any', oneValueAtATime: false };
const one: Showing = { label: 'one', oneValueAtATime: true };
const two: Showing = { label: 'two', oneValueAtATime: false, valuesPerName: 2 };
const at = (fqdn: string, session: Showing, ...values: string[]) =>
  values.map((value) => ({ challenge: { value }, fqdn, session }));
const turns = (places: ReturnType<typeof at>) =>
  takeTurns(places).map((turn) => turn.map(({ value }) => value).join(' '));

it('is one turn where nothing limits the values', () => {
  expect(turns(at('x', any, 'a', 'b', 'c'))).toEqual(['a b c']);
});

it('is no turn without values', () => {
  expect(takeTurns([])).toEqual([]);
});

it('takes one value at a time, whatever its name, of a provider that holds one', () => {
  expect(turns([...at('x', one, 'a'), ...at('y', one, 'b')])).toEqual(['a', 'b']);
});

it('takes so many values of each name, all names side by side', () => {
  const places = [...at('x', two, 'a', 'b', 'c', 'd', 'e'), ...at('y', two, 'f', 'g', 'h')];
  expect(turns(places)).toEqual(['a b f g', 'c d h', 'e']);
});

it('counts a value once that several challenges share', () => {
  expect(turns(at('x', two, 'a', 'a', 'b', 'a'))).toEqual(['a a b a']);
  expect(turns(at('x', one, 'a', 'a'))).toEqual(['a a']);
});

it('holds up nobody but the provider with the limit', () => {
  const places = [...at('x', one, 'a', 'b'), ...at('y', any, 'c', 'd'), ...at('z', two, 'e', 'f', 'g')];
  expect(turns(places)).toEqual(['a c d e f', 'b g']);
});

it('keeps accounts apart', () => {
  const other = { ...two, label: 'two@ORG' };
  expect(turns([...at('x', two, 'a', 'b'), ...at('x', other, 'c', 'd')])).toEqual(['a b c d']);
});

it('knows what must not overlap', () => {
  expect([hasLimit(any), hasLimit(one), hasLimit(two)]).toEqual([false, true, true]);
  expect([limitKey(any, 'x'), limitKey(one, 'x'), limitKey(two, 'x')]).toEqual([undefined, 'one', 'two x']);
});
