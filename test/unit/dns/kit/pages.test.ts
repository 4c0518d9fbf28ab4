import { allPages, type ListPage, type PagePosition, ProviderError, perRecord } from '../../../../src/dns/kit/index.ts';

const missing = () => new ProviderError('missing', 'fake: GET records answered 404', { status: 404 });

/** A vendor with these pages, and what it was asked for. */
function vendor<T>(...pages: (ListPage<T> | Error)[]) {
  const asked: PagePosition[] = [];
  const read = async (at: PagePosition): Promise<ListPage<T>> => {
    const page = pages[asked.length] ?? new Error('asked for a page too many');
    asked.push(at);
    if (page instanceof Error) throw page;
    return page;
  };
  return { read, asked };
}

it.each<[string, ListPage<string>[], string[]]>([
  [
    'tells how many pages there are',
    [
      { items: ['a'], pages: '2' },
      { items: ['b'], pages: 2 },
    ],
    ['a', 'b'],
  ],
  [
    'tells how many items there are',
    [
      { items: ['a', 'b'], total: 3 },
      { items: ['c'], total: '3' },
    ],
    ['a', 'b', 'c'],
  ],
  ['counts wrongly', [{ items: ['a'], total: 9 }, { items: [] }], ['a']],
  [
    'tells where the next page begins',
    [
      { items: ['a'], next: 'x' },
      { items: ['b'], next: '' },
    ],
    ['a', 'b'],
  ],
  [
    'has empty pages in between',
    [{ items: ['a'], next: 'x' }, { items: null, next: 'y' }, { items: ['b'] }],
    ['a', 'b'],
  ],
  [
    'sends the reader in a circle',
    [
      { items: ['a'], next: 'x' },
      { items: ['b'], next: 'x' },
    ],
    ['a', 'b'],
  ],
  ['tells nothing', [{ items: ['a'] }], ['a']],
  ['has nothing', [{ items: undefined, pages: null }], []],
])('reads all pages of a list that %s', async (_, pages, items) => {
  const { read, asked } = vendor(...pages);
  expect(await allPages(read)).toEqual(items);
  expect(asked).toHaveLength(pages.length);
});

it('says which page is wanted by number, by offset and by the mark of the page before', async () => {
  const { read, asked } = vendor({ items: ['a', 'b'], next: 'x' }, { items: ['c'], next: null });
  await allPages(read);
  expect(asked).toEqual([
    { page: 1, offset: 0, cursor: undefined },
    { page: 2, offset: 2, cursor: 'x' },
  ]);
});

it('ends a list of which nothing tells the length where a page brings nothing new', async () => {
  const total = Number.POSITIVE_INFINITY;
  const { read } = vendor({ items: ['a', 'b'], total }, { items: ['b', 'c'], total }, { items: ['c'], total });
  expect(await allPages(read, (item) => item)).toEqual(['a', 'b', 'c']);
});

describe('a list that is missing', () => {
  const record = { name: '_acme-challenge', fqdn: '_acme-challenge.example.com', value: 'v', ttl: 120 };
  async function add(...pages: (ListPage<{ value: string }> | Error)[]) {
    const created: string[] = [];
    const editor = perRecord({
      list: () => allPages(vendor(...pages).read),
      create: async (_, { value }) => created.push(value),
      delete: async () => {},
    });
    await editor.apply({ name: 'example.com' }, { add: [record], remove: [] });
    return created;
  }

  it('holds no records', async () => {
    expect(await add(missing())).toEqual(['v']);
  });

  it('is an error once a page of it has come', async () => {
    const added = add({ items: [{ value: 'v' }], pages: 2 }, missing());
    await expect(added).rejects.toMatchObject({ fault: 'api', message: expect.stringContaining('answered 404') });
  });
});
