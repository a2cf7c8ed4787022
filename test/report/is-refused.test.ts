import { createServer, type Server } from 'node:net';
import { isRefused } from '../../src/report/is-refused.js';

describe('An address at which nobody listens', () => {
  let server: Server;
  let address = '';
  beforeAll(async () => {
    server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const at = server.address();
    address = `127.0.0.1:${typeof at === 'object' ? at?.port : ''}`;
  });

  it('is told from one that somebody listens at, and from one that only the client can make sense of', async () => {
    expect(await isRefused(address)).toBe(false);
    expect(await isRefused('dns:///temporal.internal')).toBe(false);
    await new Promise((resolve) => server.close(resolve));
    expect(await isRefused(address)).toBe(true);
  });

  it('is not asked past a proxy, which may well reach it', async () => {
    const before = process.env.grpc_proxy;
    process.env.grpc_proxy = 'http://127.0.0.1:1';
    try {
      expect(await isRefused(address)).toBe(false);
    } finally {
      if (before === undefined) delete process.env.grpc_proxy;
      else process.env.grpc_proxy = before;
    }
  });
});
