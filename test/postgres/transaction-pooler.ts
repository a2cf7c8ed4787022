import net from 'node:net';
import { Client } from 'pg';

/**
 * A small transaction pooler, as PgBouncer in transaction mode: clients share `size` backends, a backend is theirs
 * until ReadyForQuery says that no transaction is open. It lets every client in and logs in itself with the URL.
 */
export async function startPooler(
  url: string,
  size: number,
  mode: 'transaction' | 'session' = 'transaction',
): Promise<{ port: number; stop: () => Promise<void> }> {
  const sockets = new Set<net.Socket>();
  const idle: Backend[] = [];
  const waiting: ((backend: Backend) => void)[] = [];
  let made = 0;

  const acquire = async (): Promise<Backend> => {
    if (mode === 'session') return connectBackend(url, sockets);
    const free = idle.pop();
    if (free) return free;
    if (made < size) {
      made += 1;
      return connectBackend(url, sockets);
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
    let started = false;
    let work = Promise.resolve();
    const read = framer((message) => {
      work = work.then(async () => {
        if (message[0] === 0x58) return; // Terminate
        backend ??= await acquire();
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
      if (started) return read(chunk);
      started = true;
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

/** pg logs in, then its socket is ours. */
async function connectBackend(url: string, sockets: Set<net.Socket>): Promise<Backend> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const socket = (client as unknown as { connection: { stream: net.Socket } }).connection.stream;
  sockets.add(socket);
  socket.removeAllListeners();
  socket.on('error', () => undefined);
  const backend: Backend = { socket, onMessage: () => undefined };
  socket.on(
    'data',
    framer((message) => backend.onMessage(message)),
  );
  return backend;
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
