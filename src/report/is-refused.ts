import { connect } from 'node:net';

const proxies = ['grpc_proxy', 'https_proxy', 'http_proxy'];

/**
 * Nobody listens at `host:port`: the Temporal client would try again until its time is up, and the operator wait for it.
 * False where that can't be told at once. Never throws.
 */
export function isRefused(address: string): Promise<boolean> {
  const [, host, port] = /^\[?([^[\]/]+?)\]?:(\d+)$/.exec(address) ?? [];
  if (host === undefined || proxies.some((name) => process.env[name])) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), timeout: 1_000 });
    const end = (refused: boolean) => {
      socket.destroy();
      resolve(refused);
    };
    socket.once('connect', () => end(false));
    socket.once('timeout', () => end(false));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED'));
  });
}
