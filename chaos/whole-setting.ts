import { mergedPlan } from './merged-plan.js';
import type { Load, LoadVerdict, Setting } from './setting.js';
import { shopSetting } from './shop-setting.js';
import { testappSetting } from './testapp-setting.js';

/**
 * The whole reference plan, and beside the reference application, in the same database and of the same owner, the shop
 * with its clients of every kind: its tables are two more phases before cleanup.
 */
export async function wholeSetting(): Promise<{ setting: Setting; close: () => Promise<void> }> {
  const { setting, close } = await testappSetting(null, 2_000);
  return { setting: beside(setting, shopSetting(null, { owner: 'testapp_owner' })), close };
}

/** Both at once: what one makes, runs and finds, and then the other. Their phases have different names, but the two ends. */
function beside(first: Setting, second: Setting): Setting {
  return {
    ...first,
    phases: first.phases.toSpliced(-1, 0, ...second.phases.slice(1, -1)),
    plan: mergedPlan(first.plan, second.plan),
    variables: { ...first.variables, ...second.variables },
    create: async (stage, database) => {
      await first.create(stage, database);
      await second.create(stage, database);
    },
    startLoad: async (stage, database, seed) => {
      const loads = [
        await first.startLoad(stage, database, seed),
        await second.startLoad(stage, database, seed),
      ];
      return { stop: () => stopAll(loads) };
    },
  };
}

async function stopAll(loads: Load[]): Promise<LoadVerdict> {
  const verdicts = await Promise.all(loads.map((load) => load.stop()));
  return {
    complaints: verdicts.flatMap(({ complaints }) => complaints),
    operations: verdicts.reduce((sum, { operations }) => sum + operations, 0),
    retried: verdicts.reduce((sum, { retried }) => sum + retried, 0),
  };
}
