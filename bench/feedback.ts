import { layBareFoundation, runBare, runBareStep } from './bare.js';
import { type Urls, withClient } from './database.js';
import { type Load, startLoad } from './load.js';
import { fraction } from './measured.js';
import type { Sizes } from './rows.js';

const rate = 400;

/** What clients noticed of `map`, in ms from when an operation was due; times that are not waits are a few ms. */
export interface MapUnderLoad {
  seconds: number;
  operations: number;
  /** of these, longer than a client may wait for a batch without the next one being shorter */
  over30: number;
  /** 99.9 of 100 operations were faster */
  almostAll: number;
  longest: number;
}

/**
 * `map` under an open loop of clients. `blind`: the role may open as many connections as map has lanes, so that there is
 * none to look for waiting clients from, and batches go by their time alone.
 */
export async function mapUnderLoad(
  urls: Urls,
  connection: string,
  { sizes, blind }: { sizes: Sizes; blind: boolean },
): Promise<MapUnderLoad> {
  process.env[`REKEY_CONNECTION_${connection.toUpperCase()}`] = urls.owner;
  await layBareFoundation(connection);
  await runBare(connection, 'accounts', 'addColumns');
  const limit = (connections: number) =>
    withClient(urls.superuser, (client) =>
      client.query(`alter role bench_owner connection limit ${connections}`),
    );
  const load = await startLoad({
    url: urls.app,
    sizes,
    rate,
    connections: 24,
    seed: 7,
    translator: { uuid: '', integer: '' },
  });
  try {
    if (blind) await limit(lanes);
    const from = Date.now();
    const seconds = await runBareStep(connection, 'accounts', 'map');
    return { ...noticed(load, from, Date.now()), seconds };
  } finally {
    await limit(-1);
    await load.stop();
  }
}

/** Of the plan. */
const lanes = 2;

function noticed(load: Load, from: number, to: number): Omit<MapUnderLoad, 'seconds'> {
  const took = load.timings
    .filter(({ scheduled, ended }) => ended >= from && scheduled <= to)
    .map(({ scheduled, ended }) => ended - scheduled);
  return {
    operations: took.length,
    over30: took.filter((ms) => ms > 30).length,
    almostAll: fraction(took, 0.999),
    longest: Math.max(0, ...took),
  };
}
