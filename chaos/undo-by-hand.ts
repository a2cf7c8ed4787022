import { join } from 'node:path';
import { Final, insist } from './patience.js';
import type { Random } from './random.js';
import type { Setting } from './setting.js';
import type { Stage } from './stage.js';

/** `rekey undo`, killed now and then in the middle, and typed again until it has gone through. */
export async function undoByHand(
  stage: Stage,
  setting: Setting,
  database: string,
  flags: string,
  random: Random,
): Promise<void> {
  const command = `${rekeyCommand(stage)} undo chaos --yes --by chaos ${flags}`;
  const env = {
    REKEY_CONNECTION_CHAOS: setting.ownerUrl(stage, database),
    REKEY_PLANS: join(stage.folder, 'plans'),
    REKEY_BACKUPS: join(stage.folder, 'backups'),
    TEMPORAL_NAMESPACE: stage.temporal.namespace,
    ...setting.variables,
  };
  let kills = Math.floor(random() * 3);
  const ms = 600_000;
  const type = async () => {
    const killAfterMs = kills > 0 ? 300 + Math.floor(random() * 2_000) : null;
    kills -= 1;
    const { code, output } = await stage.type(command, env, killAfterMs);
    if (code !== 0) throw new Error(`undo ended with ${code}: ${output.trim()}`);
  };
  await insist(type, ms, ms).catch((error: Error) => {
    throw new Final(error.message);
  });
}

function rekeyCommand({ root }: Stage): string {
  return __filename.endsWith('.js')
    ? `${process.execPath} ${join(root, 'dist/src/cli/main.js')}`
    : `${process.execPath} -r ${join(root, 'test/setup/register.js')} ${join(root, 'src/cli/main.ts')}`;
}
