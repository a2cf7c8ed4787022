import { parseArgs } from 'node:util';
import { startHookServer } from './server.js';

const usage = `usage: main.js [--host 127.0.0.1] [--port 8080]
Stands for the reference application: answers the hooks and HTTP checks of plan.yaml until Ctrl-C.`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '8080' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(usage);
  const server = await startHookServer({ host: values.host, port: Number(values.port) });
  console.log(`TESTAPP_URL=${server.url}`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void server.close().then(() => process.exit(0)));
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
