import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runHttpCheck } from '../../src/checks/http.js';

interface Seen {
  method?: string;
  url?: string;
  headers: IncomingMessage['headers'];
  body: string;
}

describe('an HTTP check', () => {
  let server: Server;
  let address: string;
  let seen: Seen;
  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        seen = { method: request.method, url: request.url, headers: request.headers, body };
        if (request.url === '/silent') return;
        if (request.url === '/away') response.writeHead(302, { location: '/' });
        else response.writeHead(request.url === '/broken' ? 500 : 200);
        response.end('row data that nobody asked for');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const ask = (path: string, more: object = {}, timeout = 5000, signal?: AbortSignal) =>
    runHttpCheck(
      { method: 'get', url: `\${APP}${path}`, body: null, headers: {}, expect: 200, ...more },
      timeout,
      signal,
      { APP: address, TOKEN: 's3c"ret' },
    );

  it('passes where the status is the expected one', async () => {
    expect(await ask('/login')).toMatchObject({ passed: true, said: 'answered 200, expected 200' });
    expect(await ask('/broken', { expect: 500 })).toMatchObject({ passed: true });
  });

  it('says the status that came and nothing of the answer', async () => {
    const result = await ask('/broken');
    expect(result).toMatchObject({ passed: false, said: 'answered 500, expected 200' });
    expect(JSON.stringify(result)).not.toContain('row data');
  });

  it('sees a redirect and does not follow it', async () => {
    expect(await ask('/away')).toMatchObject({ passed: false, said: 'answered 302, expected 200' });
  });

  it('fills variables into address, headers and body when it runs, whatever is in their values', async () => {
    await ask('/login', {
      method: 'post',
      headers: { authorization: 'Bearer ${TOKEN}' },
      body: { token: ['${TOKEN}'], n: 1 },
    });
    expect(seen).toMatchObject({ method: 'POST', url: '/login' });
    expect(seen.headers.authorization).toBe('Bearer s3c"ret');
    expect(seen.headers['content-type']).toBe('application/json');
    expect(JSON.parse(seen.body)).toEqual({ token: ['s3c"ret'], n: 1 });
  });

  it('names a variable that the worker does not have', async () => {
    await expect(ask('/${MISSING}')).rejects.toMatchObject({
      type: 'BadInput',
      code: 'plan.unknown-variable',
      message: expect.stringContaining('MISSING'),
    });
  });

  it('has not passed where nobody answers, and tells no address', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const result = await ask('', { url: `http://127.0.0.1:${port}/?token=\${TOKEN}` });
    expect(result).toMatchObject({ passed: false, said: 'no answer (ECONNREFUSED)' });
  });

  it('has not passed where the answer takes too long', async () => {
    expect(await ask('/silent', {}, 200)).toMatchObject({ passed: false, said: 'no answer within 200 ms' });
  });

  it('ends when the activity is cancelled', async () => {
    const cancel = new AbortController();
    setTimeout(() => cancel.abort(new Error('cancelled')), 100);
    await expect(ask('/silent', {}, 5000, cancel.signal)).rejects.toThrow('cancelled');
  });

  it('with an address that is none has not passed, and does not repeat it', async () => {
    const result = await ask('', { url: 'nowhere/${TOKEN}' });
    expect(result.passed).toBe(false);
    expect(result.said).not.toContain('s3c');
  });
});
