import { readFileSync } from 'node:fs';
import path from 'node:path';
import { loadPlanText } from '../../src/plan/load.js';

const sketch = readFileSync(path.join(__dirname, 'sketch.yaml'), 'utf8');
test('x', () => { console.log(JSON.stringify(loadPlanText(sketch, 'sketch.yaml'), null, 1)); });
