/** Files that look like a kernel's. */

/** The header of an x86 image, without a kernel. */
export function kernelImage(
  { flags = 1, magic = "HdrS", release = "6.12.117+deb13-amd64 (a@b) #1" } = {},
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(0x1000);
  const view = new DataView(bytes.buffer);
  const write = (text: string, at: number) => bytes.set(new TextEncoder().encode(text), at);
  view.setUint16(0x1fe, 0xaa55, true);
  write(magic, 0x202);
  view.setUint16(0x20e, 0x600, true);
  view.setUint16(0x236, flags, true);
  write(release, 0x800);
  return bytes;
}
