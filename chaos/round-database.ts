import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { insist } from './patience.js';
import type { Setting } from './setting.js';
import type { Stage } from './stage.js';

/** The database of a round, new or copied, and what its workers have to have set to know it. */
export async function prepare(
  stage: Stage,
  setting: Setting,
  database: string,
  base: string | null,
): Promise<void> {
  if (base === null) await setting.create(stage, database);
  else await insist(() => copy(stage, base, database, ownerOf(stage, setting)));
  writeFileSync(join(stage.folder, 'plans', 'chaos.yaml'), setting.plan);
  const owner = new URL(setting.ownerUrl(stage, database));
  owner.port = String(stage.toPostgres.port);
  const scratch = new URL(stage.postgres.superuserUrl);
  scratch.port = owner.port;
  stage.variables = {
    ...setting.variables,
    REKEY_CONNECTION_CHAOS: owner.href,
    REKEY_CONNECTION_CHAOS_SCRATCH: scratch.href,
  };
}

export async function drop(stage: Stage, database: string): Promise<void> {
  await stage.withDatabase('postgres', (client) =>
    client.query(`drop database if exists ${database} with (force)`),
  );
}

async function copy(stage: Stage, base: string, database: string, owner: string): Promise<void> {
  await stage.withDatabase('postgres', async (client) => {
    await client.query(`create database ${database} template ${base} owner ${owner}`);
    // a copied sequence gives the same numbers again after a crash, unless a checkpoint comes before its first use
    await client.query('checkpoint');
  });
}

function ownerOf(stage: Stage, setting: Setting): string {
  return new URL(setting.ownerUrl(stage, 'postgres')).username;
}
