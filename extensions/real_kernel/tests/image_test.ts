import { assertEquals, assertStringIncludes } from "@std/assert";
import { cpioArchive } from "../image/cpio.ts";
import { readBootImage } from "../image/boot_image.ts";
import { pipePrograms } from "../programs.ts";
import { driverProblem, noDriver, NVME_DRIVER, readKernelFiles } from "../image/kernel_files.ts";
import { moduleNeeds } from "../image/module_file.ts";
import { uncompressedImage } from "../image/uncompressed_image.ts";
import { unpack } from "../image/unpacking.ts";
import { kernelImage } from "./kernel_image.ts";
import { gzipSync, zstdCompressSync } from "node:zlib";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytesOf = (content: string) => new TextEncoder().encode(content);

/**
 * Reads an archive as the kernel does. Headers have 110 characters; names and contents are padded to
 * a multiple of 4 bytes.
 */
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

/** An image with two texts, of which the second one is the line with its release. */
function withBanner(image: Uint8Array, release: string): Uint8Array {
  const lines = bytesOf(`Linux version %s\0Linux version ${release} (debian@example) #1\n`);
  return new Uint8Array([...image, ...lines]);
}

Deno.test("an image's header says its release, or why it cannot be booted", () => {
  const arm = new Uint8Array(0x1000);
  arm.set(bytesOf("ARM\x64"), 0x38);
  const riscv = new Uint8Array(0x1000);
  riscv.set(bytesOf("RSC\x05"), 0x38);
  const rows: [string, Uint8Array, string | RegExp][] = [
    ["x86-64", kernelImage(), "6.12.117+deb13-amd64"],
    ["vmlinux", bytesOf("\x7fELF\x02\x01"), /ELF file/],
    ["arm64", withBanner(arm, "7.3.4+deb13-arm64"), "7.3.4+deb13-arm64"],
    ["riscv64", withBanner(riscv, "7.2.13+deb14-riscv64"), "7.2.13+deb14-riscv64"],
    ["riscv64, compressed", riscv, /compressed kernel for riscv64/],
    ["arm64, compressed", arm, /compressed kernel for arm64/],
    ["a text", bytesOf("hello\n"), /no boot header/],
    ["empty", new Uint8Array(), /no boot header/],
    ["32 bits", kernelImage({ flags: 0 }), /32-bit kernel/],
    ["no version", kernelImage({ release: "\0" }), /which release/],
    ["no magic", kernelImage({ magic: "HdrX" }), /no boot header/],
  ];
  for (const [name, bytes, wanted] of rows) {
    const read = readBootImage(bytes);
    const got = read.kind === "wrong" ? read.problem : read.release;
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

const hasXz = await new Deno.Command("sh", { args: ["-c", "command -v xz"], stdout: "null" })
  .output()
  .then(({ success }) => success);

Deno.test("a compressed file that would be too large, is damaged or goes on behind its end is a sentence", async () => {
  const MIB = 2 ** 20;
  const zeros = new Uint8Array(9 * MIB);
  const xz = async (content: Uint8Array<ArrayBuffer>) => {
    const child = new Deno.Command("xz", { args: ["-c"], stdin: "piped", stdout: "piped" }).spawn();
    const { stdout } = (await Promise.all([
      child.output(),
      new Response(content).body!.pipeTo(child.stdin),
    ]))[0];
    return stdout;
  };
  const forms = [
    ["gzip", (content: Uint8Array<ArrayBuffer>) => Promise.resolve(gzipSync(content))],
    ["zstd", (content: Uint8Array<ArrayBuffer>) => Promise.resolve(zstdCompressSync(content))],
    ...hasXz ? [["xz", xz] as const] : [],
  ] as const;
  for (const [name, compress] of forms) {
    const bomb = new Uint8Array(await compress(zeros));
    assertEquals(bomb.length < MIB / 10, true);
    assertEquals(await unpack(bomb, name, 8 * MIB), {
      problem: "has more than 8 MiB when it is decompressed",
    });
    assertEquals(((await unpack(bomb, name, 9 * MIB)) as Uint8Array).length, zeros.length);
    for (const wrong of [bomb.subarray(0, -9), bytesOf("no compressed data"), new Uint8Array(0)]) {
      const found = await unpack(wrong.slice(), name, 9 * MIB) as { problem?: string };
      assertEquals(found.problem?.startsWith("is damaged: "), true, `${name} ${wrong.length}`);
    }
  }
  const behind = new Uint8Array([...gzipSync(bytesOf("module")), 1, 2, 3]);
  assertEquals(await unpack(behind, "gzip", MIB), {
    problem: "is damaged: incorrect header check",
  });
});

/**
 * An ELF file with a note of this type and the name Xen. A note of type 18 contains the entry at
 * which QEMU starts it.
 */
function elf(noteType: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(0x1000);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x7f454c46);
  view.setBigUint64(0x20, 0x40n, true);
  view.setUint16(0x36, 56, true);
  view.setUint16(0x38, 1, true);
  view.setUint32(0x40, 4, true);
  view.setBigUint64(0x48, 0x200n, true);
  view.setBigUint64(0x60, 0x40n, true);
  // Another note, with a padded name, comes before the note of the given type.
  for (const [at, type] of [[0x200, 6], [0x200 + 20, noteType]] as const) {
    view.setUint32(at, 4, true);
    view.setUint32(at + 4, 4, true);
    view.setUint32(at + 8, type, true);
    bytes.set(bytesOf("Xen\0"), at + 12);
  }
  return bytes;
}

/**
 * An image around a compressed kernel.
 * @param size The decompressed size that the image states.
 */
function compressedImage(payload: Uint8Array, size: number | null, protocol = 0x20f) {
  const tail = size === null ? 0 : 4;
  const bytes = new Uint8Array(0x1000 + payload.length + tail);
  bytes.set(kernelImage());
  bytes.set(payload, 0x1000);
  const view = new DataView(bytes.buffer);
  view.setUint8(0x1f1, 3);
  view.setUint16(0x206, protocol, true);
  view.setUint32(0x248, 0x1000 - 4 * 512, true);
  view.setUint32(0x24c, payload.length + tail, true);
  if (size !== null) view.setUint32(bytes.length - 4, size, true);
  return bytes;
}

Deno.test("a kernel is taken out of its image where QEMU can start it, and only there", async () => {
  const [kernel, other] = [elf(18), elf(17)];
  const rows: [string, Uint8Array<ArrayBuffer>, boolean][] = [
    ["zstd", compressedImage(zstdCompressSync(kernel), kernel.length), true],
    // gzip's format contains the size.
    ["gzip", compressedImage(gzipSync(kernel), null), true],
    ["another compression", compressedImage(bytesOf("LZO?"), kernel.length), false],
    ["damaged", compressedImage(zstdCompressSync(kernel).subarray(0, 40), kernel.length), false],
    ["another size", compressedImage(zstdCompressSync(kernel), kernel.length + 1), false],
    ["no PVH entry", compressedImage(zstdCompressSync(other), other.length), false],
    ["no ELF file", compressedImage(zstdCompressSync(bytesOf("hello")), 5), false],
    ["an old protocol", compressedImage(zstdCompressSync(kernel), kernel.length, 0x207), false],
    ["a header alone", kernelImage(), false],
  ];
  for (const [name, bytes, isTaken] of rows) {
    assertEquals(await uncompressedImage(bytes), isTaken ? kernel : null, name);
  }
});

Deno.test({
  name: "two kernels of one package are named as the package has them",
  ignore: !hasPackageTool(),
  fn: async () => {
    const folder = Deno.makeTempDirSync();
    try {
      const tree = `${folder}/tree`;
      Deno.mkdirSync(`${tree}/DEBIAN`, { recursive: true });
      Deno.mkdirSync(`${tree}/boot`);
      const control =
        "Package: two\nVersion: 1\nArchitecture: all\nMaintainer: a\nDescription: b\n";
      Deno.writeTextFileSync(`${tree}/DEBIAN/control`, control);
      for (const name of ["vmlinuz-1", "vmlinuz-2"]) {
        Deno.writeFileSync(`${tree}/boot/${name}`, kernelImage());
      }
      const built = new Deno.Command("dpkg-deb", {
        args: ["--build", "--root-owner-group", tree, `${folder}/two.deb`],
        stdout: "null",
      }).outputSync();
      assertEquals(built.code, 0);
      const result = await readKernelFiles(`${folder}/two.deb`, []);
      assertEquals(
        "problem" in result
          ? result.problem.replace(/one of .*/, "") + namesIn(result.problem)
          : "",
        'There are several kernel images: name "two.deb: boot/vmlinuz-1" "two.deb: boot/vmlinuz-2"',
      );
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});

function hasPackageTool(): boolean {
  try {
    return new Deno.Command("dpkg-deb", { args: ["--version"] }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The quoted names in a message, sorted. */
function namesIn(problem: string): string {
  return [...problem.matchAll(/"[^"]*"/g)].map(([name]) => name).sort().join(" ");
}

Deno.test("the output of a program that is piped into another one has a limit", async () => {
  const forever = ["sh", ["-c", "exec tr x y < /dev/zero"]] as const;
  const into = ["sh", ["-c", "exec cat > /dev/null"]] as const;
  assertEquals(
    await pipePrograms(forever as never, into as never, 2 ** 22),
    { problem: '"sh" writes more than 4 MiB' },
  );
});

Deno.test("a kernel without modules needs the driver built in", () => {
  const NO_DRIVER = noDriver(NVME_DRIVER);
  const kernel = (text: string, modules: readonly string[] = []) => ({
    release: "6.12.117",
    architecture: "x86_64" as const,
    image: bytesOf(text),
    modules: modules.map((name) => ({ name, bytes: new Uint8Array() })),
  });
  assertEquals(driverProblem(kernel("\x7fELF usbcore.quirks")), NO_DRIVER);
  assertEquals(driverProblem(kernel("\x7fELF usbcore.quirks", ["crc64"])), NO_DRIVER);
  assertEquals(driverProblem(kernel("\x7fELF nvme_core.io_timeout")), null);
  assertEquals(driverProblem(kernel("\x7fELF usbcore.quirks", ["nvme_core", "nvme"])), null);
  const network = { device: "e1000e", module: "e1000e", parameters: "e1000e." };
  assertStringIncludes(
    driverProblem(kernel("\x7fELF nvme_core.io_timeout"), network)!,
    "no e1000e driver",
  );
  assertEquals(driverProblem(kernel("\x7fELF e1000e.IntMode"), network), null);
  const arm64 = { ...kernel("MZ"), architecture: "arm64" as const };
  assertEquals(driverProblem(arm64), NO_DRIVER, "an image for arm64 is not compressed");
  // A compressed image: only its boot shows what is built in.
  assertEquals(driverProblem(kernel("MZ")), null);
});
