import { Attempt, type Operation, type Surroundings } from './attempt.js';
import type { RefusedPosition, Retry, TwinRefusal } from './journal-times.js';
import type { Ledger } from './ledger.js';
import { isConnectionLost, isKeysMoved, isPositionsMoved, isTwinDeadlock, type Session } from './session.js';

export interface PerformerOptions {
  /** connections may be lost at any moment; otherwise a lost one is a complaint */
  outages: boolean;
  random: () => number;
  /** server_version_num */
  version: () => number;
}

/** Performs operations, and judges how each of them ended; what only Rekey's journal can judge is kept for it. */
export class Performer {
  readonly counts: Record<string, number> = {};
  readonly sums = { operations: 0, refused: 0, lost: 0, decidedLater: 0 };
  readonly retries: Retry[] = [];
  readonly twinRefusals: TwinRefusal[] = [];
  readonly refusedPositions: RefusedPosition[] = [];
  /** when a check said what NOT NULL says, ms */
  readonly nullsChecked: number[] = [];

  constructor(
    private readonly ledger: Ledger,
    private readonly options: PerformerOptions,
  ) {}

  /** Once, once more where the schema has changed, and where the order of columns was refused with their names; each ends in exactly one of the outcomes that are allowed. */
  async perform(
    operation: Operation,
    session: Session,
    around: Surroundings,
    tag: string,
    turn: number,
  ): Promise<void> {
    this.sums.operations += 1;
    let again = false;
    let named = false;
    for (;;) {
      const attempt = new Attempt(
        session,
        around,
        this.options.random,
        `${tag}${named ? ' named' : ''}${again ? ' again' : ''}`,
        turn,
        named,
      );
      try {
        if (!session.isOpen) await session.open(60_000);
        await this.send(operation, attempt);
        if (operation.refused) this.complain(operation, 'it was not refused', tag);
        attempt.acknowledged();
        this.count(operation);
        return;
      } catch (error) {
        if (isConnectionLost(error)) return this.afterLoss(operation, session, attempt, error);
        if (operation.byPosition && !named && isPositionsMoved(error)) {
          const { code = '' } = error as { code?: string };
          this.refusedPositions.push({ operation: operation.name, code, at: Date.now() });
          this.count(operation, byPosition);
          named = true;
          continue;
        }
        if (!again && isKeysMoved(error)) {
          const since = session.lookedAt;
          try {
            await session.look();
          } catch (second) {
            return this.afterLoss(operation, session, attempt, second);
          }
          const { code = '' } = error as { code?: string };
          const everything = operation.group === 'star';
          this.retries.push({ operation: operation.name, everything, code, since, until: session.lookedAt });
          again = true;
          continue;
        }
        return this.afterRefusal(operation, error, tag);
      }
    }
  }

  /** With outages all that writes is a transaction with a mark: it says afterwards what became of it. */
  private async send(operation: Operation, attempt: Attempt): Promise<void> {
    const { session } = attempt;
    const marked = this.options.outages && operation.kind !== 'read';
    if (!marked && operation.kind !== 'transaction') {
      await operation.run(attempt);
      return;
    }
    await session.run('begin');
    try {
      if (marked) await session.run('insert into marks (tag) values ($1)', [attempt.tag]);
      await operation.run(attempt);
      await session.run('commit');
    } catch (error) {
      if (!isConnectionLost(error)) await session.run('rollback').catch(() => undefined);
      throw error;
    }
  }

  private afterRefusal(operation: Operation, error: unknown, tag: string): void {
    const { code = '', constraint, column, message } = error as Record<string, string | undefined>;
    const on = constraint ?? column ?? '';
    const { refused } = operation;
    if (refused && code === refused.code && [refused.constraint, `${refused.constraint}_uuid`].includes(on)) {
      this.sums.refused += 1;
      this.count(operation);
    } else if (
      this.options.version() < 180_000 &&
      refused?.code === '23502' &&
      on.endsWith('_rekey_not_null')
    ) {
      this.nullsChecked.push(Date.now());
      this.sums.refused += 1;
      this.count(operation);
    } else if (operation.upserts && ((code === '23505' && uniqueTwins.has(on)) || isTwinDeadlock(error))) {
      const index = code === '23505' ? on : null;
      this.twinRefusals.push({ operation: operation.name, index, at: Date.now() });
      this.count(operation, byTwin);
    } else {
      this.complain(operation, `${code} ${on} ${message}`, tag);
    }
  }

  private async afterLoss(
    operation: Operation,
    session: Session,
    attempt: Attempt,
    error: unknown,
  ): Promise<void> {
    if (!this.options.outages) {
      this.complain(operation, `the connection was lost: ${(error as Error).message}`, attempt.tag);
      return;
    }
    if (operation.kind === 'read' || operation.refused) {
      this.sums.lost += 1;
      return;
    }
    const committed = await this.wasCommitted(session, attempt.tag);
    if (committed === null) this.complain(operation, 'what became of it could not be found out', attempt.tag);
    else if (committed) {
      this.sums.decidedLater += 1;
      attempt.acknowledged();
      this.count(operation);
    } else this.sums.lost += 1;
  }

  /**
   * Lays its own hand on the mark: waits for the transaction if it is still under way, and keeps it from being committed
   * after this. Null where no server answers for two minutes.
   */
  private async wasCommitted(session: Session, tag: string): Promise<boolean | null> {
    for (const deadline = Date.now() + 120_000; Date.now() < deadline; ) {
      try {
        await session.open(60_000);
        await session.run('insert into marks (tag, claimed) values ($1, true) on conflict do nothing', [tag]);
        const [mark] = await session.query('select claimed from marks where tag = $1', [tag]);
        return mark?.claimed === false;
      } catch (error) {
        if (!isConnectionLost(error)) throw error;
      }
    }
    return null;
  }

  private count({ name }: Operation, how = ''): void {
    this.counts[name + how] = (this.counts[name + how] ?? 0) + 1;
  }

  private complain(operation: Operation, what: string, tag: string): void {
    this.ledger.complain(
      `${operation.group}: ${operation.name}: ${what} (${tag}, ${new Date().toISOString()})`,
    );
  }
}

/** Stands behind an operation's name where those are counted that a unique twin refused. */
export const byTwin = ': refused by a unique twin';

/** Stands behind an operation's name where those are counted whose columns had to be named. */
export const byPosition = ': refused by position';

/** What stands beside the arbiters of the upserts for a while. */
const uniqueTwins = new Set([
  'entries_account_id_n_key_uuid',
  'codes_pkey_uuid',
  // set aside for the way back: beside an arbiter that is named
  'legacy_codes_pkey',
  // on the way back
  'legacy_entries_account_id_n_key',
]);
