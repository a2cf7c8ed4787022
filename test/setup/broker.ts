import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type PostgresServer, startPostgres } from '../../src/servers/postgres.js';
import { startTemporal, type TemporalServer } from '../../src/servers/temporal.js';

/**
 * Lives in jest's main process for the length of a run and starts servers when the first test file asks for them: one
 * PostgreSQL a version, one Temporal. Test files run in processes of their own and ask over HTTP on 127.0.0.1.
 */
export class Broker {
  private readonly postgres = new Map<number, Promise<PostgresServer>>();
  private temporal: Promise<TemporalServer> | null = null;

  private constructor(private readonly http: Server) {}

  static async start(): Promise<Broker> {
    const http = createServer();
    const broker = new Broker(http);
    http.on('request', (request, response) => {
      broker.answer(request.url ?? '').then(
        (value) => response.end(JSON.stringify(value)),
        (error: Error) => {
          response.statusCode = 500;
          response.end(error.message);
        },
      );
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    return broker;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  private async answer(path: string): Promise<unknown> {
    const version = /^\/postgres\/(\d+)$/.exec(path)?.[1];
    if (version !== undefined) return this.startedPostgres(Number(version));
    if (path === '/temporal') {
      this.temporal ??= startTemporal({ keepState: false });
      return this.temporal;
    }
    throw new Error(`the broker knows no ${path}`);
  }

  private startedPostgres(version: number): Promise<PostgresServer> {
    const started =
      this.postgres.get(version) ??
      startPostgres({
        version,
        maxPreparedTransactions: 10,
        preload: ['pg_stat_statements'],
        // all test files together run more than 5,000 kinds of statements, and what one has just run must not be forgotten
        settings: { 'pg_stat_statements.max': '100000' },
      });
    this.postgres.set(version, started);
    return started;
  }

  async stop(): Promise<void> {
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
    const started = [...this.postgres.values(), ...(this.temporal === null ? [] : [this.temporal])];
    for (const server of await Promise.allSettled(started)) {
      if (server.status === 'fulfilled') await server.value.stop();
    }
  }
}
