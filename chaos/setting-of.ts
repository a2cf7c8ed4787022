import type { Setting } from './setting.js';
import { isShopPhase, shopSetting } from './shop-setting.js';
import { testappSetting } from './testapp-setting.js';
import { wholeSetting } from './whole-setting.js';

/** The setting in which this phase is disturbed: of the shop, or of the reference application; null for all phases of both. */
export async function settingOf(
  phase: string | null,
  minutes = false,
): Promise<{ setting: Setting; close: () => Promise<void> }> {
  if (phase === null) return wholeSetting();
  if (isShopPhase(phase)) return { setting: shopSetting(phase, { minutes }), close: async () => undefined };
  return testappSetting(phase, 2_000);
}
