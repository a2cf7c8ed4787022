import type { CatalogObject } from '../catalog/model.js';
import type { ColumnAttributes } from '../kinds/column-attributes.js';

/**
 * Where a key is adopted two columns become one, which gets the attributes of both; of two comments, or statistics
 * targets, the later one. `place` says which column an object's attributes go to. Pure.
 */
export function mergeAttributes(
  objects: CatalogObject[],
  place: (object: ColumnAttributes) => string,
): CatalogObject[] {
  const found = new Map<string, CatalogObject>();
  for (const object of objects) {
    const isAttributes = object.kind === 'column-attributes';
    const key = isAttributes ? `attributes ${place(object as ColumnAttributes)}` : object.id;
    const before = found.get(key) as ColumnAttributes | undefined;
    found.set(key, before && isAttributes ? both(before, object as ColumnAttributes) : object);
  }
  return [...found.values()];
}

function both(before: ColumnAttributes, next: ColumnAttributes): ColumnAttributes {
  const isNew = (p: ColumnAttributes['privileges'][number]) =>
    !before.privileges.some((q) => q.grantee === p.grantee && q.privilege === p.privilege);
  return {
    ...before,
    comment: next.comment ?? before.comment,
    statisticsTarget: next.statisticsTarget ?? before.statisticsTarget,
    privileges: [...before.privileges, ...next.privileges.filter(isNew)],
  };
}
