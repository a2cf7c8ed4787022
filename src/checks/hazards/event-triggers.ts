import { quoteIdent } from '../../catalog/quote.js';
import type { Hazard } from '../../errors.js';
import type { Database } from '../database.js';

/**
 * What the database itself runs at each DDL statement, those under the locks of the cutover included: a slow one makes
 * clients wait, and one that refuses parks the step. The trial on empty copies fires them as well, so that a refusal is
 * mostly found there. Those for replica role only never see DDL of Rekey's.
 */
export async function eventTriggers(database: Database): Promise<Hazard[]> {
  const found = await database.query<{ name: string; event: string; fn: string; tags: string[] | null }>(
    `select e.evtname::text as name, e.evtevent::text as event, e.evtfoid::regproc::text as fn, e.evttags as tags
     from pg_catalog.pg_event_trigger e
     where e.evtenabled in ('O', 'A') and e.evtevent <> 'login' order by 1`,
  );
  return found.map(({ name, event, fn, tags }) => ({
    hazard: 'event-trigger',
    rank: 'note',
    on: `event trigger ${name}`,
    message: `${fn} runs at ${event} of each statement of Rekey's${tags ? ` that is one of ${tags.join(', ')}` : ''}, under the locks of the cutover, too`,
    remedy: `see that it refuses nothing and is quick; if not, alter event trigger ${quoteIdent(name)} disable until cleanup is done`,
  }));
}
