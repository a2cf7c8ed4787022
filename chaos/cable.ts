import { connect, createServer, type Server, type Socket } from 'node:net';

/** How the way through it is: open, refused at once, or swallowed (packets vanish, nobody is told). */
export type Way = 'open' | 'refused' | 'swallowed';

/**
 * A cable that can be pulled: passes bytes between a port of 127.0.0.1 and another. `refused` resets what stands and
 * refuses what comes, `swallowed` keeps connections and lets nothing through, as a dead router does; what was swallowed
 * is lost, so these connections are reset once the way is open again.
 */
export class Cable {
  private way: Way = 'open';
  private readonly pairs = new Set<[Socket, Socket]>();
  private constructor(
    private readonly server: Server,
    private readonly target: { host: string; port: number },
  ) {}

  static async to(host: string, port: number): Promise<Cable> {
    const server = createServer({ pauseOnConnect: true });
    const cable = new Cable(server, { host, port });
    server.on('connection', (socket) => cable.pass(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    server.unref();
    return cable;
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  cut(way: Exclude<Way, 'open'>): void {
    this.way = way;
    if (way === 'refused') this.reset();
    else for (const pair of this.pairs) for (const socket of pair) socket.pause();
  }

  mend(): void {
    if (this.way === 'swallowed') this.reset();
    this.way = 'open';
  }

  async close(): Promise<void> {
    this.reset();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private reset(): void {
    for (const pair of this.pairs) for (const socket of pair) socket.resetAndDestroy();
    this.pairs.clear();
  }

  private pass(near: Socket): void {
    near.on('error', () => undefined);
    if (this.way === 'refused') return void near.resetAndDestroy();
    const far = connect(this.target);
    far.on('error', () => undefined);
    const pair: [Socket, Socket] = [near, far];
    this.pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.once('close', () => {
        this.pairs.delete(pair);
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (chunk: Buffer) => far.write(chunk));
    far.on('data', (chunk: Buffer) => near.write(chunk));
    if (this.way === 'open') near.resume();
    else far.pause();
  }
}
