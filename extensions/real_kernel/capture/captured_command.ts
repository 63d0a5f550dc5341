/**
 * Converts a command of 64 bytes, and the PRP and SGL lists of the command, to the form of golden
 * data.
 */

/** A value in a record. */
export type CapturedValue = null | boolean | number | string | readonly CapturedValue[] | {
  readonly [key: string]: CapturedValue;
};

const PAGE_BYTES = 4096;
const ENTRY_BYTES = 8;
const DESCRIPTOR_BYTES = 16;
/** The type byte of a descriptor that points to the last segment. */
const LAST_SEGMENT = 0x30;
/** Value of PSDT: the metadata pointer points to an SGL. */
const METADATA_SGL = 2;

/** The 64-bit words of blocks of descriptors, by their device addresses. */
export type DescriptorBlocks = ReadonlyMap<number, readonly bigint[]>;

export interface CapturedCommand {
  readonly opcode: number;
  readonly cid: number;
  /** First logical block of reads and writes. */
  readonly slba: number;
  readonly record: CapturedValue;
}

/**
 * @param words The command, eight words of 64 bits.
 * @param dataBytes Number of bytes that the command transfers.
 * @returns Null if a list that the command points to was not read.
 */
export function capturedCommand(
  words: readonly bigint[],
  dataBytes: number,
  blocks: DescriptorBlocks,
): CapturedCommand | null {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  words.forEach((word, index) => view.setBigUint64(index * 8, word, true));
  const wide = (at: number) => Number(view.getBigUint64(at, true));
  const [opcode, cid] = [bytes[0]!, view.getUint16(2, true)];
  const psdt = bytes[1]! >>> 6;
  const head = {
    opcode,
    cid,
    nsid: view.getUint32(4, true),
    mptr: wide(16),
    sqe: [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
    psdt,
  };
  const metadata = psdt === METADATA_SGL ? metadataSglRecord(wide(16), blocks) : {};
  const data = psdt === 0
    ? prpRecord(wide(24), wide(32), dataBytes, blocks)
    : sglRecord(words[3]!, words[4]!, blocks);
  if (data === null || metadata === null) return null;
  return { opcode, cid, slba: wide(40), record: { ...head, ...metadata, ...data } };
}

function prpRecord(
  prp1: number,
  prp2: number,
  dataBytes: number,
  blocks: DescriptorBlocks,
): { readonly [key: string]: CapturedValue } | null {
  const behindFirst = dataBytes - (PAGE_BYTES - prp1 % PAGE_BYTES);
  if (behindFirst <= PAGE_BYTES) return { prp1, prp2 };
  const lists: CapturedValue[] = [];
  let left = Math.ceil(behindFirst / PAGE_BYTES);
  for (let dma = prp2; left > 0;) {
    const words = blocks.get(dma);
    if (words === undefined) return null;
    const room = (PAGE_BYTES - dma % PAGE_BYTES) / ENTRY_BYTES;
    const isChained = left > room;
    const entries = words.slice(0, Math.min(left, room)).map(Number);
    lists.push({ dma, entries });
    left -= isChained ? entries.length - 1 : entries.length;
    dma = entries.at(-1)!;
  }
  return { prp1, prp2, prp_lists: lists };
}

function sglRecord(
  low: bigint,
  high: bigint,
  blocks: DescriptorBlocks,
): { readonly [key: string]: CapturedValue } | null {
  const sgl1 = descriptor(low, high);
  if (sgl1.type !== LAST_SEGMENT) return { sgl1 };
  const words = blocks.get(sgl1.addr);
  if (words === undefined) return null;
  const list = Array.from(
    { length: sgl1.len / DESCRIPTOR_BYTES },
    (_, index) => descriptor(words[2 * index]!, words[2 * index + 1]!),
  );
  return { sgl1, sgl_list: list };
}

/** The descriptor at the metadata pointer, and the last segment after it in its block. */
function metadataSglRecord(
  mptr: number,
  blocks: DescriptorBlocks,
): { readonly [key: string]: CapturedValue } | null {
  const words = blocks.get(mptr);
  if (words === undefined) return null;
  const first = descriptor(words[0]!, words[1]!);
  const count = first.type === LAST_SEGMENT ? first.len / DESCRIPTOR_BYTES : 0;
  const list = Array.from(
    { length: count },
    (_, index) => descriptor(words[2 * index + 2]!, words[2 * index + 3]!),
  );
  return { meta_sgl: [first, ...list] };
}

function descriptor(low: bigint, high: bigint) {
  return {
    addr: Number(low),
    len: Number(high & 0xffff_ffffn),
    type: Number(high >> 56n),
  };
}
