/**
 * Texts that recur in many lines, such as names of events, devices and tasks. The string of each
 * text is created once, and afterwards found by the text's bytes.
 */
const DECODER = new TextDecoder();
/** Size of the hash table, a power of two. */
const HASHES = 1 << 10;
/**
 * Number of a text's last bytes that are hashed. The length is hashed too, because names with equal
 * ends mostly differ in length.
 */
const HASHED_BYTES = 8;

interface KnownText<Value> {
  readonly bytes: Uint8Array;
  readonly value: Value;
  /** The next text with the same hash. */
  readonly next: KnownText<Value> | undefined;
}

export class KnownTexts<Value> {
  #byHash: (KnownText<Value> | undefined)[] = new Array(HASHES).fill(undefined);
  #count = 0;

  /**
   * @param make Makes the value for a text.
   * @param most The largest number of texts that are kept. Damaged files can have any number of
   *   texts; when the limit is reached, the table is emptied.
   */
  constructor(
    private readonly make: (text: string) => Value,
    private readonly most = 1 << 12,
  ) {}

  /** The value for the text of these bytes: always the same object for the same bytes. */
  of(bytes: Uint8Array, start: number, end: number): Value {
    const hash = hashOf(bytes, start, end);
    const first = this.#byHash[hash];
    for (let known = first; known !== undefined; known = known.next) {
      if (isSame(known.bytes, bytes, start, end)) return known.value;
    }
    return this.#add(hash, bytes.slice(start, end), first);
  }

  #add(hash: number, bytes: Uint8Array, first: KnownText<Value> | undefined): Value {
    const value = this.make(DECODER.decode(bytes));
    const isFull = this.#count === this.most;
    if (isFull) this.#byHash.fill(undefined);
    this.#count = isFull ? 1 : this.#count + 1;
    this.#byHash[hash] = { bytes, value, next: isFull ? undefined : first };
    return value;
  }
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  const first = Math.max(start, end - HASHED_BYTES);
  for (let at = first; at < end; at++) hash = Math.imul(hash, 31) + bytes[at]!;
  return (hash ^ hash >>> 10) & HASHES - 1;
}

function isSame(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let at = 0; at < known.length; at++) if (known[at] !== bytes[start + at]) return false;
  return true;
}
