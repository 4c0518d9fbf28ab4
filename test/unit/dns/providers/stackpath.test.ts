import stackpathFake from '../../../../fixtures/dns/stackpath.ts';
import stackpath from '../../../../src/dns/providers/stackpath.ts';
import { fakeVendor } from './open.ts';
import { renewsSessions } from './sessions.ts';

renewsSessions(stackpath, stackpathFake, /eyJhbGci/);

it('says that the service is closed', async () => {
  const { logged, open } = await fakeVendor(stackpath, stackpathFake());
  await open();
  expect(logged).toEqual([expect.stringMatching(/^warn stackpath: StackPath closed in 2024/u)]);
});
