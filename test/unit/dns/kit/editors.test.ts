import { changeSets } from '../../../../src/dns/kit/change-sets.ts';
import type { TxtRecord } from '../../../../src/dns/kit/contract.ts';
import { direct, perRecord, perRecordSet, wholeZone } from '../../../../src/dns/kit/editors.ts';
import { ProviderError } from '../../../../src/errors.ts';

const zone = { name: 'example.com' };
const record = (name: string, value: string): TxtRecord => ({ name, fqdn: `${name}.example.com`, value, ttl: 60 });
const missing = () => new ProviderError('missing', 'gone', { status: 404 });

describe('perRecord', () => {
  function service() {
    const calls: string[] = [];
    let rows: { id: number; fqdn: string; value: string }[] = [];
    const editor = perRecord({
      async list(_, { fqdn }) {
        calls.push(`list ${fqdn}`);
        if (!rows.some((row) => row.fqdn === fqdn)) throw missing();
        return rows.filter((row) => row.fqdn === fqdn);
      },
      async create(_, { fqdn, value }) {
        calls.push(`create ${value}`);
        rows.push({ id: rows.length, fqdn, value });
      },
      async delete(_, { id, value }) {
        calls.push(`delete ${value}`);
        if (!rows.some((row) => row.id === id)) throw missing();
        rows = rows.filter((row) => row.id !== id);
      },
      commit: async () => calls.push('commit'),
    });
    return { editor, calls, rows: () => rows.map(({ fqdn, value }) => `${fqdn} ${value}`) };
  }

  it('reads each name once, and writes what is missing', async () => {
    const { editor, calls, rows } = service();
    const add = [record('a', '1'), record('a', '2'), record('b', '1'), record('a', '1')];
    await editor.apply(zone, { add, remove: [] });
    expect(rows()).toEqual(['a.example.com 1', 'a.example.com 2', 'b.example.com 1']);
    expect(calls.filter((call) => call.startsWith('list'))).toHaveLength(2);
    expect(calls.at(-1)).toBe('commit');
  });

  it('commits also when there is nothing to change: an earlier run may not have got that far', async () => {
    const { editor, calls } = service();
    await editor.apply(zone, { add: [record('a', '1')], remove: [] });
    calls.length = 0;
    await editor.apply(zone, { add: [record('a', '1')], remove: [] });
    expect(calls).toEqual(['list a.example.com', 'commit']);
  });

  it('removes by value, and takes what is gone for removed', async () => {
    const { editor, rows } = service();
    await editor.apply(zone, { add: [record('a', '1'), record('a', '2')], remove: [] });
    await editor.apply(zone, { add: [], remove: [record('a', '1'), record('b', '1')] });
    expect(rows()).toEqual(['a.example.com 2']);
  });
});

it('perRecord takes a record that went away between reading and deleting for removed, and lets other failures pass', async () => {
  const editor = (error: Error) =>
    perRecord({
      list: async () => [{ value: '1' }],
      create: async () => {},
      delete: () => Promise.reject(error),
    });
  const changes = { add: [], remove: [record('a', '1')] };
  await editor(missing()).apply(zone, changes);
  await expect(editor(new ProviderError('api', 'no')).apply(zone, changes)).rejects.toThrow('no');
});

describe('perRecordSet', () => {
  it('keeps what others wrote, and writes only what changed', async () => {
    const sets = new Map<string, readonly string[]>([['a.example.com', ['theirs']]]);
    const writes: string[] = [];
    const editor = perRecordSet({
      async read(_, { fqdn }) {
        const found = sets.get(fqdn);
        if (!found) throw missing();
        return found;
      },
      async write(_, { fqdn }, values) {
        writes.push(`${fqdn} ${values.join()}`);
        if (values.length > 0) sets.set(fqdn, values);
        else sets.delete(fqdn);
      },
    });
    await editor.apply(zone, { add: [record('a', '1'), record('a', '1'), record('b', '1')], remove: [] });
    await editor.apply(zone, { add: [record('a', '1')], remove: [record('c', '1')] });
    expect(Object.fromEntries(sets)).toEqual({ 'a.example.com': ['theirs', '1'], 'b.example.com': ['1'] });
    expect(writes).toHaveLength(2);
    await editor.apply(zone, { add: [], remove: [record('a', '1'), record('b', '1')] });
    expect(Object.fromEntries(sets)).toEqual({ 'a.example.com': ['theirs'] });
  });
});

describe('wholeZone', () => {
  it('loads once, saves at most once, and gives every foreign row back as it came', async () => {
    let rows: readonly string[] = ['www A 192.0.2.1', 'a TXT theirs'];
    const calls: string[] = [];
    const editor = wholeZone<typeof zone, string>({
      async load() {
        calls.push('load');
        return rows;
      },
      async save(_, all) {
        calls.push('save');
        rows = all;
      },
      toRow: ({ name, value }) => `${name} TXT ${value}`,
      isRow: (row, { name, value }) => row === `${name} TXT ${value}`,
    });
    await editor.apply(zone, { add: [record('a', '1'), record('b', '2'), record('a', '1')], remove: [] });
    expect(rows).toEqual(['www A 192.0.2.1', 'a TXT theirs', 'a TXT 1', 'b TXT 2']);
    await editor.apply(zone, { add: [record('a', '1')], remove: [] });
    expect(calls).toEqual(['load', 'save', 'load']);
    await editor.apply(zone, { add: [], remove: [record('a', '1'), record('b', '2')] });
    expect(rows).toEqual(['www A 192.0.2.1', 'a TXT theirs']);
  });
});

describe('direct', () => {
  it('hands over one value after the other, each once, and takes 404 for removed', async () => {
    const calls: string[] = [];
    const editor = direct({
      add: async (_, { value }) => calls.push(`add ${value}`),
      async remove() {
        throw missing();
      },
    });
    await editor.apply(zone, {
      add: [record('a', '1'), record('a', '1'), record('a', '2')],
      remove: [record('a', '3')],
    });
    expect(calls).toEqual(['add 1', 'add 2']);
  });

  it('lets other failures pass', async () => {
    const editor = direct({
      add: async () => {},
      async remove() {
        throw new ProviderError('api', 'no');
      },
    });
    await expect(editor.apply(zone, { add: [], remove: [record('a', '1')] })).rejects.toThrow('no');
  });
});

describe('changeSets', () => {
  it('hands over in one call what is missing and what is unwanted, as the vendor has it, and nothing when all is well', async () => {
    const written: unknown[] = [];
    const rows = [
      { id: 7, fqdn: 'a.example.com', value: '1' },
      { id: 8, fqdn: 'a.example.com', value: 'theirs' },
      { id: 9, fqdn: 'other.example.com', value: '1' },
    ];
    const asked: (readonly string[])[] = [];
    const editor = changeSets({
      async read(_, fqdns) {
        asked.push(fqdns);
        return rows;
      },
      write: async (_, { add, remove }) => written.push([add.map(({ fqdn, value }) => `${fqdn} ${value}`), remove]),
    });
    await editor.apply(zone, {
      add: [record('a', '2'), record('a', '2'), record('b', '1'), record('a', 'theirs')],
      remove: [record('a', '1'), record('a', 'gone')],
    });
    expect(asked).toEqual([['a.example.com', 'b.example.com']]);
    expect(written).toEqual([[['a.example.com 2', 'b.example.com 1'], [rows[0]]]]);
    await editor.apply(zone, { add: [record('a', 'theirs')], remove: [record('a', 'gone')] });
    expect(written).toHaveLength(1);
  });
});
