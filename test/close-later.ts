/** Ten tries of one call wait up to 25 s between them (Temporal's client, grpc-retry). */
const TRIES_MS = 90_000;

/**
 * Closes a client's connection when what nobody waits for any more has ended: the client tries such a call again for some
 * time, and on a closed channel that throws where nobody can catch it, in whichever test file runs by then.
 */
export function closeLater(connection: { close(): Promise<void> }): void {
  setTimeout(() => void connection.close().catch(() => undefined), TRIES_MS).unref();
}
