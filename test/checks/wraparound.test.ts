import { startPostgres } from '../../src/servers/postgres.js';
import { Scene } from './fixture.js';

test('a vacuum against wraparound of a member stops the phase', async () => {
  const server = await startPostgres({ own: true, settings: { autovacuum_naptime: '1s' } });
  try {
    const scene = await Scene.open(undefined, server);
    try {
      // slow enough to be seen: a page at a time, and a rest after each
      await scene.db.sql(`alter table orders set (autovacuum_freeze_max_age = 100000, autovacuum_vacuum_cost_delay = 100,
        autovacuum_vacuum_cost_limit = 1)`);
      // transaction ids by the thousand: each block that writes takes one
      await scene.db.sql(`create unlogged table used (n integer);
        do $$ begin for i in 1 .. 101000 loop begin insert into used values (i); exception when others then null; end; end loop; end $$`);
      let found: string[] = [];
      for (const until = Date.now() + 60_000; found.length === 0 && Date.now() < until; )
        found = (await scene.stops()).filter((s) => s.startsWith('wraparound'));
      expect(found).toEqual(['wraparound-vacuum orders']);
    } finally {
      await scene.close();
    }
  } finally {
    await server.stop();
  }
}, 120_000);
