/** A row as a client remembers it: the key as the text that it read, and the reference that never changes. */
export interface Row {
  table: string;
  reference: string;
  key: string;
}

/** A cycle's report: its key is the pair of the two. */
export interface PairRow {
  reference: string;
  cycle: Row;
  report: Row;
}

export interface RowPools {
  users: Row[];
  lobs: Row[];
  cycles: Row[];
  reports: Row[];
  phases: Row[];
  observations: Row[];
  roles: Row[];
  severities: Row[];
  pairs: PairRow[];
}

export function emptyPools(): RowPools {
  return {
    users: [],
    lobs: [],
    cycles: [],
    reports: [],
    phases: [],
    observations: [],
    roles: [],
    severities: [],
    pairs: [],
  };
}

export function isUuidText(key: string): boolean {
  return key.length === 36;
}
