import { createHash } from 'node:crypto';
import type { Session } from './session.js';

export type DocumentKind = 'plan' | 'catalog' | 'substitution' | 'statements' | 'schema-dump' | 'fingerprint';

/** Keeps a text under the sha256 of it; the same text again changes nothing. Answers with the hash. */
export async function storeDocument(session: Session, kind: DocumentKind, content: string): Promise<string> {
  const hash = createHash('sha256').update(content).digest('hex');
  await session.query(
    'insert into rekey.document (hash, kind, content) values ($1, $2, $3) on conflict (hash) do nothing',
    [hash, kind, content],
  );
  return hash;
}

export async function readDocument(session: Session, hash: string): Promise<string | null> {
  const [row] = await session.query<{ content: string }>(
    'select content from rekey.document where hash = $1',
    [hash],
  );
  return row?.content ?? null;
}
