/**
 * Logs in the forms of public reports, with invented numbers. The tests state how each line must be
 * read, and which claims about it are allowed.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { explainLog } from "../cli/line_explainer.ts";
import { isClean } from "../ledger/check_report.ts";
import type { Fact } from "../kernel_log/log_facts.ts";
import { readKernelLog } from "../kernel_log/kernel_log_reader.ts";
import { checkedTrace } from "./checked_trace.ts";

type Facts = Readonly<Record<string, Fact>>;

interface FieldLog {
  readonly file: string;
  /** Kind and fields of each entry, in the order of the lines. */
  readonly entries: readonly (readonly [kind: string, facts: Facts])[];
  /** Certainty and kind of each finding. */
  readonly findings: readonly string[];
  /** Words that the explanation must contain, and words that it must not contain. */
  readonly says?: readonly string[];
  readonly saysNot?: readonly string[];
  /** Words that the check must not print. */
  readonly checkSaysNot?: readonly string[];
  /** Words that the check must print. */
  readonly checkSays?: readonly string[];
}

const FIELD_LOGS: readonly FieldLog[] = [
  {
    file: "01-overlap-many",
    entries: [["dma_debug", {
      class: "cacheline_overlap_many",
      count: 7,
      cacheline: "0x117c43a",
    }]],
    findings: ["proved cacheline_overlap_many"],
    says: ["no address", "unmaps are missing", "mapped many times"],
  },
  {
    file: "02-vmalloc-warn",
    entries: [
      ["dma_debug", { class: "map_vmalloc", driver: "at91_i2c", device: "e0070600.i2c" }],
      ["dma_debug", { class: "map_vmalloc", driver: "xhci_hcd", device: "0000:00:14.0" }],
    ],
    findings: ["proved map_vmalloc", "proved map_vmalloc"],
    says: ["stack", "The map failed", "kmalloc()"],
  },
  {
    file: "03-cma",
    entries: [["contiguous_full", {
      pages: 8100,
      errno: -12,
      device: "21c4000.csi",
      size_bytes: 33177600,
      cause: "full",
    }]],
    findings: ["proved contiguous_full"],
    says: ["31.6 MiB", "cma=SIZE", "IOMMU", "buffers in pieces"],
  },
  {
    file: "05-amd-event-overflow",
    entries: [
      ["iommu_fault", { source: "0000:41:00.0", address: "0x4d77c4080", domain: 0x18 }],
      ["suppressed", { count: 27, cause: "faults" }],
      ["iommu_error", { error: "queue_overflow", queue: "event" }],
      ["suppressed", { count: 11950, cause: "faults" }],
      ["iommu_fault", { source: "0000:61:00.0", address: "0x38001000", domain: 0xb }],
    ],
    findings: ["unknown iommu_fault", "unknown iommu_fault"],
    says: ["faults came faster than the CPU read them", "follows from  line 1: IOMMU fault"],
    checkSaysNot: ["hardware", "look at the link", "proved:"],
  },
  {
    file: "07-swiotlb-empty",
    entries: [["swiotlb_full", { total_slots: 32768, used_slots: 0, cause: "alignment" }]],
    findings: ["proved swiotlb_full"],
    says: ["alignment", "Linux 6.1"],
    saysNot: ["no free slots", "enlarge the pool"],
    checkSaysNot: ["no free slots", "enlarge the pool"],
  },
  {
    file: "09-bus-limit",
    entries: [["dma_overflow", {
      address: "0xfe177000",
      mask: "0xffffffff",
      bus_limit: "0xdf000000",
      cause: "bus_limit",
    }]],
    findings: ["proved dma_overflow"],
    says: ["within the DMA mask", "above the bus limit 0xdf000000", "The device's mask is right"],
    saysNot: ["mask is too small", "not set"],
  },
  {
    file: "14-virtio-iommu",
    entries: [
      ["nvme_timeout", { tag: 118, qid: 3 }],
      ["suppressed", { count: 1204, cause: "faults" }],
      ["other_iommu_fault", {
        model: "virtio",
        fault_kind: "unknown",
        endpoint: 24,
        device: "0000:00:03.0",
        address: "0x103e31000",
        access: null,
      }],
      ["other_iommu_fault", { fault_kind: "page", endpoint: 24, address: "0x103e31000" }],
      ["other_iommu_fault", { endpoint: 24, address: "0xfffe1000", access: "write" }],
      ["other_iommu_fault", {
        fault_kind: "domain",
        endpoint: 16,
        device: "0000:00:02.0",
        reason: "no_entry",
        access_bits: "RW",
        access: null,
      }],
    ],
    findings: [
      "unknown iommu_fault",
      "unknown iommu_fault",
      "unknown iommu_fault",
      "unknown iommu_fault",
    ],
    checkSaysNot: ["Nothing is proved or likely"],
  },
  {
    file: "16-ppc-tce",
    entries: [
      ["iova_full", { pages: 16, driver: null, device: null }],
      ["iova_full", { pages: 16, device: null }],
      ["iova_full", { pages: 16, driver: "mpt3sas", device: "0001:01:00.0" }],
    ],
    findings: ["proved iova_full", "proved iova_full", "proved iova_full"],
    says: ["no room for 16 pages"],
  },
  {
    file: "19-dart-write",
    entries: [["other_iommu_fault", {
      model: "apple_dart",
      access: "write",
      reason: "not_writable",
      stream: 3,
      address: "0xfffe8000",
    }]],
    findings: ["unknown iommu_fault"],
    says: ["does not allow a write"],
  },
  {
    file: "21-nvme-abort-host",
    entries: [
      ["nvme_timeout", { tag: 617, cid: 0xa273, qid: 5, action: "abort", size_bytes: 8192 }],
      ["nvme_timeout", { tag: 71, cid: 0x51, qid: 3, action: "abort", size_bytes: 4096 }],
      ["nvme_timeout", { tag: 617, action: "reset" }],
      ["nvme_failed", { step: "reset", csts: 1 }],
      ["nvme_abort_status", { status: 0x371, cause: "host" }],
    ],
    findings: [],
    says: ["NVME_SC_HOST_ABORTED_CMD", "The controller never answered"],
    saysNot: ["The controller's status for the abort"],
    checkSays: ["5 messages of the log were read, and none of them says that a mapping is wrong"],
    checkSaysNot: ["Nothing is proved or likely", "read in part", "no known form"],
  },
  {
    file: "22-pte-identity",
    entries: [["pte_already_set", {
      address: "0xf1f7e000",
      held: "0xf1f7e003",
      cause: "identity_map",
    }]],
    findings: ["likely reserved_region"],
    says: ["to itself", "RMRR"],
    saysNot: ["unmap of this IOVA that was skipped"],
    checkSaysNot: ["proved:", "shorter length"],
  },
  {
    file: "29-coherent-check",
    entries: [
      ["swiotlb_full", { cause: "coherent", size_bytes: 2097152, device: "0000:08:00.0" }],
      ["swiotlb_full", { cause: "coherent", driver: "amdgpu" }],
    ],
    findings: ["proved swiotlb_full", "proved swiotlb_full"],
    checkSays: ["CMA", "wider coherent mask"],
    checkSaysNot: ["dma_max_mapping_size()"],
  },
  {
    file: "33-vfio-memlock",
    entries: [
      ["pin_limit", { limit: 8388608, task: null }],
      ["pin_limit", { limit: 8388608, task: "qemu-system-x86", pid: 4121 }],
    ],
    findings: ["proved pin_limit", "proved pin_limit"],
    says: ["ulimit -l", "huge pages"],
  },
];

/** Joins wrapped lines into one. */
const flat = (text: string) => text.replace(/\s*\n\s+/g, " ").replace(/ {2,}/g, "  ");

Deno.test("logs of public reports are read value by value, and nothing is claimed beyond them", () => {
  for (const { checkSays, checkSaysNot, entries, file, findings, says, saysNot } of FIELD_LOGS) {
    const log = Deno.readTextFileSync(new URL(`field/${file}.txt`, import.meta.url));
    const found = readKernelLog(log).entries;
    assertEquals(found.map(({ kind }) => kind), entries.map(([kind]) => kind), file);
    entries.forEach(([, facts], index) => {
      for (const [name, value] of Object.entries(facts)) {
        assertEquals(found[index]!.facts[name], value, `${file}, entry ${index + 1}: ${name}`);
      }
    });
    const { findings: reported, pass, result, text } = checkedTrace([], log.split("\n"));
    assertEquals(reported.map(({ certainty, kind }) => `${certainty} ${kind}`), findings, file);
    assertEquals(isClean(pass, result), findings.length === 0, file);
    const told = flat(explainLog(log).lines.join("\n"));
    const checked = flat(text());
    for (const words of says ?? []) {
      assertStringIncludes(told.replace(/ +/g, " "), words.replace(/ +/g, " "), file);
    }
    for (const words of saysNot ?? []) assert(!told.includes(words), `${file}: ${words}`);
    for (const words of checkSays ?? []) assertStringIncludes(checked, words, file);
    for (const words of checkSaysNot ?? []) assert(!checked.includes(words), `${file}: ${words}`);
  }
});
