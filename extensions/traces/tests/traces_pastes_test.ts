/** Records of IOMMUs in every form in which people paste them. */
import { assertEquals } from "@std/assert";
import type { Fact } from "../kernel_log/log_facts.ts";
import { readKernelLog } from "../kernel_log/kernel_log_reader.ts";

/** Records of several lines, and a record of one line that a mailer breaks. */
const RECORDS:
  readonly (readonly [lines: readonly string[], facts: Readonly<Record<string, Fact>>])[] = [
    [
      [
        "arm-smmu-v3 9050000.smmuv3: event 0x10 received:",
        "arm-smmu-v3 9050000.smmuv3: \t0x0000000800000010",
        "arm-smmu-v3 9050000.smmuv3: \t0x0000020800000000",
        "arm-smmu-v3 9050000.smmuv3: \t0x00000000fffff000",
        "arm-smmu-v3 9050000.smmuv3: \t0x0000000000000000",
      ],
      { event: "F_TRANSLATION", stream: 8, address: "0xfffff000", access: "read" },
    ],
    [
      [
        "arm-smmu-v3 arm-smmu-v3.1.auto: event: F_PERMISSION client: 0000:01:00.0 sid: 0x100 ssid: 0x0 iova: 0xfffe0000 ipa: 0x0",
        'arm-smmu-v3 arm-smmu-v3.1.auto: unpriv data write s1 "Input address caused fault" stag: 0x0',
      ],
      { event: "F_PERMISSION", source: "0000:01:00.0", address: "0xfffe0000", access: "write" },
    ],
    [
      [
        "DMAR:[DMA Read] Request device [01:00.0] fault addr fff80000 ",
        "DMAR:[fault reason 02] Present bit in context entry is clear",
      ],
      { source: "01:00.0", address: "0xfff80000", code: 2 },
    ],
    [
      [
        "DMAR: [DMA Write NO_PASID] Request device [03:00.0] fault addr 0xfffe0000 [fault reason 0x05] PTE Write access is not set",
      ],
      { source: "03:00.0", address: "0xfffe0000", code: 5, access: "write" },
    ],
    [
      [
        "nvme 0000:41:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0018 address=0x4d77c4080 flags=0x0020]",
      ],
      { source: "0000:41:00.0", address: "0x4d77c4080", domain: 0x18 },
    ],
    [
      [
        "AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:06:00.0 pasid=0x00000 address=0x7f0000 flags=0x0050]",
      ],
      { source: "0000:06:00.0", address: "0x7f0000", pasid: 0 },
    ],
  ];

/** Wraps at the last blank before a column, as a mailer does. */
function wrappedAt(text: string, columns: number): string[] {
  if (text.length <= columns) return [text];
  const blank = text.lastIndexOf(" ", columns);
  return [text.slice(0, blank), ...wrappedAt(text.slice(blank + 1), columns)];
}

const PASTES: Readonly<Record<string, (lines: readonly string[]) => readonly string[]>> = {
  "as they are": (lines) => lines,
  "with the kernel's clock": (lines) => lines.map((line) => `[  455.123456] ${line}`),
  "with the columns of syslog": (lines) =>
    lines.map((line) => `Mar  4 10:12:07 box kernel: [  455.123456] ${line}`),
  "of a journal": (lines) => lines.map((line) => `Mar 04 10:12:07 box kernel: ${line}`),
  "quoted": (lines) => lines.map((line) => `> [  455.123456] ${line}`),
  "quoted twice and wrapped at 72": (lines) =>
    lines.flatMap((line) => wrappedAt(`[  455.123456] ${line}`, 68)).map((line) => `> > ${line}`),
  "wrapped at 76": (lines) => lines.flatMap((line) => wrappedAt(`[  455.123456] ${line}`, 76)),
  "of CSV": (lines) => [
    "time,host,message",
    ...lines.map((line) => `1,box,"${line.replaceAll('"', '""')}"`),
  ],
  "of CSV with every column in quotes": (lines) =>
    lines.map((line) => `"2024-01-01T00:00:00Z","box","${line.replaceAll('"', '""')}"`),
};

Deno.test("records of IOMMUs that have several lines, or are broken into several, read the same in every paste", () => {
  for (const [name, paste] of Object.entries(PASTES)) {
    for (const [lines, facts] of RECORDS) {
      const text = paste(lines).join("\n");
      const { entries, unreadable } = readKernelLog(text);
      assertEquals(
        [entries.map(({ kind }) => kind), unreadable],
        [["iommu_fault"], []],
        `${name}: ${text}`,
      );
      for (const [field, value] of Object.entries(facts)) {
        assertEquals(entries[0]!.facts[field], value, `${name}: ${text}: ${field}`);
      }
    }
  }
});
