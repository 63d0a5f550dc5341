/**
 * Recognises a kernel image by its header.
 *
 * @see Documentation/arch/x86/boot.rst, Documentation/arch/arm64/booting.rst and
 *   Documentation/arch/riscv/boot-image-header.rst: the headers
 */

import { Buffer } from "node:buffer";
import type { GuestArchitecture } from "../machine/architectures.ts";

/** The contents of an image's header. */
export type BootImage =
  | { readonly kind: GuestArchitecture; /** `6.12.117+deb13-amd64`. */ readonly release: string }
  | {
    readonly kind: "wrong"; /** Why it cannot be booted here, as a sentence. */
    readonly problem: string;
  };

const BOOT_FLAG_OFFSET = 0x1fe;
const BOOT_FLAG = 0xaa55;
const MAGIC_OFFSET = 0x202;
const VERSION_POINTER_OFFSET = 0x20e;
/** Offset to which the header's pointer to the version is relative: the end of the boot sector. */
const VERSION_BASE = 0x200;
const XLOADFLAGS_OFFSET = 0x236;
const XLF_KERNEL_64 = 1;
const LEAST_BYTES = 0x264;
/** The magic of an uncompressed image, in the header that arm64 and riscv64 have in common. */
const MAGICS = [["arm64", "ARM\x64"], ["riscv64", "RSC\x05"]] as const;
const COMMON_MAGIC_OFFSET = 0x38;
/** The begin of the line with which a kernel starts its log: an uncompressed image contains it. */
const BANNER = "Linux version ";
const MAX_RELEASE_BYTES = 64;

/**
 * Reads the header of a kernel image.
 * @param bytes For x86-64 at least the first 64 KiB of the file, for the others the file.
 */
export function readBootImage(bytes: Uint8Array): BootImage {
  const wrong = (problem: string): BootImage => ({ kind: "wrong", problem });
  const has = (offset: number, text: string) =>
    new TextDecoder().decode(bytes.subarray(offset, offset + text.length)) === text;
  if (has(0, "\x7fELF")) {
    return wrong("It is an ELF file: give the compressed image (bzImage, vmlinuz), not vmlinux");
  }
  const [kind] = MAGICS.find(([, magic]) => has(COMMON_MAGIC_OFFSET, magic)) ?? [];
  if (kind !== undefined) {
    const release = releaseOfBanner(bytes);
    return release === null
      ? wrong(`It is a compressed kernel for ${kind}: give the uncompressed image`)
      : { kind, release };
  }
  if (bytes.length < LEAST_BYTES || !has(MAGIC_OFFSET, "HdrS")) {
    return wrong("It is no kernel image: it has no boot header of x86 (HdrS)");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(BOOT_FLAG_OFFSET, true) !== BOOT_FLAG) {
    return wrong("It is no kernel image: its boot sector has no signature");
  }
  if ((view.getUint16(XLOADFLAGS_OFFSET, true) & XLF_KERNEL_64) === 0) {
    return wrong("It is a 32-bit kernel: only x86-64 kernels are booted");
  }
  const start = VERSION_BASE + view.getUint16(VERSION_POINTER_OFFSET, true);
  const text = new TextDecoder().decode(bytes.subarray(start, start + 256));
  const release = /^[\w.+~-]+/.exec(text)?.[0];
  return release === undefined
    ? wrong("Its header does not say which release it is")
    : { kind: "x86_64", release };
}

/** The release in the first line of a kernel's log, for example `6.12.117+deb13-arm64`. */
function releaseOfBanner(image: Uint8Array): string | null {
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  for (let at = bytes.indexOf(BANNER); at >= 0; at = bytes.indexOf(BANNER, at + 1)) {
    const start = at + BANNER.length;
    const text = bytes.toString("latin1", start, start + MAX_RELEASE_BYTES);
    const release = /^\d[\w.+~-]+(?= \()/.exec(text)?.[0];
    if (release !== undefined) return release;
  }
  return null;
}
