/**
 * FNV-1a hash of a text's UTF-16 units, 32 bits. To continue from the hash of another text, pass
 * that hash as `seed`.
 */
export function hashText(text: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
