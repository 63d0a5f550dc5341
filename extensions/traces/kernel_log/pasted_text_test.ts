/** What pages, mailers, terminals and `grep` put around a line of a log. */
import { assert, assertEquals } from "@std/assert";
import { readKernelLog } from "./kernel_log_reader.ts";
import { messageText, plainLine } from "./pasted_text.ts";

/**
 * One message for each way of reading: a message of one line, of two lines or of several lines, a
 * fault, and a report.
 */
const MESSAGES = [
  "DMAR: [DMA Write NO_PASID] Request device [05:00.0] fault addr 0xfffbd000 [fault reason 0x05] PTE Write access is not set",
  "DMAR:[DMA Read] Request device [00:02.0] fault addr 9fac000 ",
  "DMAR:[fault reason 06] PTE Read access is not set",
  "amdgpu 0000:03:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000d address=0x7ffc0000 flags=0x0050]",
  "arm-smmu-v3 arm-smmu-v3.3.auto: event 0x10 received:",
  "arm-smmu-v3 arm-smmu-v3.3.auto: \t0x0000e10000000010",
  "arm-smmu-v3 arm-smmu-v3.3.auto: \t0x0000020800000000",
  "arm-smmu-v3 arm-smmu-v3.3.auto: \t0x00000000ffbff000",
  "arm-smmu-v3 arm-smmu-v3.3.auto: \t0x0000000000000000",
  "tegra-mc 2c00000.memory-controller: pcie5w: write @0x00000000fffff080: EMEM address decode error",
  "ahci 0000:00:1f.2: swiotlb buffer is full (sz: 65536 bytes), total 32768 (slots), used 32740 (slots)",
  "software IO TLB: mapped [mem 0x00000000bbed0000-0x00000000bfed0000] (64MB)",
  "DMA-API: xhci_hcd 0000:00:14.0: cacheline tracking EEXIST, overlapping mappings aren't supported",
  "nvme 0000:01:00.0: PCIe Bus Error: severity=Uncorrected (Fatal), type=Transaction Layer, (Requester ID)",
  "nvme 0000:01:00.0:   device [144d:a808] error status/mask=00004000/00400000",
  "nvme 0000:01:00.0:    [14] CmpltTO               ",
  "iwlwifi 0000:00:14.3: DMA mapping failed",
  "mmc0: mmc_hw_reset: DMA map failed",
  "usb 1-1.2: kworker/0:1: page allocation failure: order:4, mode:0x204020",
  "nommu_map_single: overflow 240a00000+4096 of device mask ffffffff",
  "blk_cloned_rq_check_limits: over max size limit. (5120 > 2560)",
];

const clock = (index: number) => `[${String(100 + index).padStart(5)}.${100_000 + index}]`;
const time = (index: number) => `14:02:${String(index).padStart(2, "0")}`;
const html = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll("'", "&#39;").replaceAll('"', "&quot;");
const csv = (text: string) => `"${text.replaceAll('"', '""')}"`;

/** Forms in which a reader may receive a log. Each function converts one line to its form. */
const FORMS: Readonly<Record<string, (text: string, index: number) => string>> = {
  "dmesg -x": (text, index) => `kern  :err   : ${clock(index)} ${text}`,
  "dmesg -x -T": (text, index) => `kern  :warn  : [Fri Jan 27 ${time(index)} 2023] ${text}`,
  "dmesg --time-format iso": (text, index) => `2023-01-27T${time(index)},123456+01:00 ${text}`,
  "journalctl": (text, index) => `Jan 27 ${time(index)} my-host kernel: ${text}`,
  "journalctl -o short-full": (text, index) =>
    `Fri 2023-01-27 ${time(index)} CET my-host kernel: ${text}`,
  "the printk caller with blanks": (text, index) => `${clock(index)}[ T 312] ${text}`,
  "a phone's kernel": (text, index) => `<3>${clock(index)}  (0)[123:kworker/0:1] ${text}`,
  "logread of OpenWrt": (text, index) =>
    `Fri Jan 27 ${time(index)} 2023 kern.err kernel: ${clock(index)} ${text}`,
  "a terminal program's time stamps": (text, index) =>
    `[2023-01-27 ${time(index)}.123] ${clock(index)} ${text}`,
  "a test runner's times": (text, index) => `${time(index)}.123  ${clock(index)} ${text}`,
  "a serial console": (text, index) => `\r${clock(index)} ${text}\r`,
  "grep -n": (text, index) => `${1000 + 3 * index}:${clock(index)} ${text}`,
  "grep in several files": (text, index) => `dmesg.txt:${clock(index)} ${text}`,
  "grep -n in several files": (text, index) =>
    `/var/log/kern.log.1:${17 + index}:Jan 27 ${time(index)} my-host kernel: ${text}`,
  "grep -C, around the line": (text, index) => `kern.log-${17 + index}-${clock(index)} ${text}`,
  "cat -n": (text, index) => `${String(index + 1).padStart(6)}\t${clock(index)} ${text}`,
  "a page's source": (text, index) => html(`${clock(index)} ${text}`),
  "a page's source, with tags": (text, index) => `<p>${html(`${clock(index)} ${text}`)}</p>`,
  "a page's source, with line breaks": (text, index) => `${html(`${clock(index)} ${text}`)}<br />`,
  "a page's source, with spaces that do not break": (text, index) =>
    `${clock(index)} ${text}`.replaceAll(" ", "&nbsp;"),
  "a page, with spaces that do not break": (text, index) =>
    `${clock(index)} ${text}`.replaceAll(" ", "\u00a0"),
  "an editor's quotes": (text, index) =>
    `${clock(index)} ${text}`.replaceAll("'", "\u2019").replace(/"([^"]*)"/g, "\u201c$1\u201d"),
  "a sign without width in front": (text, index) => `\u200b${clock(index)} ${text}`,
  "a mail as HTML, quoted": (text, index) => html(`> ${clock(index)} ${text}`),
  "a list": (text, index) => `  * ${clock(index)} ${text}`,
  "a list with dashes": (text, index) => `- ${clock(index)} ${text}`,
  "a quote in a tracker": (text, index) => `bq. ${clock(index)} ${text}`,
  "code marks": (text, index) => `\`${clock(index)} ${text}\``,
  "a comment in a shell": (text, index) => `# ${clock(index)} ${text}`,
  "a table with semicolons": (text, index) => `2023-01-27T${time(index)};my-host;kern;${csv(text)}`,
  "a table with more columns behind": (text, index) =>
    `"2023-01-27 ${time(index)}",${csv(text)},"kernel","warning"`,
  "Loki": (text, index) => JSON.stringify({ ts: `2023-01-27T${time(index)}Z`, line: text }),
  "Elasticsearch": (text, index) =>
    JSON.stringify({
      _index: "logs",
      _source: { "@timestamp": `2023-01-27T${time(index)}Z`, message: text, host: { name: "h" } },
    }),
  "Splunk": (text, index) =>
    JSON.stringify({ preview: false, result: { _time: String(1674828120 + index), _raw: text } }),
};

const read = (lines: readonly string[]) => {
  const { entries, unreadable } = readKernelLog(lines.join("\n"));
  return {
    entries: entries.map(({ facts, kind, line }) => ({ facts, kind, line })),
    unreadable: unreadable.length,
  };
};

const PLAIN = MESSAGES.map((text, index) => `${clock(index)} ${text}`);

Deno.test("a line says the same whatever a page, a mailer, a terminal or grep put around it", async (t) => {
  const plain = read(PLAIN);
  assertEquals(plain.entries.length, 13);
  assertEquals(plain.unreadable, 0);
  for (const [name, form] of Object.entries(FORMS)) {
    await t.step(name, () => assertEquals(read(MESSAGES.map(form)), plain));
  }
});

Deno.test("each form keeps the time of its lines", () => {
  for (const [name, form] of Object.entries(FORMS)) {
    const times = readKernelLog(MESSAGES.map(form).join("\n")).entries.map(({ seconds }) =>
      seconds
    );
    assert(times.every((seconds) => seconds !== null), name);
    assert(times.every((seconds, index) => index === 0 || seconds! > times[index - 1]!), name);
  }
});

Deno.test("a driver's name is none of a time, a host or a priority", () => {
  const { entries } = readKernelLog(
    [
      "[  208.000756] mmc0: DMA map failed",
      "2023-01-27T14:01:37,1+01:00 r8169 0000:02:00.0: DMA mapping failed",
    ]
      .join("\n"),
  );
  assertEquals(entries.map(({ facts: { device, driver } }) => ({ device, driver })), [
    { device: null, driver: null },
    { device: "0000:02:00.0", driver: "r8169" },
  ]);
});

/**
 * Lines that must stay unchanged: lines exactly as the kernel prints them, and lines that are not
 * from a log.
 */
const UNCHANGED = [
  "<3>[    1.000000] nvme nvme0: I/O 1 QID 2 timeout, aborting",
  "[    1.000000] <idle>-0 <NULL> <unknown> <TASK> </TASK> <IRQ>",
  "[    1.000000] a && b & c; &lt &unknown;",
  "00:1f.2 SATA controller: Intel Corporation",
  "- a sentence of a mail",
  "12: another one",
  "  4  [memory]  0x1000",
  "ahci 0000:00:1f.2: swiotlb buffer is full (sz: 65536 bytes)",
];

Deno.test("signs of the kernel's own stay", () => {
  for (const line of UNCHANGED) assertEquals(plainLine(line), line);
});

/** Lines, and the message that each contains. */
const TEXTS: readonly (readonly [line: string, text: string])[] = [
  ["[    1.000000] DMAR: x", "DMAR: x"],
  ["<3>[    1.000000][  T312] DMAR: x", "DMAR: x"],
  ["Jan 27 14:02:03 my-host kernel: [    1.000000] DMAR: x", "DMAR: x"],
  ["2023-01-27T14:02:03.123456+01:00 pve kernel: DMAR: x", "DMAR: x"],
  ["Fri Jan 27 14:02:03 2023 kern.err kernel: [    1.000000] DMAR: x", "DMAR: x"],
  ["00:1f.2 is no time", "00:1f.2 is no time"],
  ["0000:00:14.0: DMA mapping failed", "0000:00:14.0: DMA mapping failed"],
  ["(XEN) AMD-Vi: x", "(XEN) AMD-Vi: x"],
  ["[drm] x", "[drm] x"],
];

Deno.test("what stands in front of a message is cut off, and nothing of the message", () => {
  for (const [line, text] of TEXTS) assertEquals(messageText(line), text);
});
