import type { TableId } from '../plan/model.js';

/**
 * What a database is, as far as Rekey needs to know: one model, read from pg_catalog, plain data that goes into JSON
 * and back. Object kinds add their objects to it; each says of itself which columns it names.
 */
export interface Catalog {
  /** server_version_num, as 180006 */
  version: number;
  database: string;
  tables: Table[];
  objects: CatalogObject[];
  /** what else has a name that no table or index of its schema can have; not in catalogs that older versions stored */
  relations?: Relation[];
}

/** A view, sequence, composite type or materialized view, or an index on one: all that matters is its name. */
export interface Relation {
  schema: string;
  name: string;
  kind: 'view' | 'materialized view' | 'sequence' | 'composite type' | 'index';
}

export interface Table {
  id: TableId;
  schema: string;
  name: string;
  oid: number;
  kind: 'table' | 'partitioned' | 'foreign';
  isPartition: boolean;
  inherits: boolean;
  persistence: 'permanent' | 'unlogged' | 'temporary';
  owner: string;
  rowSecurity: boolean;
  forceRowSecurity: boolean;
  /** reltuples, -1 where never analyzed */
  estimatedRows: number;
  pages: number;
  /** with indexes and toast */
  bytes: number;
  /** roles that have any privilege on the table or a column, 'public' included, the owner left out */
  grantees: string[];
  columns: Column[];
}

export interface Column {
  num: number;
  name: string;
  /** format_type */
  type: string;
  notNull: boolean;
  /** pg_get_expr */
  default: string | null;
  identity: 'always' | 'by default' | null;
  generated: 'stored' | 'virtual' | null;
  /** the sequence that a serial or identity column owns */
  sequence: {
    schema: string;
    name: string;
    type: string;
    max: string;
    last: string | null;
    increment: number;
  } | null;
  statisticsTarget: number | null;
  comment: string | null;
  privileges: ColumnPrivilege[];
}

export interface ColumnPrivilege {
  /** role name, 'public' for PUBLIC */
  grantee: string;
  privilege: 'select' | 'insert' | 'update' | 'references';
  grantable: boolean;
}

/** What every kind's objects have in common. */
export interface CatalogObject {
  /** name of the kind that reads, twins and re-binds it, as 'index' */
  kind: string;
  /** unique over the catalog and stable: kind, table and name */
  id: string;
  /** the table it stands on or, where it stands on none, null */
  table: TableId | null;
  name: string;
  /** every column that it names */
  names: { table: TableId; column: string }[];
}
