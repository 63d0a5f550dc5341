/** Every byte of the pages that Identify returns, at the offsets of the NVM Express Base Specification 1.4, 5.15. */
import { assertEquals } from "@std/assert";
import {
  activeNamespaces,
  type ControllerIdentity,
  identifyController,
  identifyNamespace,
  namespaceDescriptors,
  type NamespaceIdentity,
} from "./identify.ts";

/** Bytes by their offset; all others of the 4096 are 0. */
type Fields = Readonly<Record<number, number | string | readonly number[]>>;

function page(fields: Fields): Uint8Array {
  const bytes = new Uint8Array(4096);
  for (const [offset, value] of Object.entries(fields)) {
    const part = typeof value === "string"
      ? [...value].map((letter) => letter.charCodeAt(0))
      : typeof value === "number"
      ? [value]
      : value;
    bytes.set(part, Number(offset));
  }
  return bytes;
}

const PLAIN: ControllerIdentity = {
  serial: "ssd",
  version: 0x0001_0400,
  mdtsExponent: 5,
  sgl: false,
  metadataSgl: false,
  shadowDoorbells: false,
  hostMemory: { preferredBytes: 0, minimumBytes: 0, smallestChunkBytes: 0, mostChunks: 0 },
};

/** Figure 247. */
const CONTROLLER: Fields = {
  4: "ssd".padEnd(20),
  24: "dmalab NVMe controller".padEnd(40),
  64: "1".padEnd(8),
  77: 5, // MDTS
  80: [0x00, 0x04, 0x01, 0x00], // VER: 1.4
  111: 1, // CNTRLTYPE: I/O controller
  258: 3, // ACL: four aborts
  259: 3, // AERL: four event requests
  260: 3, // FRMW: one slot, which is read only
  512: [0x66, 0x44], // SQES, CQES: 64 and 16 bytes
  516: [1, 0, 0, 0], // NN
  520: [0b1101, 0], // ONCS: Compare, Dataset Management, Write Zeroes
  525: 1, // VWC
  768: "nqn.2014.08.org.nvmexpress:dmalab:ssd",
};

Deno.test("Identify Controller has these bytes and no others (NVMe figure 247, nvme.md 5.2)", () => {
  assertEquals(identifyController(PLAIN), page(CONTROLLER));
  const units = { preferredBytes: 9 * 4096, minimumBytes: 2 * 4096, smallestChunkBytes: 4096 };
  const hostMemory = { ...units, mostChunks: 4 };
  const all = { ...PLAIN, sgl: true, metadataSgl: true, shadowDoorbells: true, hostMemory };
  // OACS, HMPRE, HMMIN, HMMINDS, HMMAXD, SGLS.
  const more = { 257: 1, 272: 9, 276: 2, 332: 1, 336: 4, 536: [1, 0, 8, 0] };
  assertEquals(identifyController(all), page({ ...CONTROLLER, ...more }));
});

Deno.test("texts of Identify Controller are cut to their fields, and their letters to 7 bits (NVMe 5.15)", () => {
  const long = "x".repeat(300);
  const found = identifyController({ ...PLAIN, serial: long });
  assertEquals(
    found,
    page({
      ...CONTROLLER,
      4: "x".repeat(20),
      768: "nqn.2014.08.org.nvmexpress:dmalab:".padEnd(223, "x"),
    }),
  );
  const wide = identifyController({ ...PLAIN, serial: "\u00e9A" });
  assertEquals([...wide.subarray(4, 7)], [0x69, 0x41, 0x20]);
  assertEquals([...wide.subarray(802, 805)], [0x69, 0x41, 0]);
});

const EUI64 = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const DISK: NamespaceIdentity = {
  blockCount: 0x12_3456_789a,
  blockSizeBytes: 512,
  metadataBytes: 0,
  eui64: EUI64,
};
const COUNT = [0x9a, 0x78, 0x56, 0x34, 0x12, 0, 0, 0];

/** Figure 245. */
const NAMESPACE: Fields = {
  0: COUNT, // NSZE
  8: COUNT, // NCAP
  16: COUNT, // NUSE
  33: 0x09, // DLFEAT: zeros, also by Write Zeroes
  120: [...EUI64],
  128: [0, 0, 9, 0], // LBAF0: no metadata, blocks of 2^9
};

Deno.test("Identify Namespace has these bytes and no others (NVMe figure 245, nvme.md 5.2)", () => {
  const rows: readonly [Partial<NamespaceIdentity>, Fields][] = [
    [{}, {}],
    [{ blockSizeBytes: 4096 }, { 128: [0, 0, 12, 0] }],
    [{ blockSizeBytes: 65536 }, { 128: [0, 0, 16, 0] }],
    // With metadata in a separate buffer.
    [{ metadataBytes: 1 }, { 27: 2, 128: [1, 0, 9, 0] }],
    [{ metadataBytes: 0x1234 }, { 27: 2, 128: [0x34, 0x12, 9, 0] }],
  ];
  for (const [more, fields] of rows) {
    assertEquals(
      identifyNamespace({ ...DISK, ...more }),
      page({ ...NAMESPACE, ...fields }),
      JSON.stringify(more),
    );
  }
});

Deno.test("the lists of namespaces and of their names (NVMe 5.15.2.3, 5.15.2.4, nvme.md 5.2)", () => {
  assertEquals(activeNamespaces(0), page({ 0: 1 }));
  for (const above of [1, 2, 0xffff_fffe]) assertEquals(activeNamespaces(above), page({}));
  // NIDT 1, an EUI-64, and its length.
  assertEquals(namespaceDescriptors(DISK), page({ 0: 1, 1: 8, 4: [...EUI64] }));
});
