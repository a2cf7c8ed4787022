import { Client } from 'pg';

/** Where the log of the server stood at which time: steps that somebody else times can be measured afterwards. */
export class LogSampler {
  private readonly points: { at: number; bytes: number }[] = [];
  private timer: NodeJS.Timeout | null = null;

  private constructor(private readonly client: Client) {}

  static async start(superuserUrl: string): Promise<LogSampler> {
    const client = new Client({ connectionString: superuserUrl });
    client.on('error', () => undefined);
    await client.connect();
    const sampler = new LogSampler(client);
    await sampler.look();
    sampler.timer = setInterval(() => void sampler.look().catch(() => undefined), 200);
    return sampler;
  }

  /** Bytes of log between two times, ms since the epoch. */
  between(from: number, to: number): number {
    return this.at(to) - this.at(from);
  }

  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.look();
    await this.client.end();
  }

  private async look(): Promise<void> {
    const { rows } = await this.client.query(
      `select (pg_current_wal_insert_lsn() - '0/0')::float8 as bytes, extract(epoch from clock_timestamp()) * 1000 as at`,
    );
    this.points.push({ at: Number(rows[0].at), bytes: rows[0].bytes });
  }

  private at(time: number): number {
    const after = this.points.findIndex((p) => p.at >= time);
    if (after <= 0) return (after === 0 ? this.points[0] : this.points.at(-1))?.bytes ?? 0;
    const [a, b] = [this.points[after - 1], this.points[after]] as [
      { at: number; bytes: number },
      { at: number; bytes: number },
    ];
    return a.bytes + ((b.bytes - a.bytes) * (time - a.at)) / Math.max(1, b.at - a.at);
  }
}
