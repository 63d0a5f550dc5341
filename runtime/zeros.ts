/**
 * The typed arrays of a machine, several in one large buffer. If each array had a separate buffer,
 * it would cost V8 ten times as much to allocate it, to keep track of it, and to free it.
 */
import { invariant } from "./errno.ts";

/**
 * Bytes of a shared buffer, which lives as long as any of its arrays. An array longer than
 * `MAX_BLOCK_BYTES` has its own buffer.
 */
const SLAB_BYTES = 2 ** 15;
const MAX_BLOCK_BYTES = 2 ** 13;
/** Each array is aligned for the widest element type. */
const ALIGNED_BYTES = 8;

interface ArrayType<A> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, byteOffset: number, length: number): A;
  new (length: number): A;
}

let slab = new ArrayBuffer(0);
let usedBytes = 0;

/**
 * An array of zeros. It shares its buffer with other arrays. Therefore do not post the buffer to a
 * worker, and do not read it from its beginning.
 */
export function zeros<A>(kind: ArrayType<A>, length: number): A {
  invariant(Number.isSafeInteger(length) && length >= 0, "an array has a number of entries");
  const sizeBytes = Math.ceil(length * kind.BYTES_PER_ELEMENT / ALIGNED_BYTES) * ALIGNED_BYTES;
  if (sizeBytes > MAX_BLOCK_BYTES) return new kind(length);
  if (usedBytes + sizeBytes > slab.byteLength) {
    slab = new ArrayBuffer(SLAB_BYTES);
    usedBytes = 0;
  }
  const array = new kind(slab, usedBytes, length);
  usedBytes += sizeBytes;
  return array;
}

/** Copies an array to the beginning of a longer one. */
export function grown<A extends { set(other: ArrayLike<number>): void }>(
  from: ArrayLike<number>,
  into: A,
): A {
  into.set(from);
  return into;
}

/** A `DataView` of an array's bytes, wherever they lie in their buffer. */
export function viewOf({ buffer, byteLength, byteOffset }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
