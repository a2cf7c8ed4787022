/** What both sides' server is told beyond its defaults: it keeps its data whatever happens. */
const durable = { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on', wal_level: 'replica' };

export interface Settings {
  /** as in the report's headline */
  title: string;
  values: Record<string, string>;
}

/**
 * Two servers, because the ratio depends on them: on the settings that PostgreSQL comes with, the script's one long UPDATE a table waits for
 * the disk and sorts there; on a server with all data in memory and memory to sort in, it gains more than Rekey does.
 */
export const settingsByName: Record<string, Settings> = {
  shipped: { title: 'PostgreSQL as it comes', values: durable },
  tuned: {
    title: 'A server with all data in its memory',
    values: {
      ...durable,
      shared_buffers: '2GB',
      effective_cache_size: '8GB',
      maintenance_work_mem: '512MB',
      work_mem: '32MB',
      max_wal_size: '8GB',
      checkpoint_timeout: '15min',
      random_page_cost: '1.1',
    },
  },
};
