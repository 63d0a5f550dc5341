import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { AMD_EVENT_NAMES, amdEvent } from "./amd_events.ts";
import { decodeFaultLog } from "./decode_fault_log.ts";
import type { FaultLogProblem, LoggedFault } from "./logged_fault.ts";
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

/** Words with one blank between them, from a capital to a letter or figure. */
const SENTENCE = /^[A-Z](?:\S| (?=\S)){20,}\w$/;

/** What each number of appendix A says, for a read. */
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

Deno.test("decodeFaultLog() knows these reasons, and no others (VT-d, appendix A)", () => {
  const found: Record<string, number[]> = {};
  const groups: Record<string, number[]> = {};
  for (let code = 0; code < 256; code++) {
    const { name, reason } = decoded(VTD.replace("0x06", `0x${code.toString(16)}`));
    if (reason !== "unknown") (found[reason] ??= []).push(code);
    const group = /^reason 0x[0-9a-f]{2}, (.*)$/.exec(name)?.[1];
    if (group !== undefined) (groups[group] ??= []).push(code);
  }
  assertEquals(found, VTD_REASONS as never);
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

Deno.test("every event of AMD's log and of SMMUv3's has a name and a whole sentence", () => {
  const entries = AMD_EVENT_NAMES.filter((name) => name !== "IO_PAGE_FAULT").map(amdEvent);
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
  const large = decoded(dump(at, "0x8000000004a01083", 2));
  assertEquals(formatWord64(large.details.dump!.phys!), "0x4a0_0000");
  // The larger the page, the more of its address's lower bits mean something else (VT-d 9.8).
  const phys = (leaf: string, level: number) =>
    formatWord64(decoded(dump(at, leaf, level)).details.dump!.phys!);
  assertEquals(phys("0x00000ffffffff083", 1), "0xfff_ffff_f000");
  assertEquals(phys("0x00000fffffffffff", 2), "0xfff_ffe0_0000");
  assertEquals(phys("0x00000fffffffffff", 3), "0xfff_c000_0000");
  assertEquals(phys("0x00000fffffffffff", 4), "0xf80_0000_0000");
  assertEquals(phys("0xffffffffffffffff", 4), "0xf_ff80_0000_0000");
  // A walk of another address, and one that was cut off, say nothing of this one.
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

Deno.test("decodeFaultLog() says what is wrong with a damaged line, and where", () => {
  const damaged = VTD.replace("fault addr", "fault adr");
  assertEquals(
    problem(damaged).message,
    'expected "fault addr", found "fault adr 0xff000000 [fa…"',
  );
  assertEquals(damaged.slice(problem(damaged).offset).startsWith("fault adr"), true);
  assertEquals(
    problem("").message,
    'expected a line with "DMAR:", "AMD-Vi:" or "arm-smmu-v3", the text ends',
  );
  assertStringIncludes(problem(VTD.slice(0, 60)).message, "fault addr");
  assertStringIncludes(problem(VTD.replace("01:00.0", "01:20.0")).message, "at most 1f, not 20");
  assertStringIncludes(problem(VTD.replace("01:00.0", "01:00.9")).message, "at most 7, not 9");
  assertStringIncludes(problem(VTD.replace("0x06", "0x106")).message, "has 8 bits");
  assertStringIncludes(problem(VTD.replace("0x06", "0c")).message, "decimal");
  assertStringIncludes(problem(VTD.replace("ff000000", "1ff000000ff000000")).message, "16 hex");
  assertStringIncludes(problem(AMD.replace("flags=0x0070", "")).message, 'expected "flags=0x…"');
  assertStringIncludes(
    problem(AMD.replace("flags=0x0070", "flags=0x1000")).message,
    "at most 0xfff",
  );
  assertEquals(decodeFaultLog(AMD.replace("flags=0x0070", "flags=0x0fff")).ok, true);
  assertStringIncludes(problem(AMD.slice(0, -1)).message, '"]" in IO_PAGE_FAULT, the text ends');
  assertStringIncludes(problem(AMD.replace("IO_PAGE", "IO_CAGE")).message, "No event of that name");
  assertStringIncludes(
    problem(SMMU.replace("event 0x10", "event 0x13")).message,
    "first word event 0x10",
  );
  const short = SMMU.split("\n").slice(0, 3).join("\n");
  assertEquals(problem(short), {
    message: "expected 4 words of 64 bits, there are 2, the text ends",
    offset: short.length,
  });
  assertStringIncludes(
    problem("arm-smmu 5000000.iommu: Unhandled context fault: fsr=0x402").message,
    'expected "iova="',
  );
});

Deno.test("decodeFaultLog() mixes no two faults: the second one gives nothing to a damaged first", () => {
  const cut = VTD.slice(0, VTD.indexOf("fault addr"));
  assertStringIncludes(problem(`${cut}\n${VTD}`).message, '"fault addr"');
  assertStringIncludes(problem(`${AMD.slice(0, 30)}\n${AMD}`).message, "name of an event");
  const words = SMMU.split("\n").slice(0, 3).join("\n");
  assertStringIncludes(problem(`${words}\n${SMMU}`).message, "there are 2");
});

Deno.test("each fault reason of VT-d has a name and says what it means (traces.md T.46)", () => {
  for (let code = 0; code < 0x100; code++) {
    for (const access of ["read", "write", null] as const) {
      const { means, name } = vtdReason(code, access);
      assert(name !== "" && means !== "", `0x${code.toString(16)}`);
    }
  }
});
