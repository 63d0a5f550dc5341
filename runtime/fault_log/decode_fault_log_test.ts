import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { AMD_EVENTS } from "./amd_events.ts";
import { decodeFaultLog } from "./decode_fault_log.ts";
import {
  type FaultLogProblem,
  isAboutMappings,
  type LoggedFault,
  type LoggedReason,
  NO_DETAILS,
  type ReasonEntry,
} from "./logged_fault.ts";
import { formatSource } from "./pci_source.ts";
import { smmuEvent, smmuReason } from "./smmu_events.ts";
import { vtdReason } from "./vtd_reasons.ts";
import { formatWord64, numberOf } from "./word64.ts";

function decoded(text: string): LoggedFault {
  const read = decodeFaultLog(text);
  if (!read.ok) throw new Error(`${read.problem.message} at ${read.problem.offset}`);
  return read.fault;
}

function problem(text: string): FaultLogProblem {
  const read = decodeFaultLog(text);
  assert(!read.ok, text);
  return read.problem;
}

/** Source, access, address, code and reason, as one line. */
function summary(text: string): string {
  const { access, address, code, format, reason, source } = decoded(text);
  return [
    format,
    source === null ? "no source" : formatSource(source),
    access ?? "no access",
    address === null ? "no address" : formatWord64(address),
    code === null ? "no code" : `0x${code.toString(16)}`,
    reason,
  ].join(" ");
}

const VTD = "DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0xff000000 " +
  "[fault reason 0x06] PTE Read access is not set";
const AMD = "AMD-Vi: Event logged [IO_PAGE_FAULT device=01:00.0 domain=0x000e " +
  "address=0xfdf800c0 flags=0x0070]";
const SMMU = `arm-smmu-v3 arm-smmu-v3.0.auto: event 0x10 received:
arm-smmu-v3 arm-smmu-v3.0.auto: \t0x0000210000000010
arm-smmu-v3 arm-smmu-v3.0.auto: \t0x0000020800000000
arm-smmu-v3 arm-smmu-v3.0.auto: \t0x000000090000f040
arm-smmu-v3 arm-smmu-v3.0.auto: \t0x0000000000000000`;

Deno.test("decodeFaultLog() reads VT-d's source, direction, address and reason (appendix A)", () => {
  assertEquals(summary(VTD), "vtd 01:00.0 read 0xff00_0000 0x6 not_readable");
  assertEquals(
    summary(VTD.replace("Read NO", "Write NO").replace("0x06", "0x05")),
    "vtd 01:00.0 write 0xff00_0000 0x5 not_writable",
  );
  assertEquals(decoded(VTD).spec, "VT-d specification, appendix A: 06h");
  assertEquals(decoded(VTD).addressUnitBytes, 4096);
  assertEquals(decoded(VTD).pasid, null);
});

/**
 * Words separated by one blank; the first begins with a capital, the last ends with a letter or
 * digit.
 */
const SENTENCE = /^[A-Z](?:\S| (?=\S)){20,}\w$/;

/** For each reason: the numbers of appendix A that have this reason when the access is a read. */
const VTD_REASONS: Readonly<Record<string, readonly number[]>> = {
  no_entry: [0x01, 0x02, 0x39, 0x41, 0x45, 0x46, 0x51, 0x59],
  bad_entry: [
    ...[0x03, 0x0a, 0x0b, 0x0c, 0x30, 0x31, 0x32, 0x3a, 0x42, 0x43, 0x48, 0x52, 0x5a, 0x5b],
    ...[0x72, 0x7a, 0x7c, 0x90],
  ],
  address_width: [0x04, 0x74, 0x80, 0x83, 0x84],
  not_writable: [0x05, 0x77, 0x85],
  not_readable: [0x06, 0x76, 0x79, 0x86],
  fetch_failed: [
    ...[0x07, 0x08, 0x09, 0x38, 0x40, 0x50, 0x58, 0x70, 0x73, 0x75, 0x78, 0x7b],
  ],
  ats_refused: [0x0d, 0x44, 0x47],
  interrupt_refused: Array.from({ length: 16 }, (_, low) => 0x20 + low),
  not_allowed: [0x5c, 0x5d, 0x81, 0x82],
  not_present: [0x71],
  other: [0x87],
};

Deno.test("decodeFaultLog() knows these reasons, each with a sentence, and no others (VT-d, appendix A; traces.md T.46)", () => {
  const found: Record<string, number[]> = {};
  const groups: Record<string, number[]> = {};
  for (let code = 0; code < 256; code++) {
    const { name, reason } = decoded(VTD.replace("0x06", `0x${code.toString(16)}`));
    if (reason !== "unknown") (found[reason] ??= []).push(code);
    for (const access of ["read", "write", null] as const) {
      assertMatch(vtdReason(code, access).means, SENTENCE);
    }
    const group = /^reason 0x[0-9a-f]{2}, (.*)$/.exec(name)?.[1];
    if (group !== undefined) (groups[group] ??= []).push(code);
  }
  assertEquals(found, VTD_REASONS as never);
  assertEquals(
    (Object.keys(VTD_REASONS) as LoggedReason[]).filter(isAboutMappings).sort(),
    ["address_width", "not_allowed", "not_present", "not_readable", "not_writable"],
  );
  const bounds = Object.entries(groups).map(([group, codes]) => [group, codes[0], codes.at(-1)]);
  assertEquals(bounds, [
    ["DMA remapping", 0x00, 0x1f],
    ["interrupt remapping", 0x27, 0x2f],
    ["scalable mode, root table", 0x33, 0x3f],
    ["scalable mode, context entry", 0x49, 0x4f],
    ["scalable mode, PASID directory", 0x53, 0x57],
    ["scalable mode, PASID table", 0x5e, 0x5f],
    ["scalable mode", 0x60, 0xff],
    ["scalable mode, second-stage table", 0x7d, 0x7f],
  ]);
});

Deno.test("decodeFaultLog() reads refused interrupts, which have no address (VT-d 20h to 26h)", () => {
  const line =
    "DMAR: [INTR-REMAP] Request device [e2:00.0] fault index 0xa00 [fault reason 0x25] B";
  assertEquals(summary(line), "vtd e2:00.0 no access no address 0x25 interrupt_refused");
  assertEquals(
    summary(line.replace("0xa00", "3b").replace("0x25", "38")),
    "vtd e2:00.0 no access no address 0x26 interrupt_refused",
  );
});

Deno.test("decodeFaultLog() reads AMD's flags bit by bit (48882, 2.5)", () => {
  assertEquals(summary(AMD), "amd 01:00.0 write 0xfdf8_00c0 0x70 not_writable");
  const { accessCertain, domainId, flags } = decoded(AMD);
  assertEquals([flags, domainId, accessCertain], [["PR", "RW", "PE"], 14, true]);
  const flagged = (value: string) => decoded(AMD.replace("0x0070", value));
  assertEquals(flagged("0x0050").reason, "not_readable");
  assertEquals(flagged("0x0000").reason, "not_present");
  assertEquals(flagged("0x0020").reason, "not_present");
  assertEquals(flagged("0x0020").access, "write");
  assertEquals(flagged("0x0020").accessCertain, false, "RW counts only where PR is set");
  assertEquals(flagged("0x00b0").reason, "bad_entry");
  assertEquals(flagged("0x0008").reason, "interrupt_refused");
  assertEquals(flagged("0x0052").reason, "not_allowed");
  assertEquals(flagged("0x0052").flags, ["NX", "PR", "PE"]);
  for (let value = 0; value < 512; value++) {
    const { flags, means, name } = flagged(`0x${value.toString(16)}`);
    assertEquals(flags.length, value.toString(2).replaceAll("0", "").length);
    assert(name.length > 5);
    assertMatch(means, SENTENCE, `${value}`);
  }
  assertEquals(
    ["0x0008", "0x0018", "0x0000", "0x0050", "0x0070", "0x0010"].map((value) =>
      flagged(value).name
    ),
    [
      "interrupt entry not present",
      "interrupt not allowed",
      "page not present",
      "no read permission",
      "no write permission",
      "present and permitted",
    ],
  );
});

Deno.test("a fault of AMD is read with all its fields, and the words of its device table entry (48882, 2.5)", () => {
  const { means, ...page } = decoded(
    AMD.replace("flags=0x0070", "pasid=0xfffff flags=0x0070 tag=0xffff") +
      ["0a", "0b", "0c", "0D"].map((word, at) => `\nAMD-Vi: DTE[${at}]: 00000000000000${word}`)
        .join(""),
  );
  const deviceTableEntry = ["0a", "0b", "0c", "0d"].map((word) => word.padStart(16, "0"));
  assertMatch(means, SENTENCE);
  const expected = {
    ...{ format: "amd", event: "IO_PAGE_FAULT", code: 0x70, reason: "not_writable" },
    ...{ name: "no write permission", source: { domain: null, requesterId: 0x100 } },
    ...{ streamId: null, access: "write", accessCertain: true },
    ...{ address: { high: 0, low: 0xfdf800c0 }, addressUnitBytes: 1, domainId: 14, pasid: 0xfffff },
    ...{ flags: ["PR", "RW", "PE"], spec: "AMD IOMMU specification, 2.5: IO_PAGE_FAULT" },
    details: { ...NO_DETAILS, tag: 0xffff, deviceTableEntry },
  };
  assertEquals(page, expected as never);
});

Deno.test("every event of AMD's log and of SMMUv3's has a name and a whole sentence", () => {
  const entries: ReasonEntry[] = Object.values(AMD_EVENTS);
  for (let number = 0; number < 256; number++) {
    const event = smmuEvent(number);
    if (event === null) continue;
    for (const access of ["read", "write", null] as const) {
      entries.push(smmuReason(event, access, false), smmuReason(event, access, true));
    }
  }
  assertEquals(entries.length, 10 + 19 * 6);
  for (const { means, name } of entries) {
    assertMatch(name, /^\S.{5,}\S$/);
    assertMatch(means, SENTENCE, name);
  }
  const permission = smmuEvent("F_PERMISSION")!;
  assertEquals(smmuReason(permission, null, false).name, "no access permission");
});

Deno.test("decodeFaultLog() takes the dump of the page table behind VT-d's line (traces.md T.45)", () => {
  const dump = (iova: string, leaf: string, level = 1) =>
    `${VTD}\nDMAR: Dump dmar0 table entries for IOVA ${iova}\n` +
    `DMAR: pte level: 3, pte value: 0x000000000341e403\n` +
    `DMAR: pte level: ${level}, pte value: ${leaf}`;
  const at = "0xff000000";
  assertStringIncludes(decoded(VTD).means, "all give this");
  const absent = decoded(dump(at, "0x0000000000000000"));
  assertEquals([absent.details.dump?.present, absent.details.dump?.phys], [false, null]);
  assertStringIncludes(absent.means, "Nothing was mapped");
  const above = decoded(dump(at, "0x0", 2)).details.dump;
  assertEquals([above?.present, above?.phys], [false, null], "an empty entry ends a walk anywhere");
  const other = decoded(dump(at, "0x000000000450c002"));
  assertEquals([other.details.dump?.read, other.details.dump?.write], [false, true]);
  assertEquals(formatWord64(other.details.dump!.phys!), "0x450_c000");
  assertStringIncludes(other.means, "mapped, but for the other direction:");
  assertMatch(
    decoded(dump(at, "0x450c001")).means,
    /^The kernel's dump .* allows the access: .* entry$/,
  );
  const large = decoded(dump(at, "0x8000000004a01083", 2));
  assertEquals(formatWord64(large.details.dump!.phys!), "0x4a0_0000");
  // The larger the page, the more low bits of its entry have another meaning (VT-d 9.8).
  const phys = (leaf: string, level: number) =>
    formatWord64(decoded(dump(at, leaf, level)).details.dump!.phys!);
  assertEquals(phys("0x00000ffffffff083", 1), "0xfff_ffff_f000");
  assertEquals(phys("0x00000fffffffffff", 2), "0xfff_ffe0_0000");
  assertEquals(phys("0x00000fffffffffff", 3), "0xfff_c000_0000");
  assertEquals(phys("0x00000fffffffffff", 4), "0xf80_0000_0000");
  assertEquals(phys("0xffffffffffffffff", 4), "0xf_ff80_0000_0000");
  // A walk of another address, or one that was cut off, says nothing about this address.
  assertEquals(decoded(dump("0xff001000", "0x0")).details.dump, null);
  assertEquals(decoded(dump(at, "0x000000000450c003", 2)).details.dump, null);
});

Deno.test("decodeFaultLog() reads a line whose address is masked (traces.md T.56)", () => {
  for (const masked of ["ffxxxxxx", "0xffXXXXXX", "XXXXXXXX", "0xff******"]) {
    const { address, reason } = decoded(VTD.replace("0xff000000", masked));
    assertEquals([address, reason], [null, "not_readable"], masked);
  }
});

Deno.test("decodeFaultLog() never makes a wrong number of an address of 2^53 and more", () => {
  const at = (digits: string) => decoded(VTD.replace("0xff000000", digits)).address!;
  assertEquals(formatWord64(at("0xfffffffdf8000000")), "0xffff_fffd_f800_0000");
  assertEquals(numberOf(at("0xfffffffdf8000000")), null);
  assertEquals(numberOf(at("0x1ffffffffff000")), 2 ** 53 - 4096);
  assertEquals(numberOf(at("0x20000000000000")), null);
  assertEquals(numberOf(at("0x1ffffffff0000")), 0x1_ffff_ffff_0000);
});

/**
 * Damaged lines. A key is the correct text with which the lines begin. Each row has the rest of a
 * line, with `‸` at the mistake, and the message.
 */
const DAMAGED = {
  "": `
‸ → expected a line with "DMAR:", "AMD-Vi:", "arm-smmu-v3" or "virtio_iommu"
‸DMAR: x → expected [DMA Read …], [DMA Write …] or [INTR-REMAP]
DMAR: [DMA Read‸] fault → expected "Request device"
‸AMD-Vi: x → expected "Event logged ["
‸arm-smmu-v3 x → expected "event 0x… received:" and four words, or "event: NAME"
arm-smmu-v3 a: ‸event: F_NONE → No event of that name is known
‸arm-smmu x → expected "Unhandled context fault" or "Blocked unknown Stream ID"`,
  "DMAR: [DMA Read] ": `
Request device ‸01:00.0 → expected the device in brackets, as [01:00.0]
Request device [‸x → expected bus:device.function, as 01:00.0
Request device [‸01:20.0] → A PCI device number is at most 1f, not 20
Request device [‸01:1f.8] → A PCI function number is at most 7, not 8
Request device [01:1f.7 ‸x → expected "]" after the device`,
  "DMAR: [INTR-REMAP] Request device [01:00.0] ":
    '\n‸fault index z → expected "fault index" and a number',
  "DMAR: [DMA Read] Request device [01:00.0] ": `
‸fault adr 0xff000000 [fau → expected "fault addr"
fault addr ‸z → expected an address in hex digits
fault addr 0x‸1ff000000ff000000 → An address has at most 16 hex digits
fault addr 0 ‸[reason → expected "[fault reason"
fault addr 0 [fault reason ‸x → expected the number of a reason
fault addr 0 [fault reason ‸0c] → A fault reason without 0x is decimal
fault addr 0 [fault reason 0x‸100] → A fault reason has 8 bits
fault addr 0 [fault reason ‸256] → A fault reason has 8 bits
fault addr 0 [fault reason 0xff ‸x → expected "]" after the reason`,
  "AMD-Vi: Event logged [": `
Device not attached to domain ‸properly → expected "device="
Device not attached to domain properly] device=‸x → expected bus:device.function, as 01:00.0
‸x → expected the name of an event
‸IO_CAGE_FAULT → No event of that name is known
IO_PAGE_FAULT ‸x → expected "device=", "domain=", "pasid=", "address=", "flags=" or "]" in IO_PAGE_FAULT
IO_PAGE_FAULT device=‸x → expected bus:device.function, as 01:00.0
IO_PAGE_FAULT domain=‸x → expected a number in hex after "domain="
IO_PAGE_FAULT pasid=0x‸12345678123456781] → A number has at most 16 hex digits
IO_PAGE_FAULT flags=0x‸1000] → flags is at most 0xfff
IO_PAGE_FAULT address=0 flags=0x0fff domain=0x‸10000] → domain is at most 0xffff
IO_PAGE_FAULT address=0 flags=0 pasid=0x‸100000] → pasid is at most 0xfffff
INVALID_PPR_REQUEST tag=0x‸10000] → tag is at most 0xffff
IO_PAGE_FAULT flags=0x70]‸ device → expected "address=0x…"
IO_PAGE_FAULT address=0]‸ → expected "flags=0x…"
UNKNOWN event[1]=0x5‸ → expected word 0 of the event
UNKNOWN event[0]=0x5 event[1]=0x6 ‸x → expected "event[2]=0x…"`,
  "arm-smmu-v3 a: event": `
 0x10 received:‸ → expected 4 words of 64 bits, there are 0: the lines below that of the event have the stream and the address of this F_TRANSLATION
 0x10 received: arm-smmu-v3 a: ‸0x12345678123456780 → A word has at most 16 hex digits
 0x13 received: arm-smmu-v3 a: ‸0x10 arm-smmu-v3 a: 0x1 arm-smmu-v3 a: 0x2 arm-smmu-v3 a: 0x3 → The line says event 0x13, the first word event 0x10
: F_TRANSLATION ‸x → expected "client: …"
: F_TRANSLATION client: a ‸x → expected "sid: 0x…"
: F_TRANSLATION client: a sid: 1 ‸x → expected "ssid: 0x…"
: F_TRANSLATION client: a sid: 1 ssid: 0 ‸x → expected "iova: 0x…"
: F_TRANSLATION ‸event: F_UUT client: → expected "client: …"
: F_STE_FETCH client: a sid: 1 ssid: 0 fetch_addr: ‸z → expected an address in hex digits`,
  "arm-smmu 5000000.iommu: ": `
Unhandled context fault ‸x → expected ":" and the registers
Unhandled context fault: ‸fsr=0x402 → expected "iova="
Unhandled context fault: iova=‸z → expected an address in hex digits
Blocked unknown Stream ID ‸x → expected the number of a stream`,
};

Deno.test("decodeFaultLog() says what is wrong with a damaged line, and where", () => {
  for (const [head, rows] of Object.entries(DAMAGED)) {
    for (const row of rows.split("\n").slice(1)) {
      const [right, wrong, expected] = `${head}${row}`.split(/‸| → /) as [string, string, string];
      const { message, offset } = problem(right + wrong);
      assertEquals([message.slice(0, expected.length), offset], [expected, right.length], row);
    }
  }
  // The wrong text is shown up to the end of its line, with a maximum length.
  const shown = ["fault adr 0xff000000 [fau", "fault adr 0xff000000 [fa", "", "\nnext"].map((
    rest,
  ) => problem(VTD.slice(0, VTD.indexOf("fault addr")) + rest).message);
  assertEquals(shown, [
    'expected "fault addr", found "fault adr 0xff000000 [fa…"',
    'expected "fault addr", found "fault adr 0xff000000 [fa"',
    'expected "fault addr", the text ends',
    'expected "fault addr", the line ends',
  ]);
});

Deno.test("decodeFaultLog() mixes no two faults: the second one gives nothing to a damaged first", () => {
  const cut = VTD.slice(0, VTD.indexOf("fault addr"));
  assertStringIncludes(problem(`${cut}\n${VTD}`).message, '"fault addr"');
  assertStringIncludes(problem(`${AMD.slice(0, 30)}\n${AMD}`).message, "name of an event");
  const words = SMMU.split("\n").slice(0, 3).join("\n");
  assertStringIncludes(problem(`${words}\n${SMMU}`).message, "there are 2");
});

Deno.test("a fault where x86 has its interrupts is about no mapping, from either maker, with a PASID it is", () => {
  const amd = (address: string, flags: string, more = "") =>
    `AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:01:00.0 ${more}domain=0x000a address=${address} flags=${flags}]`;
  const vtd = (address: string, pasid = "NO_PASID") =>
    `DMAR: [DMA Write ${pasid}] Request device [01:00.0] fault addr ${address} [fault reason 0x05] PTE Write access is not set`;
  const reasonOf = (line: string) => {
    const read = decodeFaultLog(line);
    assert(read.ok, line);
    return [read.fault.reason, read.fault.name, isAboutMappings(read.fault.reason)];
  };
  for (
    const [line, name] of [
      [amd("0xfee00000", "0x0020"), "page not present"],
      [amd("0xfee01000", "0x0070"), "no write permission"],
      [amd("0xfeefffff", "0x0030"), "present and permitted"],
      [vtd("0xfee00000"), "no write permission"],
    ] as const
  ) {
    assertEquals(reasonOf(line), [
      "interrupt_refused",
      `${name}, where interrupts are written`,
      false,
    ]);
  }
  for (
    const line of [
      amd("0xfedfffff", "0x0020"),
      amd("0xfef00000", "0x0020"),
      amd("0x1fee00000", "0x0020"),
      vtd("0xfef00000"),
      vtd("0xfee00000", "PASID 0x1"),
    ]
  ) assertEquals(reasonOf(line)[2], true, line);
});
