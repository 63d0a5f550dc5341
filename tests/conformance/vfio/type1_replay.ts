/** Replays calls to a container of VFIO type 1 that real kernels answered (tests/golden/vfio). */
import type { DirtyBitmap, Type1Container, U64Value } from "@dmalab/devices/vfio_container";
import { PAGE_SIZE_BYTES } from "@dmalab/runtime";
import { type KernelName, kernelNamed } from "@dmalab/runtime/kernels";
import { firstDifference } from "../difference.ts";
import { GoldenReadError } from "../golden_files.ts";
import { GroupCount, type GroupResult } from "../group_result.ts";
import { CapturedFiles, type CapturedIommu, IommuEvents } from "./captured_files.ts";
import { CapturedProcess, type RegionKind } from "./mapping_process.ts";

const RULE = "hmm-rdma-vfio.7";
const PAGE_KIB = PAGE_SIZE_BYTES / 1024;

/** The first line of a file: the machine. */
export interface Type1Machine {
  readonly kernel: string;
  /** The valid ranges, as `start-end` in hexadecimal. */
  readonly ranges: readonly string[];
  /** Whether the processes open containers and groups by calls of their own. */
  readonly has_groups?: boolean;
  /** The IOMMU whose events were recorded for each call; left out if none were. */
  readonly iommu?: CapturedIommu;
}

/** A sequence: a process that opens a container. */
export interface Type1Sequence {
  readonly entries: number;
  readonly regions: readonly (readonly [kind: RegionKind, pages: number])[];
  readonly cap_ipc_lock: boolean;
  /**
   * Calls, each with its answer behind `=`: errno, value, locked kibibytes; with an IOMMU also, behind `|`,
   * the IOMMU's events, and behind another one the frames of the memory.
   */
  readonly calls: readonly string[];
}

/** Replays a file; each call is a case. @throws {GoldenReadError} For a kernel without a profile. */
export function replayType1(
  group: string,
  [machine, ...sequences]: readonly (Type1Machine | Type1Sequence)[],
): GroupResult {
  const { has_groups = false, iommu, kernel: name, ranges } = machine as Type1Machine;
  const kernel = kernelNamed(name);
  if (kernel === undefined) throw new GoldenReadError(`There is no profile of kernel ${name}`);
  const validRanges = ranges.map((range) => {
    const [start, end] = range.split("-");
    return { start: wide(start!), end: wide(end!) };
  });
  const count = new GroupCount(group);
  for (const [index, each] of sequences.entries()) {
    const { calls, cap_ipc_lock, entries, regions } = each as Type1Sequence;
    const process = new CapturedProcess();
    for (const [kind, pages] of regions) process.addRegion(kind, pages);
    process.maySurpassLimit = cap_ipc_lock;
    const events = new IommuEvents();
    const files = new CapturedFiles(process, () => ({
      dmaEntryLimit: entries,
      kernel,
      validRanges,
      ...iommu === undefined
        ? {}
        : { table: events.tableOn(iommu, name as KernelName), testMemory: events },
    }), events);
    if (!has_groups) files.openContainer();
    for (const line of calls) {
      const [call, result] = line.split(" = ") as [string, string];
      const [answer, happened = "-", frames] = result.split(" | ") as [string, string?, string?];
      count.replay(`sequence ${index}: ${call}`, () => {
        const bits: string[] = [];
        if (call === "set_iommu") events.testFrame = Number(`0x${frames}`);
        else if (frames !== undefined) process.setFrames(Number(call.split(" ")[3]), frames);
        events.forget();
        const [errno, value] = answerOf(call, process, files, bits);
        const locked = process.lockedPages * PAGE_KIB;
        const dirty = HAS_BITMAP.has(call.split(" ")[0]!) ? ` ${bits.join(",") || "-"}` : "";
        return firstDifference(
          { answer, happened },
          {
            answer: `${errno} ${value} ${locked}${dirty}`,
            happened: iommu === undefined ? "-" : events.text,
          },
        );
      }, RULE);
    }
  }
  return count.result();
}

/** Calls whose answer ends with the runs of set bits, `first+count`; `-` for none. */
const HAS_BITMAP: ReadonlySet<string> = new Set(["bitmap", "unmap_dirty"]);

type Answer = readonly [errno: number, value: U64Value];

/** The model's answer: errno, and the number that the call returned. */
function answerOf(
  call: string,
  process: CapturedProcess,
  files: CapturedFiles,
  bits: string[],
): Answer {
  const [kind, ...words] = call.split(" ") as [string, ...string[]];
  const memory = memoryAnswer(kind, words, process);
  if (memory !== null) return [memory, 0];
  const grouped = files.call(kind, Number(words[0]));
  if (grouped !== null) return [grouped, 0];
  const container = files.selected;
  // An unmap that is refused returns the size that it was asked for.
  if (typeof container === "number") {
    return [container, kind.startsWith("unmap") ? wide(words[1]!) : 0];
  }
  return containerAnswer(kind, words, process, container, bits);
}

/** The errno of a call about the process's memory; null for another call. */
function memoryAnswer(
  kind: string,
  words: readonly string[],
  process: CapturedProcess,
): number | null {
  const region = Number(words[0]);
  switch (kind) {
    case "limit":
      process.memlockBytes = Number(words[0]);
      return 0;
    case "mlock":
    case "munlock": {
      const [first, pages] = words.slice(1).map((word) => Number(wide(word)) / PAGE_SIZE_BYTES);
      return process[kind === "mlock" ? "lock" : "unlock"](region, first!, pages!);
    }
    case "munmap":
      process.unmapPage(region, Number(wide(words[1]!)) / PAGE_SIZE_BYTES);
      return 0;
    case "dontneed":
      return process.drop(region);
    default:
      return null;
  }
}

function containerAnswer(
  kind: string,
  words: readonly string[],
  process: CapturedProcess,
  container: Type1Container,
  bits: string[],
): Answer {
  switch (kind) {
    case "map": {
      const [iova, sizeBytes, region, offset, flags] = words as [string, ...string[]];
      const vaddr = process.addressOf(Number(region)) + Number(wide(offset!));
      const asked = { iova: wide(iova), sizeBytes: wide(sizeBytes!), vaddr };
      return [-container.mapDma({ ...asked, flags: Number(wide(flags!)) }), 0];
    }
    case "unmap": {
      const [iova, sizeBytes, flags] = words.map(wide) as [U64Value, U64Value, U64Value];
      const unmapped = container.unmapDma({ iova, sizeBytes, flags: Number(flags) });
      return unmapped < 0 ? [-Number(unmapped), sizeBytes] : [0, unmapped];
    }
    case "dirty":
      return [-container.dirtyPages(Number(wide(words[0]!))), 0];
    case "bitmap": {
      const [iova, sizeBytes, pageSizeBytes, bytes] = words.map(wide) as [
        ...[U64Value, U64Value, U64Value, U64Value],
      ];
      const bitmap = bitmapOf(pageSizeBytes, bytes, bits);
      return [-container.getDirtyBitmap({ iova, sizeBytes, bitmap }), 0];
    }
    case "unmap_dirty": {
      const [iova, sizeBytes, flags, pageSizeBytes, bytes] = words.map(wide) as [
        ...[U64Value, U64Value, U64Value, U64Value, U64Value],
      ];
      const bitmap = bitmapOf(pageSizeBytes, bytes, bits);
      const unmapped = container.unmapDma({ iova, sizeBytes, flags: Number(flags), bitmap });
      return unmapped < 0 ? [-Number(unmapped), sizeBytes] : [0, unmapped];
    }
    case "avail":
      return [0, container.availableEntries];
    default:
      throw new GoldenReadError(`There is no call ${kind}`);
  }
}

function bitmapOf(pageSizeBytes: U64Value, sizeBytes: U64Value, bits: string[]): DirtyBitmap {
  return { pageSizeBytes, sizeBytes, setBits: (first, count) => bits.push(`${first}+${count}`) };
}

/** A hexadecimal number of 64 bits. */
function wide(text: string): U64Value {
  const value = BigInt(`0x${text}`);
  return value < 2n ** 53n ? Number(value) : value;
}
