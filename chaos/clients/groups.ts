import { seeded } from '../random.js';
import type { Group, Operation, Surroundings } from './attempt.js';
import type { ClientUrls } from './database.js';
import { deleteOperations } from './operations/deletes.js';
import { keyOperations } from './operations/keys.js';
import { ormOperations } from './operations/orm.js';
import { otherOperations } from './operations/others.js';
import { positionOperations } from './operations/positions.js';
import { transactionOperations } from './operations/transactions.js';
import { upsertOperations } from './operations/upserts.js';
import type { TableName } from './tables.js';

interface GroupSettings {
  as: Exclude<keyof ClientUrls, 'superuser' | 'owner'>;
  /** connections */
  lanes: number;
  /** of the rate */
  share: number;
}

/** What their roles may not read: they have keys translated. */
export const unreadable: Partial<Record<Group, TableName[]>> = {
  tenant: ['customers'],
  loader: ['accounts'],
};

export const groups: Record<Group, GroupSettings> = {
  orm: { as: 'app', lanes: 3, share: 0.24 },
  star: { as: 'app', lanes: 1, share: 0.06 },
  position: { as: 'app', lanes: 1, share: 0.05 },
  // all of them at the same moments, on the same values
  upsert: { as: 'app', lanes: 6, share: 0.24 },
  transaction: { as: 'app', lanes: 2, share: 0.12 },
  keys: { as: 'app', lanes: 2, share: 0.1 },
  delete: { as: 'app', lanes: 2, share: 0.08 },
  copy: { as: 'app', lanes: 1, share: 0.02 },
  loader: { as: 'loader', lanes: 1, share: 0.04 },
  tenant: { as: 'tenant', lanes: 1, share: 0.05 },
  // these come by the clock, see intervalOf
  report: { as: 'reporter', lanes: 1, share: 0 },
  idle: { as: 'app', lanes: 1, share: 0 },
};

export const operations: Operation[] = [
  ...ormOperations,
  ...upsertOperations,
  ...transactionOperations,
  ...keyOperations,
  ...deleteOperations,
  ...otherOperations,
  ...positionOperations,
];

/** Each operation as often as it weighs, in an order of chance that comes round: none has to be waited for for long. */
export function deckOf(group: Group, seed: number): Operation[] {
  const random = seeded(seed);
  return operations
    .filter((operation) => operation.group === group)
    .flatMap((operation) => Array.from({ length: operation.weight }, () => ({ operation, at: random() })))
    .sort((a, b) => a.at - b.at)
    .map(({ operation }) => operation);
}

/** ms from one to the next */
export function intervalOf(group: Group, rate: number, { reportMs, idleMs }: Surroundings): number {
  if (group === 'report') return 3 * reportMs;
  if (group === 'idle') return 3 * idleMs;
  return 1_000 / (rate * groups[group].share);
}
