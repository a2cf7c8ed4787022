import type { AnyKind } from '../catalog/kind.js';
import { check } from './check.js';
import { columnAttributes } from './column-attributes.js';
import { defaultValue } from './default.js';
import { exclusion } from './exclusion.js';
import { extendedStatistics } from './extended-statistics.js';
import { foreignKey } from './foreign-key.js';
import { functionKind } from './function.js';
import { generatedColumn } from './generated-column.js';
import { notNull } from './not-null.js';
import { plainIndex } from './plain-index.js';
import { policy } from './policy.js';
import { rule } from './rule.js';
import { trigger } from './trigger.js';
import { uniqueKey } from './unique-key.js';
import { view } from './view.js';

/** Every kind that Rekey knows. A new kind is a file and a line here. */
export const allKinds: AnyKind[] = [
  columnAttributes,
  defaultValue,
  plainIndex,
  uniqueKey,
  notNull,
  check,
  extendedStatistics,
  foreignKey,
  view,
  rule,
  policy,
  trigger,
  generatedColumn,
  exclusion,
  functionKind,
];
