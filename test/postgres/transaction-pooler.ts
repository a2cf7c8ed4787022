import net from 'node:net';

/**
 * A small transaction pooler, as PgBouncer in transaction mode: clients share `size` backends, a backend is theirs
 * until ReadyForQuery says that no transaction is open. Trust authentication only.
 */
export async function startPooler(
  target: { host: string; port: number },
  size: number,
  mode: 'transaction' | 'session' = 'transaction',
): Promise<{ port: number; stop: () => Promise<void> }> {
  const sockets = new Set<net.Socket>();
  const idle: Backend[] = [];
  const waiting: ((backend: Backend) => void)[] = [];
  let made = 0;

  const acquire = async (startup: Buffer): Promise<Backend> => {
    if (mode === 'session') return connectBackend(target, startup, sockets);
    const free = idle.pop();
    if (free) return free;
    if (made < size) {
      made += 1;
      return connectBackend(target, startup, sockets);
    }
    return new Promise((resolve) => waiting.push(resolve));
  };
  const release = (backend: Backend) => {
    const next = waiting.shift();
    if (next) next(backend);
    else idle.push(backend);
  };

  const server = net.createServer((client) => {
    sockets.add(client);
    client.on('error', () => undefined);
    let backend: Backend | null = null;
    let startup: Buffer | null = null;
    let work = Promise.resolve();
    const read = framer((message) => {
      work = work.then(async () => {
        if (message[0] === 0x58) return; // Terminate
        backend ??= await acquire(startup as Buffer);
        const mine = backend;
        mine.onMessage = (answer) => {
          client.write(answer);
          const outside = answer[0] === 0x5a && answer[5] === 0x49;
          if (!outside || mode === 'session') return;
          mine.onMessage = () => undefined;
          backend = null;
          release(mine);
        };
        mine.socket.write(message);
      });
    });
    client.on('data', (chunk: Buffer) => {
      if (startup) return read(chunk);
      startup = chunk;
      const key = Buffer.alloc(13);
      key.write('K');
      key.writeInt32BE(12, 1);
      key.writeInt32BE(424_242, 5);
      client.write(
        Buffer.concat([
          Buffer.from('R\0\0\0\x08\0\0\0\0', 'latin1'),
          key,
          Buffer.from('Z\0\0\0\x05I', 'latin1'),
        ]),
      );
    });
    client.on('close', () => {
      if (mode === 'session') backend?.socket.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Backend {
  socket: net.Socket;
  onMessage: (message: Buffer) => void;
}

async function connectBackend(
  target: net.NetConnectOpts,
  startup: Buffer,
  sockets: Set<net.Socket>,
): Promise<Backend> {
  const socket = net.connect(target);
  sockets.add(socket);
  socket.on('error', () => undefined);
  return new Promise((resolve) => {
    const backend: Backend = {
      socket,
      onMessage: (message) => {
        if (message[0] === 0x5a) resolve(backend);
      },
    };
    socket.on(
      'data',
      framer((message) => backend.onMessage(message)),
    );
    socket.write(startup);
  });
}

/** Cuts a stream into messages: a type byte and a length. */
function framer(onMessage: (message: Buffer) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 5 && rest.length >= 1 + rest.readInt32BE(1)) {
      const end = 1 + rest.readInt32BE(1);
      onMessage(Buffer.from(rest.subarray(0, end)));
      rest = rest.subarray(end);
    }
  };
}
