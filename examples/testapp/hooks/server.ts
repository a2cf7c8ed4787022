import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HookCall {
  /** ms since 1970 */
  at: number;
  method: string;
  path: string;
  body: unknown;
}

export interface HookServer {
  /** what TESTAPP_URL is to be */
  url: string;
  /** every request, oldest first */
  calls: HookCall[];
  /** Answers requests for this path with another status from now on; 200 makes it well again. */
  answer(path: string, status: number): void;
  close(): Promise<void>;
}

/**
 * Stands for the application until there is one: takes the hooks' calls and answers the plan's HTTP checks
 * (POST /login, GET /reports, GET /health). Listens on loopback unless told otherwise; port 0 lets the system choose.
 */
export async function startHookServer({
  port = 0,
  host = '127.0.0.1',
}: {
  port?: number;
  host?: string;
} = {}): Promise<HookServer> {
  const calls: HookCall[] = [];
  const statuses = new Map<string, number>();
  const known = /^\/(hooks\/[\w-]+|login|reports|health)$/;

  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    readBody(request).then(
      (body) => {
        calls.push({ at: Date.now(), method: request.method ?? '', path, body });
        const status = statuses.get(path) ?? (known.test(path) ? 200 : 404);
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ status }));
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });

  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    calls,
    answer: (path, status) => statuses.set(path, status),
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return text;
  }
}
