import net from 'node:net';

/** A statement of a session that is watched: one simple query, or one round of the extended protocol. */
export interface Passing {
  application: string;
  /** of the backend */
  pid: number;
  text: string;
  /** runs a statement of the test's own in this very session, which the client never hears of; values as text */
  ask: (sql: string) => Promise<Record<string, string | null>[]>;
}

export interface Gate {
  /** sessions whose application_name fits are watched, all others pass unseen; Rekey's own unless said */
  application?: RegExp;
  /** before the statement reaches the server; `cut` ends the connection instead */
  before?: (passing: Passing) => Promise<'cut' | undefined>;
  /**
   * after the server has answered, with the state of its transaction: I none, T open, E failed. `swallow` ends the
   * connection, so that the client never learns how its statement ended
   */
  after?: (passing: Passing & { state: string }) => Promise<'swallow' | undefined>;
}

/**
 * Stands between Rekey and PostgreSQL and understands enough of the protocol to stop at every boundary of statements:
 * what a network does to a worker, at a moment of the test's choosing.
 */
export class StatementProxy {
  gate: Gate = {};
  private readonly wires = new Set<Wire>();
  private refusing = false;

  private constructor(
    private readonly server: net.Server,
    readonly target: { host: string; port: number },
  ) {}

  static async start(url: string): Promise<StatementProxy> {
    const { hostname, port } = new URL(url);
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const proxy = new StatementProxy(server, { host: hostname, port: Number(port || 5432) });
    server.on('connection', (socket) => {
      socket.on('error', () => undefined);
      if (proxy.refusing) return socket.destroy();
      const wire = new Wire(proxy, socket);
      proxy.wires.add(wire);
      socket.on('close', () => proxy.wires.delete(wire));
    });
    return proxy;
  }

  /** The same address by way of the proxy. */
  through(url: string): string {
    const changed = new URL(url);
    changed.hostname = '127.0.0.1';
    changed.port = String((this.server.address() as net.AddressInfo).port);
    return changed.href;
  }

  /** Every connection ends, and new ones are refused until `mend`: for the worker the server is gone. */
  cutAll(): void {
    this.refuse();
    for (const wire of this.wires) wire.cut();
  }

  /** What is connected stays. */
  refuse(): void {
    this.refusing = true;
  }

  mend(): void {
    this.refusing = false;
  }

  async stop(): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

class Wire {
  private readonly server: net.Socket;
  private application: string | null = null;
  private watched = false;
  private ready = false;
  private pid = 0;
  private early = Buffer.alloc(0);
  /** of the statement under way */
  private passing: Passing | null = null;
  private answer: Buffer[] = [];
  private asking: { messages: Buffer[]; done: (messages: Buffer[]) => void } | null = null;
  private fromClient = Promise.resolve();
  private answered: (() => void) | null = null;

  constructor(
    private readonly proxy: StatementProxy,
    private readonly client: net.Socket,
  ) {
    this.server = net.connect(proxy.target);
    this.server.setNoDelay(true);
    client.setNoDelay(true);
    this.server.on('error', () => undefined);
    const fromClient = framer((message) => this.onClient(message));
    const fromServer = framer((message) => this.onServer(message));
    client.on('data', (chunk: Buffer) => {
      if (this.watched) fromClient(chunk);
      else {
        if (this.application === null) this.onStartup(chunk);
        this.server.write(chunk);
      }
    });
    this.server.on('data', (chunk: Buffer) => {
      if (this.watched) fromServer(chunk);
      else this.client.write(chunk);
    });
    client.on('close', () => {
      this.server.destroy();
      this.release();
    });
    this.server.on('close', () => {
      this.client.end(Buffer.concat(this.answer));
      this.release();
    });
  }

  cut(): void {
    this.client.destroy();
    this.server.destroy();
  }

  /** Whoever waits for an answer that will not come. */
  private release(): void {
    this.answered?.();
    this.asking?.done([]);
  }

  /** The first messages have no type: a request for encryption, a cancel, or the parameters of a session. */
  private onStartup(chunk: Buffer): void {
    this.early = Buffer.concat([this.early, chunk]);
    while (this.early.length >= 8 && this.early.length >= this.early.readInt32BE(0)) {
      const length = this.early.readInt32BE(0);
      if (this.early.readInt32BE(4) === 196608) {
        const words = this.early.toString('utf8', 8, length).split('\0');
        this.application = words[words.indexOf('application_name') + 1] ?? '';
        this.watched = (this.proxy.gate.application ?? /^rekey /).test(this.application);
        return;
      }
      this.early = this.early.subarray(length);
    }
  }

  private onClient(message: Buffer): void {
    const type = String.fromCharCode(message[0] as number);
    // passwords, data of a COPY and the last farewell are no statements
    if (!this.ready || 'dcfX'.includes(type)) {
      this.server.write(message);
      return;
    }
    this.fromClient = this.fromClient.then(async () => {
      if (this.passing === null) {
        this.passing = this.toPassing(type, message);
        if ((await this.proxy.gate.before?.(this.passing)) === 'cut') return this.cut();
      }
      if (type !== 'Q' && type !== 'S') return void this.server.write(message);
      const answered = new Promise<void>((resolve) => {
        this.answered = resolve;
      });
      this.server.write(message);
      await answered;
    });
  }

  private onServer(message: Buffer): void {
    const type = String.fromCharCode(message[0] as number);
    if (this.asking) {
      this.asking.messages.push(message);
      if (type === 'Z') this.asking.done(this.asking.messages);
      return;
    }
    if (type === 'K') this.pid = message.readInt32BE(5);
    if (this.passing === null || !this.ready) {
      this.client.write(message);
      if (type === 'Z') this.ready = true;
      return;
    }
    this.answer.push(message);
    if (type === 'G') this.flush();
    if (type === 'Z') void this.onAnswer(this.passing, message);
  }

  private async onAnswer(passing: Passing, last: Buffer): Promise<void> {
    const state = String.fromCharCode(last[5] as number);
    const word = await this.proxy.gate.after?.({ ...passing, state });
    this.passing = null;
    if (word === 'swallow') {
      this.answer = [];
      this.cut();
      return;
    }
    this.flush();
    this.answered?.();
  }

  private flush(): void {
    for (const message of this.answer) this.client.write(message);
    this.answer = [];
  }

  private toPassing(type: string, message: Buffer): Passing {
    let text = '';
    if (type === 'Q') text = message.toString('utf8', 5, message.length - 1);
    if (type === 'P') text = message.toString('utf8', message.indexOf(0, 5) + 1).split('\0')[0] as string;
    return { application: this.application ?? '', pid: this.pid, text, ask: (sql) => this.ask(sql) };
  }

  private async ask(sql: string): Promise<Record<string, string | null>[]> {
    const body = Buffer.from(`${sql}\0`);
    const head = Buffer.alloc(5);
    head.write('Q');
    head.writeInt32BE(body.length + 4, 1);
    const messages = await new Promise<Buffer[]>((resolve) => {
      this.asking = { messages: [], done: resolve };
      this.server.write(Buffer.concat([head, body]));
    });
    this.asking = null;
    return rowsOf(messages);
  }
}

function rowsOf(messages: Buffer[]): Record<string, string | null>[] {
  const rows: Record<string, string | null>[] = [];
  let names: string[] = [];
  for (const message of messages) {
    const type = String.fromCharCode(message[0] as number);
    if (type === 'E') throw new Error(message.toString('utf8', 5).replaceAll('\0', ' '));
    if (type === 'T') names = columnsOf(message);
    if (type === 'D') {
      const row: Record<string, string | null> = {};
      let at = 7;
      for (const name of names) {
        const length = message.readInt32BE(at);
        row[name] = length < 0 ? null : message.toString('utf8', at + 4, at + 4 + length);
        at += 4 + Math.max(0, length);
      }
      rows.push(row);
    }
  }
  return rows;
}

function columnsOf(message: Buffer): string[] {
  const names: string[] = [];
  for (let at = 7; at < message.length; at += 19) {
    const end = message.indexOf(0, at);
    names.push(message.toString('utf8', at, end));
    at = end;
  }
  return names;
}

/** Cuts a stream into messages: a type byte and a length. */
function framer(onMessage: (message: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length ? Buffer.concat([rest, chunk]) : chunk;
    while (rest.length >= 5 && rest.length >= 1 + rest.readInt32BE(1)) {
      const end = 1 + rest.readInt32BE(1);
      onMessage(Buffer.from(rest.subarray(0, end)));
      rest = rest.subarray(end);
    }
  };
}
