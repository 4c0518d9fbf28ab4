/**
 * `npm run bench`: quoin beside its peers and beside the floor, each from an empty folder to a stored certificate, in one
 * run; the tables go into docs/performance.md. `-- --quick` measures once, leaves out what takes minutes, and only prints.
 * Needs root (port 53, mount namespaces) and Debian's packages: `tools/install-lab.sh --bench` installs them.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Client, clients } from './clients.ts';
import { type BenchLab, type Dns, startBenchLab } from './lab.ts';
import { measureMany } from './many.ts';
import { measure, median, type Sample } from './measure.ts';
import { page, type Row } from './page.ts';
import { measureStart } from './start.ts';

const quick = process.argv.includes('--quick');
const SIZES = [1, 2, 10, 50, 100] as const;
const SLOW_IN_QUICK = 10;
/** Runs of one case; the median counts. A run of minutes is made once. */
const runsOf = ({ name }: Client, size: number): number => {
  if (quick) return 1;
  if (name === 'floor' || name === 'quoin') return 7;
  return size <= 2 ? 3 : 1;
};

const namesOf = (size: number, zone: string): string[] =>
  size === 2 ? [zone, `*.${zone}`] : Array.from({ length: size }, (_, index) => `n${index + 1}.${zone}`);

async function cases(lab: BenchLab, client: Client, size: number): Promise<Row> {
  const samples: Sample[] = [];
  try {
    for (let run = 0; run < runsOf(client, size); run += 1) {
      samples.push(await measure(client, lab, namesOf(size, lab.zone)));
    }
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return { client, dns: lab.dns, size, failed: true };
  }
  const row = { client, dns: lab.dns, size, sample: median(samples), runs: samples.length };
  process.stderr.write(`${lab.dns} ${client.name} ${size}: ${row.sample.wall.toFixed(2)} s\n`);
  return row;
}

const sizesOf = ({ slow }: Client) => SIZES.filter((size) => !(quick && slow && size > SLOW_IN_QUICK));

/** lego sleeps nearly all the time: each of its cases has a lab of its own, beside everything else. */
const asleep = async (dns: Dns): Promise<Row[]> =>
  Promise.all(
    clients
      .filter((client) => client.slow && client.dns.includes(dns))
      .flatMap((client) =>
        sizesOf(client).map(async (size) => {
          const lab = await startBenchLab(dns);
          try {
            return await cases(lab, client, size);
          } finally {
            await lab.stop();
          }
        }),
      ),
  );

async function awake(dns: Dns): Promise<Row[]> {
  const lab = await startBenchLab(dns);
  const rows: Row[] = [];
  try {
    for (const client of clients.filter((one) => !one.slow && one.dns.includes(dns))) {
      for (const size of sizesOf(client)) rows.push(await cases(lab, client, size));
    }
  } finally {
    await lab.stop();
  }
  return rows;
}

const started = performance.now();
const start = measureStart(quick ? 5 : 31);
const many = await measureMany(quick ? 100 : 1000, quick ? 3 : 15);
const background = [asleep('BIND'), asleep('PowerDNS')];
const rows = [...(await awake('BIND')), ...(await awake('PowerDNS')), ...(await Promise.all(background)).flat()];
const text = page({ rows, start, many, sizes: SIZES, seconds: (performance.now() - started) / 1000 });
if (quick) process.stdout.write(text);
else writeFileSync(fileURLToPath(new URL('../../docs/performance.md', import.meta.url)), text);
if (rows.some(({ failed }) => failed)) process.exitCode = 1;
