/**
 * Extracts a kernel from its compressed image. QEMU starts the extracted kernel directly (by its
 * PVH entry), so that no emulated CPU has to decompress it. Decompressing takes a fifth of a bare
 * boot, and more than a third with xz.
 *
 * @see Documentation/arch/x86/boot.rst: `setup_sects`, `payload_offset`, `payload_length`
 */
import { unpack } from "./unpacking.ts";

const SETUP_SECTORS_OFFSET = 0x1f1;
/** Number of setup sectors if the header's `setup_sects` is 0. */
const OLD_SETUP_SECTORS = 4;
const SECTOR_BYTES = 512;
const PROTOCOL_OFFSET = 0x206;
/** The first version of the boot protocol with the payload's position in the header. */
const PAYLOAD_PROTOCOL = 0x208;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
/**
 * Size of the field that contains the payload's decompressed size. The field follows the payload,
 * or ends the gzip data.
 */
const SIZE_BYTES = 4;

/** Limit of a decompressed kernel. Kernels of distributions have some 70 MiB. */
const MAX_KERNEL_BYTES = 2 ** 28;

const GZIP = [0x1f, 0x8b];
const XZ = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];

/**
 * @param image A kernel image for x86-64 with a boot header.
 * @returns An ELF file that QEMU can start. Null if the image has another compression, or if the
 *   kernel has no PVH entry: QEMU then starts the image itself.
 */
export async function uncompressedImage(
  image: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const payload = payloadOf(image);
  if (payload === null) return null;
  const kernel = await decompressed(payload);
  const sizeBytes = viewOf(payload).getUint32(payload.length - SIZE_BYTES, true);
  return kernel?.length === sizeBytes && hasPvhEntry(kernel) ? kernel : null;
}

function payloadOf(image: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | null {
  const view = viewOf(image);
  if (view.getUint16(PROTOCOL_OFFSET, true) < PAYLOAD_PROTOCOL) return null;
  const sectors = image[SETUP_SECTORS_OFFSET] || OLD_SETUP_SECTORS;
  const start = (sectors + 1) * SECTOR_BYTES + view.getUint32(PAYLOAD_OFFSET, true);
  const payload = image.subarray(start, start + view.getUint32(PAYLOAD_LENGTH, true));
  return payload.length > SIZE_BYTES ? payload : null;
}

async function decompressed(
  payload: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const begins = (magic: readonly number[]) => magic.every((byte, at) => payload[at] === byte);
  const compression = begins(ZSTD) ? "zstd" : begins(GZIP) ? "gzip" : begins(XZ) ? "xz" : null;
  if (compression === null) return null;
  // A gzip payload ends with its size; behind the other ones the size was added.
  const content = compression === "gzip" ? payload : payload.subarray(0, -SIZE_BYTES);
  const unpacked = await unpack(content, compression, MAX_KERNEL_BYTES);
  // Of damaged data nothing is said here: booting the image itself will show the damage.
  return "problem" in unpacked ? null : unpacked;
}

const PROGRAM_HEADERS_OFFSET = 0x20;
const PROGRAM_HEADER_BYTES_OFFSET = 0x36;
const PROGRAM_HEADERS_COUNT = 0x38;
const NOTES = 4;
/** `XEN_ELFNOTE_PHYS32_ENTRY`. */
const PVH_NOTE = 18;
const NOTE_HEAD_BYTES = 12;

/** Whether a kernel's ELF notes contain the PVH entry, by which QEMU starts an ELF file. */
function hasPvhEntry(kernel: Uint8Array<ArrayBuffer>): boolean {
  const view = viewOf(kernel);
  if (kernel.length < PROGRAM_HEADERS_COUNT + 2 || view.getUint32(0) !== 0x7f454c46) return false;
  const start = Number(view.getBigUint64(PROGRAM_HEADERS_OFFSET, true));
  const step = view.getUint16(PROGRAM_HEADER_BYTES_OFFSET, true);
  const count = view.getUint16(PROGRAM_HEADERS_COUNT, true);
  for (let at = start; at < start + count * step && at + 56 <= kernel.length; at += step) {
    if (view.getUint32(at, true) !== NOTES) continue;
    const offset = Number(view.getBigUint64(at + 8, true));
    const end = Math.min(kernel.length, offset + Number(view.getBigUint64(at + 32, true)));
    for (let note = offset; note + NOTE_HEAD_BYTES <= end;) {
      const [nameBytes, contentBytes, type] = [0, 4, 8].map((field) =>
        view.getUint32(note + field, true)
      ) as [number, number, number];
      const name = new TextDecoder().decode(kernel.subarray(note + NOTE_HEAD_BYTES, note + 15));
      if (type === PVH_NOTE && name === "Xen") return true;
      note += NOTE_HEAD_BYTES + aligned(nameBytes) + aligned(contentBytes);
    }
  }
  return false;
}

function aligned(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 4) * 4;
}

function viewOf(bytes: Uint8Array<ArrayBuffer>): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
