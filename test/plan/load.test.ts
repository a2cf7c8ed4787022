import { readFileSync } from 'node:fs';
import path from 'node:path';
import { loadPlanText } from '../../src/plan/load.js';
import { showPlan } from '../../src/plan/show.js';
import { phaseHash } from '../../src/plan/hash.js';

const sketch = readFileSync(path.join(__dirname, 'sketch.yaml'), 'utf8');
test('x', () => { const p = loadPlanText(sketch, 'sketch.yaml'); const t = showPlan(p); console.log(t); expect(loadPlanText(t, 'x')).toEqual(p); console.log(phaseHash(p,'users'));
  const bad = sketch.replace('twins:  early','twinz:  early').replace('150ms','150m').replace('tables: [users, lobs','tables: [users, users, lobs').replace('risk: critical','risk: ').replace('check: login,', 'check: login, check: x,').replace('Europe/Berlin','Europe/Berlim').replace('approvals: 2,','approvals: 7,').replace('sat, sun','sat, sunn').replace('mapping: keep','mapping: kepe').replace('parallel: 2','parallel: two');
  try { loadPlanText(bad, 'sketch.yaml'); } catch (e) { console.log((e as Error).message, e) }
});
