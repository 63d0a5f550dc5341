import { assertEquals } from "@std/assert";
import { cpioArchive } from "../image/cpio.ts";
import { readBootImage } from "../image/boot_image.ts";
import { moduleNeeds } from "../image/module_file.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytesOf = (content: string) => new TextEncoder().encode(content);

/** Reads an archive as the kernel does: headers of 110 characters, names and contents padded to 4 bytes. */
function unpacked(archive: Uint8Array): [name: string, mode: string, content: string][] {
  const entries: [string, string, string][] = [];
  for (let at = 0; at < archive.length;) {
    assertEquals(text(archive.subarray(at, at + 6)), "070701");
    const field = (index: number) =>
      parseInt(text(archive.subarray(at + 6 + 8 * index, at + 14 + 8 * index)), 16);
    const [mode, sizeBytes, nameBytes] = [field(1), field(6), field(11)];
    const name = text(archive.subarray(at + 110, at + 110 + nameBytes - 1));
    const start = Math.ceil((at + 110 + nameBytes) / 4) * 4;
    entries.push([name, mode.toString(8), text(archive.subarray(start, start + sizeBytes))]);
    at = Math.ceil((start + sizeBytes) / 4) * 4;
  }
  return entries;
}

Deno.test("an initramfs has folders before files, the modes of programs and files, and a trailer", () => {
  const archive = cpioArchive([
    { path: "init", bytes: bytesOf("program"), isExecutable: true },
    { path: "modules/nvme.ko", bytes: bytesOf("m") },
  ]);
  assertEquals(unpacked(archive), [
    ["modules", "40755", ""],
    ["init", "100755", "program"],
    ["modules/nvme.ko", "100644", "m"],
    ["TRAILER!!!", "0", ""],
  ]);
});

/** The header of an x86 image. */
function image({ flags = 1, magic = "HdrS", release = "6.12.117+deb13-amd64 (a@b) #1" } = {}) {
  const bytes = new Uint8Array(0x1000);
  const view = new DataView(bytes.buffer);
  view.setUint16(0x1fe, 0xaa55, true);
  bytes.set(bytesOf(magic), 0x202);
  view.setUint16(0x20e, 0x600, true);
  view.setUint16(0x236, flags, true);
  bytes.set(bytesOf(release), 0x800);
  return bytes;
}

Deno.test("an image's header says its release, or why it cannot be booted", () => {
  const arm = new Uint8Array(0x1000);
  arm.set(bytesOf("ARM\x64"), 0x38);
  const rows: [string, Uint8Array, string | RegExp][] = [
    ["x86-64", image(), "6.12.117+deb13-amd64"],
    ["vmlinux", bytesOf("\x7fELF\x02\x01"), /ELF file/],
    ["arm64", arm, /arm64/],
    ["a text", bytesOf("hello\n"), /no boot header/],
    ["empty", new Uint8Array(), /no boot header/],
    ["32 bits", image({ flags: 0 }), /32-bit kernel/],
    ["no version", image({ release: "\0" }), /which release/],
    ["no magic", image({ magic: "HdrX" }), /no boot header/],
  ];
  for (const [name, bytes, wanted] of rows) {
    const read = readBootImage(bytes);
    const got = read.kind === "x86_64" ? read.release : read.problem;
    assertEquals(
      typeof wanted === "string" ? got === wanted : wanted.test(got),
      true,
      `${name}: ${got}`,
    );
  }
});

Deno.test("a module's needs are its dependencies and those to load before it", () => {
  const modinfo = "\0license=GPL\0depends=nvme-core,t10-pi\0softdep=pre: crc64 post: x\0depends=\0";
  assertEquals(moduleNeeds(bytesOf(modinfo)).depends, ["nvme_core", "t10_pi", "crc64"]);
  assertEquals(moduleNeeds(bytesOf("\0depends=\0")).depends, []);
});
