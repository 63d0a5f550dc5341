/** Records of the Arm SMMUv3, bit by bit as the specification (IHI 0070, 7.3) lays them out. */
import { assert, assertEquals } from "@std/assert";
import { decodeFaultLog } from "./decode_fault_log.ts";
import type { LoggedFault } from "./logged_fault.ts";
import { formatWord64 } from "./word64.ts";

interface RecordFields {
  readonly event: number;
  readonly streamId: bigint;
  /** Bits 31 to 11 of the first word, shifted down to bit 0: SSV, then the substream. */
  readonly low: bigint;
  /** The second word. */
  readonly how: bigint;
  readonly address: bigint;
  readonly fetch: bigint;
}

const UNIT = "arm-smmu-v3 arm-smmu-v3.0.auto:";

function decoded(fields: Partial<RecordFields>): LoggedFault {
  const { address = 0n, event = 0x10, fetch = 0n, how = 0n, low = 0n, streamId = 0x100n } = fields;
  const words = [streamId << 32n | low << 11n | BigInt(event), how, address, fetch];
  const text = [
    `${UNIT} event 0x${event.toString(16).padStart(2, "0")} received:`,
    ...words.map((word) => `${UNIT} \t0x${word.toString(16).padStart(16, "0")}`),
  ].join("\n");
  const read = decodeFaultLog(text);
  assert(read.ok, text);
  return read.fault;
}

const TRANSLATION = 0x10;
const STE_FETCH = 0x03;

Deno.test("a stream is a requester id of 16 bits, with the PCI domain above it", () => {
  for (
    const streamId of [
      0,
      1,
      0x100,
      0x8000,
      0xfffe,
      0xffff,
      0x1_0000,
      0x1_0001,
      0x2_ffff,
      0xffff_ffff,
    ]
  ) {
    const { source, streamId: decodedId } = decoded({ streamId: BigInt(streamId) });
    const domain = streamId > 0xffff ? Math.floor(streamId / 0x1_0000) : null;
    assertEquals([decodedId, source], [streamId, { domain, requesterId: streamId % 0x1_0000 }]);
  }
});

Deno.test("a substream is decoded where its bit says that there is one", () => {
  for (const substream of [0n, 1n, 0x5_5555n, 0xf_ffffn]) {
    assertEquals(decoded({ low: substream << 1n }).pasid, null);
    assertEquals(decoded({ low: substream << 1n | 1n }).pasid, Number(substream));
  }
});

const ACCESS_BITS: readonly (readonly [number, string])[] = [
  [33, "PnU"],
  [34, "InD"],
  [35, "RnW"],
  [39, "S2"],
  [31, "Stall"],
];

Deno.test("each bit of an access is decoded to its name, and the rest of the word to nothing", () => {
  const names = new Map(ACCESS_BITS);
  for (let bit = 0; bit < 64; bit++) {
    if (bit === 40 || bit === 41) continue;
    const { access, flags } = decoded({ how: 1n << BigInt(bit) });
    const name = names.get(bit);
    assertEquals(flags, [...name === undefined ? [] : [name], "CLASS=CD"], `bit ${bit}`);
    assertEquals(access, bit === 35 ? "read" : "write");
  }
  const classes = [0n, 1n, 2n, 3n].map((value) => decoded({ how: value << 40n }).flags);
  assertEquals(classes, [["CLASS=CD"], ["CLASS=TTD"], ["CLASS=IN"], []]);
  const all = decoded({ how: 2n ** 64n - 1n });
  assertEquals(all.flags, ["PnU", "InD", "RnW", "S2", "Stall"]);
  // A record without an input address has none of these fields.
  const { access, address, flags } = decoded({ event: STE_FETCH, how: 2n ** 64n - 1n });
  assertEquals([access, address, flags], [null, null, []]);
});

Deno.test("an address is decoded with all its bits; that of a fetch with bits 51 to 3", () => {
  for (const address of [0n, 1n, 0xfffn, 0x9_0000_f040n, 2n ** 32n - 1n, 2n ** 64n - 1n]) {
    const fault = decoded({ address, fetch: 2n ** 64n - 1n });
    assertEquals(fault.address && BigInt(formatWord64(fault.address).replaceAll("_", "")), address);
    assertEquals(fault.details.fetchAddress, null);
  }
  for (let bit = 0n; bit < 64n; bit++) {
    const { details: { fetchAddress } } = decoded({ event: STE_FETCH, fetch: 1n << bit });
    const fetched = BigInt(formatWord64(fetchAddress!).replaceAll("_", ""));
    assertEquals(fetched, bit >= 3n && bit <= 51n ? 1n << bit : 0n, `bit ${bit}`);
  }
});

Deno.test("an access that was no fetch of an instruction is decoded as one of data, and the other way round", () => {
  const PERMISSION = 0x13;
  const reasons = [0n, 1n << 34n, 1n << 35n, 3n << 34n].map((how) => {
    const { name, reason } = decoded({ event: PERMISSION, how });
    return [reason, name];
  });
  assertEquals(reasons, [
    ["not_writable", "no write permission"],
    ["not_allowed", "no execute permission"],
    ["not_readable", "no read permission"],
    ["not_allowed", "no execute permission"],
  ]);
  assertEquals(decoded({ event: TRANSLATION }).code, TRANSLATION);
});

Deno.test("a number that the words do not have, or that has no name, is reported", () => {
  const text = [
    `${UNIT} event 0x10 received:`,
    ...["0x0000010000000011", "0x0", "0x0", "0x0"].map((word) => `${UNIT} \t${word}`),
  ].join("\n");
  const read = decodeFaultLog(text);
  assert(!read.ok);
  assertEquals(
    read.problem.message,
    'The line says event 0x10, the first word event 0x11, found "0x0000010000000011"',
  );
  assertEquals(read.problem.offset, text.indexOf("0x0000010000000011"));
  assertEquals([decoded({ event: 0x7f }).event, decoded({ event: 0xff }).event], [
    "UNKNOWN",
    "UNKNOWN",
  ]);
});

const OLD = "arm-smmu 5000000.iommu: Unhandled context fault:";
const oldFault = (rest: string): LoggedFault => {
  const read = decodeFaultLog(`${OLD} ${rest}`);
  assert(read.ok, rest);
  return read.fault;
};

Deno.test("the registers of an SMMUv2 are read bit by bit (IHI 0062, SMMU_CBn_FSR and _FSYNR0)", () => {
  const names = new Map([
    [1, "TF"],
    [2, "AFF"],
    [3, "PF"],
    [4, "EF"],
    [5, "TLBMCF"],
    [6, "TLBLKF"],
    [7, "ASF"],
    [8, "UUT"],
    [30, "SS"],
    [31, "MULTI"],
  ]);
  for (let bit = 0; bit < 32; bit++) {
    const status = (2 ** bit).toString(16);
    const { code, flags } = oldFault(
      `fsr=0x${status}, iova=0x1000, fsynr=0x0, cbfrsynra=0x1, cb=3`,
    );
    assertEquals([code, flags], [2 ** bit, names.has(bit) ? [names.get(bit)!] : []], `bit ${bit}`);
    const fault = oldFault(`fsr=0x402, iova=0x1000, fsynr=0x${status}, cbfrsynra=0x1, cb=3`);
    assertEquals(fault.access, bit === 4 ? "write" : "read", `bit ${bit}`);
  }
});

Deno.test("each bit of an SMMUv2's fault status is a reason with a sentence, and the rest is unknown", () => {
  const reasons = new Map([
    [1, ["not_present", "no translation"]],
    [2, ["other", "access flag clear"]],
    [3, ["not_readable", "no read permission"]],
    [4, ["fetch_failed", "page table not readable"]],
    [5, ["other", "conflict in a TLB or configuration cache"]],
    [6, ["other", "conflict in a TLB or configuration cache"]],
    [7, ["address_width", "address too wide"]],
    [8, ["other", "unsupported transaction"]],
  ]);
  for (let bit = 0; bit < 32; bit++) {
    const { reason, name, means } = oldFault(
      `fsr=0x${(2 ** bit).toString(16)}, iova=0x1000, fsynr=0x0, cbfrsynra=0x1, cb=3`,
    );
    assertEquals([reason, name], reasons.get(bit) ?? ["unknown", "no fault bit set"], `bit ${bit}`);
    assertEquals(means.length > 20, true, `bit ${bit}`);
  }
});

Deno.test("the stream of an SMMUv2 has 16 bits, and stands in a register or by itself", () => {
  const streams = ["cbfrsynra=0x0", "cbfrsynra=0xffff", "cbfrsynra=0x10003", "sid=17", ""];
  const streamIds = streams.map((stream) =>
    oldFault(`fsr=0x2, iova=0x10, ${stream} cb=9`).streamId
  );
  assertEquals(streamIds, [0, 0xffff, 3, 17, null]);
  const { access, address, details } = oldFault("fsr=0x2, iova=0xffff_fff0, cb=12");
  assertEquals([access, address, details.contextBank], [null, { high: 0, low: 0xffff_fff0 }, 12]);
  assertEquals(oldFault("iova=0x10").code, null);
});
