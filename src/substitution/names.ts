import { cutName } from '../catalog/cut-name.js';

export const shadowOfKey = 'uuid_id';
export const shadowName = (column: string): string => cutName(`${column}_uuid`);
export const legacyName = (name: string): string => cutName(`legacy_${name}`);
export const twinName = (name: string): string => cutName(`${name}_uuid`);
/** `~` sorts after every letter: the sync trigger sees what all other BEFORE triggers made of the row. */
export const syncTrigger = (phase: string): string => cutName(`~rekey_${phase}`);
/** `!` sorts before `RI_`: it brings children along before PostgreSQL checks their foreign keys. */
export const followTrigger = (phase: string): string => cutName(`!rekey_${phase}`);
export const syncFunction = (phase: string, table: string): string => cutName(`sync_${phase}:${table}`);
export const followFunction = (phase: string, table: string): string => cutName(`follow_${phase}:${table}`);
export const keyFunction = (table: string): string => cutName(`key_${table}`);
export const keySequence = (table: string): string => cutName(`seq_${table}`);
export const mappingPartition = (table: string): string => cutName(`mapping_${table}`);

/** Names that are taken, by scope; gives each wish the first free form and remembers who asked. */
export class FreeNames {
  private readonly given = new Map<string, string>();

  constructor(private readonly taken: Set<string>) {}

  give(scope: string, wish: string): string {
    const asked = `${scope}\u0000${wish}`;
    const before = this.given.get(asked);
    if (before !== undefined) return before;
    let name = wish;
    for (let n = 2; this.taken.has(`${scope}\u0000${name}`); n++) name = cutName(`${wish}_${n}`);
    this.taken.add(`${scope}\u0000${name}`);
    this.given.set(asked, name);
    return name;
  }
}
