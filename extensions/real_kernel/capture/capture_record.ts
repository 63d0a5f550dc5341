/**
 * Converts a boot to golden data: a description of its machine, its requests, and the system calls that caused
 * them.
 */
import { readControllerLog } from "@dmalab/traces";
import type { LabConfig } from "@dmalab/devices";
import { type IommuModel, KIB } from "@dmalab/runtime";
import type { BootedGroup } from "../boot/boot_groups.ts";
import type { QemuDisk, QemuMachine } from "../machine/qemu_machine.ts";
import { PROBES_FILE, TRACE_FILE } from "../plan/guest_plan.ts";
import type { PlannedTest } from "../plan/planned_tests.ts";
import type { RecordedSubmission } from "../plan/scenario_run.ts";
import { missedHits } from "../trace/guest_report.ts";
import { type GuestEvent, readGuestEvents } from "../trace/trace_events.ts";
import { type CapturedCommand, capturedCommand, type CapturedValue } from "./captured_command.ts";
import {
  type CapturedExtent,
  type CapturedRequest,
  capturedRequests,
} from "./captured_requests.ts";

/** A record, as a line of JSON. */
export type Line = Readonly<Record<string, CapturedValue | undefined>>;

export interface CapturedBoot {
  /** `v6.12.117-strict`. */
  readonly name: string;
  /** The boot's entry in `limits.json`. */
  readonly description: Line;
  readonly cases: readonly Line[];
  readonly submissions: readonly Line[];
  /** Number of requests that could not be read completely. */
  readonly dropped: number;
}

/** The name of each IOMMU mode in golden data, by the type of a group's domain in sysfs. */
const MODES: Readonly<Record<string, string>> = {
  none: "direct",
  identity: "passthrough",
  DMA: "dma-strict",
  "DMA-FQ": "dma-lazy",
};

const OP_MASK = 0xff;
/** Block operations of a user's own commands (passthrough). */
const DRIVER_OPS: readonly number[] = [34, 35];
const OPCODE_NAMES: Readonly<Record<number, string>> = { 1: "write", 2: "read", 9: "dsm" };
const USUAL_MDTS_EXPONENT = 7;
const KIND = "drawn";

/** @returns The golden data; or why a boot cannot be golden data, as a sentence. */
export function captureBoot(
  booted: BootedGroup,
  usedNames: ReadonlySet<string>,
): CapturedBoot | string {
  const { controllerLog, machine, report, tests } = booted;
  const [{ recorded: { config } }] = tests as [PlannedTest];
  const [disk, ...more] = machine.disks;
  const found = report.disks.get(0);
  if (disk === undefined || found === undefined || more.length > 0) {
    return "golden data is about a machine with one disk";
  }
  const settings = configRecord(config, disk, found.domain, machine);
  const name = nameOf(report.release!, settings, config, usedNames);
  const head = {
    kernel: report.release!,
    config: { name, ...settings },
    limits: limitsRecord(found.limits),
  };
  const events = readGuestEvents(report.files.get(TRACE_FILE) ?? "");
  const { bouncePool, requests } = capturedRequests(
    events,
    readControllerLog(controllerLog),
    {
      isLazy: settings.mode === "dma-lazy",
      flushesMaps: settings.caching_mode === true,
      hasMetadata: settings.metadata_bytes !== undefined,
    },
  );
  const submissions = submissionRecords(booted);
  const cases = requests.flatMap((request, index) => {
    const id = `${name}.${config.seed}/${index}`;
    const call = submissions[request.io];
    const record = call === undefined ? null : caseRecord(request, call);
    return record === null ? [] : [{ id, ...head, ...record }];
  });
  const dropped = requests.length - cases.length;
  const description = {
    ...head,
    iommu_domain_type: found.domain === "none" ? null : found.domain,
    cases: cases.length,
    dropped,
    missed_probe_hits: [...missedHits(report.files.get(PROBES_FILE) ?? "").values()]
      .reduce((sum, missed) => sum + missed, 0),
    ...isTranslated(found.domain) && config.iommu.model === "smmu" ? firstMapping(events) : {},
    swiotlb_pool: bouncePool === null ? [] : [bouncePool],
  };
  return { name, description, cases, submissions, dropped };
}

function isTranslated(domain: string): boolean {
  return MODES[domain]?.startsWith("dma-") === true;
}

/** The first mapping since the boot, which is that of the message doorbell; empty if the trace has none. */
function firstMapping(events: readonly GuestEvent[]): ConfigRecord {
  const fields = events.find(({ name }) => name === "map")?.fields;
  if (fields === undefined) return {};
  return { doorbell: [Number(fields.get("iova")), Number(fields.get("paddr"))] };
}

type ConfigRecord = { readonly [key: string]: CapturedValue };

function configRecord(
  { cpus, iommu, seed, swiotlb }: LabConfig,
  { settings }: QemuDisk,
  domain: string,
  { firmwareTable, qemu: { architecture } }: QemuMachine,
): ConfigRecord {
  const { blockSizeBytes, mdtsBytes, metadataBytes, nomerges, scheduler, softLimitBytes } =
    settings;
  const isTranslating = iommu.mode !== "off";
  const mdts = mdtsBytes === null || mdtsBytes === undefined ? 0 : Math.log2(mdtsBytes / (4 * KIB));
  return {
    seed,
    iommu: !isTranslating ? "none" : IOMMU_WORDS[iommu.model] ?? "intel",
    mode: MODES[domain] ?? domain,
    swiotlb_force: swiotlb.force,
    ...isTranslating ? { caching_mode: iommu.cachingMode, address_bits: iommu.addressBits } : {},
    sgl_threshold: settings.sglThresholdBytes!,
    cpus,
    ...iommu.mode === "lazy" ? { lazy_requested: true, parked_recorded: false } : {},
    ...isTranslating && iommu.forcedac ? { forcedac: true } : {},
    ...architecture === "x86_64" ? {} : { architecture },
    ...isTranslating && iommu.model === "vtd_first_stage" ? { first_stage_tables: true } : {},
    ...firmwareTable === null ? {} : { untrusted: true },
    device_sgl: true,
    ...settings.metadataSgl === true ? { metadata_sgl: true } : {},
    ...mdts === USUAL_MDTS_EXPONENT ? {} : { mdts },
    ...blockSizeBytes === 512 ? {} : { logical_block_size: blockSizeBytes! },
    ...metadataBytes === 0 ? {} : { metadata_bytes: metadataBytes! },
    ...softLimitBytes === 0 ? {} : { max_sectors_kb_set: softLimitBytes! / KIB },
    ...nomerges === 0 ? {} : { nomerges: nomerges! },
    ...scheduler === "mq_deadline" ? { scheduler: "mq-deadline" } : {},
  };
}

/** The word of an IOMMU model in golden data; models without one are VT-d's. */
const IOMMU_WORDS: Partial<Readonly<Record<IommuModel, string>>> = {
  amd: "amd",
  smmu: "smmu",
  virtio: "virtio",
};

/** Words for IOMMU models in a machine's name; the name has no word for VT-d in legacy mode. */
const MODEL_WORDS: Partial<Readonly<Record<IommuModel, readonly string[]>>> = {
  amd: ["amd"],
  smmu: ["smmu"],
  virtio: ["virtio"],
  vtd_scalable: ["sm"],
  vtd_first_stage: ["fs"],
};

/**
 * The name of a boot, such as `v6.12.117-strict-sglt0`. A number is added if another boot has this
 * name already.
 */
function nameOf(
  release: string,
  settings: ConfigRecord,
  { iommu, swiotlb }: LabConfig,
  used: ReadonlySet<string>,
): string {
  const mode = iommu.mode === "off" && swiotlb.force
    ? "swiotlb"
    : { off: "none", passthrough: "pt", strict: "strict", lazy: "lazy" }[iommu.mode];
  // Debian's releases without a patch level have a build number in its place (6.1.0-56).
  const version = /^\d+\.\d+(?:\.[1-9]\d*)?/.exec(release)?.[0] ?? release;
  const part = (key: string, word: string) => settings[key] === undefined ? [] : [word];
  const words = [
    `v${version}-${mode}`,
    ...MODEL_WORDS[iommu.model] ?? [],
    ...settings.architecture === "riscv64" ? ["riscv64"] : [],
    ...settings.caching_mode === true ? ["cm"] : [],
    ...part("untrusted", "untrusted"),
    ...settings.forcedac === true ? ["forcedac"] : [],
    ...settings.sgl_threshold === 32 * KIB ? [] : [`sglt${settings.sgl_threshold}`],
    ...part("mdts", `mdts${settings.mdts}`),
    ...part("metadata_bytes", `ms${settings.metadata_bytes}`),
    ...settings.metadata_bytes === undefined ? [] : part("metadata_sgl", "msgl"),
    ...part("logical_block_size", `lbs${settings.logical_block_size}`),
    ...part("max_sectors_kb_set", `maxsec${settings.max_sectors_kb_set}`),
    ...part("scheduler", `sched${settings.scheduler}`),
    ...part("nomerges", `nomerges${settings.nomerges}`),
  ];
  const name = words.join("-");
  for (let number = 2;; number++) {
    const numbered = number === 2 ? name : `${name}-${number - 1}`;
    if (!used.has(numbered)) return numbered;
  }
}

const NUMBERS = [
  "dma_alignment",
  "logical_block_size",
  "max_hw_sectors_kb",
  "max_integrity_segments",
  "max_sectors_kb",
  "max_segment_size",
  "max_segments",
  "nomerges",
  "nr_requests",
  "virt_boundary_mask",
] as const;
const TEXTS = ["scheduler", "write_cache"] as const;

function limitsRecord(sysfs: ReadonlyMap<string, string>): ConfigRecord {
  return Object.fromEntries([
    ...NUMBERS.map((name) => [name, Number(sysfs.get(name))]),
    ...TEXTS.map((name) => [name, sysfs.get(name)?.trim() ?? null]),
  ]);
}

/** The system calls of a boot, with the numbers of their ios. */
function submissionRecords({ islands, machine, plan, report, tests }: BootedGroup): Line[] {
  const blockBytes = machine.disks[0]!.settings.blockSizeBytes!;
  const records: Line[] = [];
  for (const { recorded } of tests) {
    for (const [index, io] of plan.ioOf.get(recorded)!.entries()) {
      const { submission } = recorded.submissions[index]!;
      const { sizeBytes, vecs } = submission;
      const result = report.results.get(io)!;
      records[io] = {
        submission: io + 1,
        kind: KIND,
        ...callRecord(submission, blockBytes),
        bytes: sizeBytes,
        result,
        errno: Math.max(0, -result),
        pieces: vecs.map(({ phys, sizeBytes }) => [
          [islands.guestPhys(phys, report.islands)!, sizeBytes],
        ]),
      };
    }
  }
  return records;
}

/** How a request was submitted, and its position on the disk. */
function callRecord(
  { command, op, sector }: RecordedSubmission["submission"],
  blockBytes: number,
): ConfigRecord {
  if (command === null) {
    return { how: op === "discard" ? "ioctl" : "aio", op, slba: sector * 512 / blockBytes };
  }
  const { dwords = {}, opcode } = command;
  const slba = (dwords[10] ?? 0) + (dwords[11] ?? 0) * 2 ** 32;
  return { how: "passthru", op: OPCODE_NAMES[opcode] ?? "unknown", slba };
}

/** The record of a request; null if it was not read completely. */
function caseRecord(request: CapturedRequest, call: Line): Line | null {
  const { bios, blocks, bytes, device, flags, gapBit, list, metadata, queueStatus } = request;
  if (bios === null || metadata === null) return null;
  const command = request.command === null ? null : capturedCommand(request.command, bytes, blocks);
  if (command === null && queueStatus === 0) return null;
  const isUser = DRIVER_OPS.includes(flags & OP_MASK);
  const about = {
    op: command === null ? call.op! : OPCODE_NAMES[command.opcode] ?? "unknown",
    ...command === null ? {} : { slba: command.slba },
    bytes,
    source: call.how!,
    kind: call.kind!,
    user_bytes: call.bytes!,
    cmd_flags: flags,
    user_command: isUser,
    nr_phys_segments: request.segments,
    nr_integrity_segments: request.integritySegments,
    ...gapBit === null ? {} : { phys_gap_bit: gapBit },
    bios,
    ...metadataRecord(metadata),
    ...list === null ? {} : { segments: list.map(({ memory }) => memory) },
    group: call.submission!,
    submissions: [call.submission!],
  };
  return {
    request: about,
    map: request.map.calls,
    ...request.iterator.length === 0 ? {} : { iter: request.iterator },
    ...list === null ? {} : { sg: { mapped: mappedRanges(request), flags: null } },
    ...command === null
      ? { command: null, queue_status: queueStatus, user_errno: call.errno! }
      : sentRecord(request, command),
    unmap: request.unmap.calls,
    ...device === null ? {} : { device: { sqid: device.queue, accesses: device.extents } },
  };
}

/**
 * The first bio's metadata. If there are several bios or pieces, also the metadata of all bios,
 * with adjacent pieces joined.
 */
function metadataRecord(
  metadata: readonly (readonly CapturedExtent[])[],
): { readonly [key: string]: CapturedValue } {
  if (metadata.length === 0) return {};
  const joined: [number, number][] = [];
  for (const [phys, sizeBytes] of metadata.flat()) {
    const last = joined.at(-1);
    if (last !== undefined && last[0] + last[1] === phys) last[1] += sizeBytes;
    else joined.push([phys, sizeBytes]);
  }
  return {
    integrity: metadata[0]!,
    ...joined.length === 1 && metadata.length === 1 ? {} : { integrity_segments: joined },
  };
}

function sentRecord({ status }: CapturedRequest, { record }: CapturedCommand): Line {
  return { command: record, status };
}

/**
 * The mapped entries of the list. If the mapping joined entries, some entries at the list's end
 * stay empty.
 */
function mappedRanges({ list, mappedEntries }: CapturedRequest): readonly CapturedExtent[] {
  return list!.slice(0, mappedEntries ?? 0).map(({ mapped }) => mapped);
}
