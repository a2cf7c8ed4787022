import Ajv from 'ajv/dist/2019.js';
import { parse } from 'yaml';
import { projectFiles, textOf } from './tracked.js';

interface Service {
  image?: string;
  build?: string;
  command?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  ports?: string[];
}

const compose = parse(textOf('docker-compose.yml')) as { services: Record<string, Service> };
const dockerfile = textOf('Dockerfile');

test('docker-compose.yml is what the Compose Specification allows', () => {
  // it names its draft and its parts in an older draft's way, which ajv refuses; nothing in it refers to those names
  const schema = JSON.parse(textOf('test/house/compose-spec.json'), (key, value) =>
    key === '$schema' || (key === 'id' && typeof value === 'string') ? undefined : value,
  );
  const check = new Ajv({ strict: false, validateFormats: false }).compile(schema);
  check(compose);
  expect(check.errors).toBeNull();
  // the schema is strict enough to be worth asking
  expect(check({ services: { postgres: { imagee: 'postgres' } } })).toBe(false);
});

test('every image is pinned to a version', () => {
  const fromImages = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map((match) => match[1]!);
  const images = [...Object.values(compose.services).map((service) => service.image!), ...fromImages];
  expect(images.length).toBeGreaterThan(4);
  for (const image of images) expect(image).toMatch(/:\d+\.\d+/);
});

test('ports are open to this machine only', () => {
  const ports = Object.values(compose.services).flatMap((service) => service.ports ?? []);
  expect(ports).not.toHaveLength(0);
  for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
});

test('the worker of docker-compose.yml is told everything that .env.example tells a worker, and what the plan asks for', () => {
  const [worker] = textOf('.env.example').split('# ---- demo and tests ----');
  const needed = [...worker!.matchAll(/^([A-Z_]+)=/gm)].map((match) => match[1]!);
  const inPlan = [...textOf('examples/testapp/plan.yaml').matchAll(/\$\{([A-Z_]+)\}/g)].map(
    (match) => match[1]!,
  );
  expect(inPlan).toContain('TESTAPP_URL');
  expect(Object.keys(compose.services.worker!.environment!).sort()).toEqual(
    [...new Set([...needed, ...inPlan])].sort(),
  );
});

test('the hooks and HTTP checks of the example go to a service that listens there', () => {
  const { hostname, port } = new URL(compose.services.worker!.environment!.TESTAPP_URL!);
  const [node, script, ...args] = compose.services[hostname]!.command!;
  expect([node, args]).toEqual(['node', ['--host', '0.0.0.0', '--port', port]]);
  expect(projectFiles()).toContain(script!.replace(/^dist\/(.*)\.js$/, '$1.ts'));
});

test('what the containers run and mount is in the project', () => {
  const files = new Set(projectFiles());
  const makesExample = compose.services.example!.command![0]!;
  expect(files).toContain(makesExample);
  const [, example] = /dist\/(\S+)\.js/.exec(textOf(makesExample))!;
  expect(files).toContain(`${example}.ts`);
  const [, worker] = /^CMD \["node", "(\S+)", "worker"\]/m.exec(dockerfile)!;
  expect(files).toContain(worker);
  expect(files).toContain('examples/testapp/plan.yaml');
  expect(files).toContain(compose.services.worker!.environment!.REKEY_HOOKS!.replace('/app/', ''));
});
