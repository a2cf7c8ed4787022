import type { PlanCheck } from '../plan/model.js';
import { fillVariables } from '../plan/variables.js';

type HttpCheck = Extract<PlanCheck['what'], { http: unknown }>['http'];

/** What came of one of the plan's checks that ask somebody else: the application, or a program. */
export interface AskedCheck {
  passed: boolean;
  /** why, in our own words: never what the other side said */
  said: string;
  ms: number;
}

/**
 * Sends one request and compares the status; nothing else of the answer is read or kept. `${NAME}` is filled in here and
 * nowhere earlier, so that neither plan nor journal holds a value. A redirect is an answer like any other.
 * An application that does not answer has not passed. Throws BadInput `plan.unknown-variable`, and the reason of `signal`.
 * @param timeout ms
 */
export async function runHttpCheck(
  check: HttpCheck,
  timeout: number,
  signal?: AbortSignal,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<AskedCheck> {
  signal?.throwIfAborted();
  const fill = (text: string) => fillVariables(text, environment);
  const address = fill(check.url);
  const request = requestOf(check, fill);
  const began = performance.now();
  const limit = AbortSignal.timeout(timeout);
  const end = (passed: boolean, said: string) => ({
    passed,
    said,
    ms: Math.round(performance.now() - began),
  });
  try {
    const response = await fetch(address, {
      ...request,
      redirect: 'manual',
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    await response.body?.cancel().catch(() => undefined);
    return end(response.status === check.expect, `answered ${response.status}, expected ${check.expect}`);
  } catch (error) {
    signal?.throwIfAborted();
    if (limit.aborted) return end(false, `no answer within ${timeout} ms`);
    return end(false, `no answer (${failureCode(error)})`);
  }
}

function requestOf(check: HttpCheck, fill: (text: string) => string): RequestInit {
  const headers = new Headers();
  for (const [name, value] of Object.entries(check.headers)) headers.set(name, fill(value));
  const init: RequestInit = { method: check.method.toUpperCase(), headers };
  if (check.body === null || check.body === undefined) return init;
  if (typeof check.body === 'string') return { ...init, body: fill(check.body) };
  if (!headers.has('content-type')) headers.set('content-type', 'application/json');
  return { ...init, body: JSON.stringify(filled(check.body, fill)) };
}

/** Values are filled in before the text is made, so that a quote in one of them stays inside of it. */
function filled(value: unknown, fill: (text: string) => string): unknown {
  if (typeof value === 'string') return fill(value);
  if (Array.isArray(value)) return value.map((item) => filled(item, fill));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item, fill)]));
}

/** ECONNREFUSED and the like: the message itself may hold the address with its filled-in values. */
function failureCode(error: unknown): string {
  const { cause } = error as { cause?: { code?: unknown; errors?: { code?: unknown }[] } };
  const code = cause?.code ?? cause?.errors?.[0]?.code;
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(code)) return code;
  return error instanceof TypeError && !cause
    ? 'the address or a header is not valid'
    : 'the connection failed';
}
