import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clientPlan } from '../../chaos/clients/database.js';
import { mergedPlan } from '../../chaos/merged-plan.js';
import { testappDirectory } from '../../examples/testapp/database.js';
import { loadPlanText } from '../../src/plan/load.js';

const [reference, shop] = [readFileSync(join(testappDirectory(), 'plan.yaml'), 'utf8'), clientPlan()];
const [own, shops] = [reference, shop].map((text) => loadPlanText(text, 'plan.yaml'));

describe('The plan of a whole round of chaos', () => {
  test('has every phase of the reference plan as it is, and those of the shop, as they are, before cleanup', () => {
    const { phases, ...rest } = loadPlanText(mergedPlan(reference, shop), 'merged.yaml');
    const expected = [
      ...(own?.phases.slice(0, -1) ?? []),
      ...(shops?.phases.slice(1, -1) ?? []),
      own?.phases.at(-1),
    ];
    expect(phases).toEqual(expected);
    expect(phases.map(({ phase }) => phase).slice(-3)).toEqual(['stock', 'clients', 'cleanup']);
    expect(phases.at(-2)).toMatchObject({ twins: 'late', map: { batch: 200 } });
    const { phases: _, accept = [], ...others } = own ?? {};
    expect(rest).toEqual({ ...others, accept: [...accept, ...(shops?.accept ?? [])] });
  });

  test('is refused where the two make keys differently: no phase can say that for itself', () => {
    expect(() => mergedPlan(reference, shop.replace('version: 7', 'version: 4'))).toThrow(/keys/);
  });
});
