const limit = 63;

/** FNV-1a, 32 bits: enough to keep cut names apart, and pure, so that workflows may import this file. */
function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash ^= byte;
    hash = Math.imul(hash, 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, '0');
}

/** A name of Rekey's: one that would exceed PostgreSQL's 63 bytes is cut and ends in a hash, shorter ones stay as they are. */
export function cutName(name: string): string {
  const encoder = new TextEncoder();
  if (encoder.encode(name).length <= limit) return name;
  const tail = `_${shortHash(name)}`;
  let kept = '';
  let bytes = tail.length;
  for (const character of name) {
    bytes += encoder.encode(character).length;
    if (bytes > limit) break;
    kept += character;
  }
  return kept + tail;
}
