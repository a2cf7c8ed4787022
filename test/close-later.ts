/**
 * Closes a client's connection when what nobody waits for any more has ended: the client tries such a call again for some
 * seconds, and on a closed channel that throws where nobody can catch it, in whichever test file runs by then.
 */
export function closeLater(connection: { close(): Promise<void> }): void {
  setTimeout(() => void connection.close().catch(() => undefined), 15_000).unref();
}
