/** Compares a request of the model with the same request of a real kernel. */
import type { AccessedRange, RequestRecord } from "./request_record.ts";
import { type Step, type StepKind, stepRow, type StepValue } from "./steps.ts";

/** The first difference between two requests. */
export interface RequestDifference {
  /** What differs, as a sentence. */
  readonly text: string;
  /** The rule in `docs/rules/` that the model follows at the difference. */
  readonly rule: string;
  /** The model's step at the difference; null if the model has no step there. */
  readonly ofModel: Step | null;
  /** The kernel's step at the difference; null if the kernel has no step there. */
  readonly ofKernel: Step | null;
}

/** Places of the scenario's memory in the guest, and the steps that its probes show. */
export interface GuestFacts {
  /** Converts a scenario's address to the guest's; null for memory that belongs to no request. */
  readonly physOf: (phys: number) => number | null;
  /** Converts a guest's address to the scenario's; null for memory that is not the scenario's. */
  readonly scenarioPhys: (phys: number) => number | null;
  /** Whether the kernel's probes show steps of a kind. */
  readonly isObserved: (kind: StepKind) => boolean;
}

const PAGE_BYTES = 4096;

/** Rules for differences that are not about a step. */
export const RULES = {
  split: "block.1.3",
  segments: "block.1.3",
  gap: "block.1.6",
  format: "nvme.2.1",
  prp: "nvme.2.3",
  sgl: "nvme.2.4",
  none: "nvme.2.1",
  completion: "nvme.4.2",
} as const;

/**
 * The first difference; null if the requests are the same.
 *
 * Device addresses may differ between model and kernel. But while the request lives, each page of
 * one side must always correspond to the same page of the other side. Offsets in a page must be
 * equal.
 */
export function firstRequestDifference(
  model: RequestRecord,
  kernel: RequestRecord,
  guest: GuestFacts,
): RequestDifference | null {
  const { isObserved, physOf } = guest;
  const shown = (steps: readonly Step[]) => steps.filter(({ kind }) => isObserved(kind));
  const pages = new PagePairs();
  if (model.op !== kernel.op || model.lba !== kernel.lba) {
    return {
      text: `the command is ${nameOf(kernel)}, not ${nameOf(model)}`,
      rule: RULES.split,
      ofModel: null,
      ofKernel: null,
    };
  }
  const counted = countDifference(model, kernel);
  if (counted !== null) return counted;
  const sent = stepsDifference(model.map, shown(kernel.map), physOf, pages) ??
    deviceDifference(model, kernel, pages, guest);
  // When the IOMMU blocks an access, QEMU's controller does not notice it and reports success.
  if (sent !== null || model.isBlocked === true) return sent;
  return stepsDifference(model.unmap, shown(kernel.unmap), physOf, pages) ??
    (model.status === kernel.status ? null : {
      text: `the status is ${kernel.status}, not ${model.status}${
        // The status of a completed command is set by the controller.
        hasFailed(kernel.status) && hasFailed(model.status)
          ? ": QEMU's controller refuses the command for another reason"
          : ""}`,
      rule: RULES.completion,
      ofModel: null,
      ofKernel: null,
    });
}

/** A difference in the block layer's request: its length, its segments, or the gap between them. */
function countDifference(model: RequestRecord, kernel: RequestRecord): RequestDifference | null {
  for (const [name, rule, key] of COUNTS) {
    const [mine, theirs] = [model[key], kernel[key]];
    if (mine === null || theirs === null || mine === theirs) continue;
    const text = `the ${name} is ${theirs}, not ${mine}`;
    return { text, rule, ofModel: null, ofKernel: null };
  }
  return null;
}

const COUNTS = [
  ["number of blocks", RULES.split, "blocks"],
  ["number of segments", RULES.segments, "physSegments"],
  ["gap bit", RULES.gap, "gapBit"],
] as const;

export function nameOf({ lba, op }: RequestRecord): string {
  return lba === null ? op : `${op} at block ${lba}`;
}

/** Pages of device addresses that correspond to each other on the two sides, in pairs. */
class PagePairs {
  readonly #kernelOf = new Map<number, number>();
  readonly #modelOf = new Map<number, number>();

  /**
   * Pairs of a model address and a kernel address, for memory that the model and the kernel
   * allocated themselves. For such memory even the offsets in a page may differ.
   */
  readonly #own = new Map<number, Set<number>>();

  /**
   * Records a pair of addresses of memory that the model and the kernel allocated themselves. A
   * model address at the beginning of a page may correspond to two kernel addresses: the address of
   * the memory, and the address of the page that is mapped for the memory.
   *
   * @returns Whether the pair agrees with earlier pairs.
   */
  fitOwn(model: number, kernel: number): boolean {
    const known = this.#own.getOrInsertComputed(model, () => new Set());
    const page = Math.floor(kernel / PAGE_BYTES);
    for (const other of known) if (Math.floor(other / PAGE_BYTES) !== page) return false;
    known.add(kernel);
    return true;
  }

  /**
   * Records the pairs of all pages of two ranges.
   *
   * @returns Whether the pairs agree with earlier pairs.
   */
  fitRange(model: number, kernel: number, sizeBytes: number): boolean {
    if (this.#own.get(model)?.has(kernel) === true) return true;
    if (model % PAGE_BYTES !== kernel % PAGE_BYTES) return false;
    const pages = Math.ceil((model % PAGE_BYTES + Math.max(sizeBytes, 1)) / PAGE_BYTES);
    const [one, other] = [Math.floor(model / PAGE_BYTES), Math.floor(kernel / PAGE_BYTES)];
    for (let at = 0; at < pages; at++) if (!this.#fitPage(one + at, other + at)) return false;
    return true;
  }

  /** Whether a step has paired two addresses. */
  holds(model: number, kernel: number): boolean {
    return this.#own.get(model)?.has(kernel) === true ||
      model % PAGE_BYTES === kernel % PAGE_BYTES &&
        this.#kernelOf.get(Math.floor(model / PAGE_BYTES)) === Math.floor(kernel / PAGE_BYTES);
  }

  #fitPage(model: number, kernel: number): boolean {
    const kernelPage = this.#kernelOf.get(model);
    const modelPage = this.#modelOf.get(kernel);
    if (kernelPage === undefined && modelPage === undefined) {
      this.#kernelOf.set(model, kernel);
      this.#modelOf.set(kernel, model);
      return true;
    }
    return kernelPage === kernel && modelPage === model;
  }
}

function stepsDifference(
  model: readonly Step[],
  kernel: readonly Step[],
  physOf: GuestFacts["physOf"],
  pages: PagePairs,
): RequestDifference | null {
  for (let at = 0; at < Math.max(model.length, kernel.length); at++) {
    const [ofModel = null, ofKernel = null] = [model[at], kernel[at]];
    if (ofModel === null || ofKernel === null) {
      const [one, other] = ofModel === null ? ["kernel", ofKernel!] : ["model", ofModel];
      const { rule, title } = stepRow(other.kind);
      return { text: `only the ${one} has ${title}`, rule, ofModel, ofKernel };
    }
    if (ofModel.kind !== ofKernel.kind) {
      const [theirs, ours] = [stepRow(ofKernel.kind), stepRow(ofModel.kind)];
      const text = `the kernel has ${theirs.title}, the model ${ours.title}`;
      return { text, rule: ours.rule, ofModel, ofKernel };
    }
    const field = fieldDifference(ofModel, ofKernel, physOf, pages);
    if (field !== null) {
      const { rule, title } = stepRow(ofModel.kind);
      return { text: `${title}: ${field} differs`, rule, ofModel, ofKernel };
    }
  }
  return null;
}

/**
 * The first field that differs between two steps of the same kind. A field that only one of the
 * steps has is not compared.
 */
function fieldDifference(
  ofModel: Step,
  ofKernel: Step,
  physOf: GuestFacts["physOf"],
  pages: PagePairs,
): string | null {
  for (const [name, space] of Object.entries(stepRow(ofModel.kind).fields)) {
    const [model, kernel] = [ofModel.values[name], ofKernel.values[name]];
    if (model === undefined || kernel === undefined) continue;
    if (space === "exact" ? isEqual(model, kernel) : isSameAddress(space, model, kernel)) continue;
    return name;
  }
  return null;

  function isSameAddress(space: "phys" | "dma", model: StepValue, kernel: StepValue): boolean {
    if (typeof model !== "number" || typeof kernel !== "number") return model === kernel;
    // Without an IOMMU, a device address is the physical address.
    const placed = physOf(model);
    if (space === "phys") return placed === null ? pages.fitOwn(model, kernel) : placed === kernel;
    const { phys } = ofModel.values;
    const isOwn = typeof phys === "number" && physOf(phys) === null;
    if (placed === kernel) return true;
    if (isOwn) return pages.fitOwn(model, kernel);
    const sizes = [ofModel.values.size, ofKernel.values.size].map((size) =>
      typeof size === "number" ? size : 1
    );
    return pages.fitRange(model, kernel, Math.min(...sizes));
  }
}

/**
 * Compares two values. If the model gives an errno by its name, any error number of the kernel is
 * equal to it.
 */
function isEqual(model: StepValue, kernel: StepValue): boolean {
  if (typeof model === "string" && typeof kernel === "number") return kernel !== 0;
  return model === kernel;
}

function hasFailed(status: number | null): boolean {
  return status !== null && status !== 0;
}

function deviceDifference(
  { device: model, isBlocked, status }: RequestRecord,
  real: RequestRecord,
  pages: PagePairs,
  { isObserved, physOf, scenarioPhys }: GuestFacts,
): RequestDifference | null {
  const { device: kernel } = real;
  const differs = (text: string, rule: string) => ({ text, rule, ofModel: null, ofKernel: null });
  if (model === null || kernel === null || kernel.extents.length === 0) return null;
  if (model.format !== kernel.format) {
    return differs(`the data pointer is ${kernel.format}, not ${model.format}`, RULES.format);
  }
  // For a refused command, QEMU's log contains the addresses that QEMU looked up before it refused
  // the command.
  if (hasFailed(status) && hasFailed(real.status)) return null;
  const [one, other] = [model.extents, kernel.extents].map(byPages) as [
    AccessedRange[],
    AccessedRange[],
  ];
  /**
   * With translation, the steps have paired each page that the controller may access. Without it, a
   * device address is the physical one; only of memory that is not the scenario's, such as bounce
   * buffers, the two sides choose the places.
   */
  const isTranslated = isObserved("iommu_map") && real.map.some(({ kind }) => kind === "iommu_map");
  const isSamePlace = (mine: number, theirs: number) => {
    if (pages.holds(mine, theirs)) return true;
    if (isTranslated) return false;
    const placed = physOf(mine);
    if (placed !== null) return placed === theirs;
    return scenarioPhys(theirs) === null && pages.fitRange(mine, theirs, 1);
  };
  const compared = isBlocked === true ? one.length : Math.max(one.length, other.length);
  for (let at = 0; at < compared; at++) {
    const [mine, theirs] = [one[at], other[at]];
    const isSame = mine !== undefined && theirs !== undefined && mine[1] === theirs[1] &&
      isSamePlace(mine[0], theirs[0]);
    if (!isSame) {
      const text = `the controller's access ${at + 1} is ${accessText(theirs)} on the kernel, ` +
        `and ${accessText(mine)} on the model`;
      return differs(text, RULES[model.format]);
    }
  }
  return null;
}

function accessText(access: AccessedRange | undefined): string {
  if (access === undefined) return "missing";
  const [dma, sizeBytes] = access;
  return `${sizeBytes} bytes at 0x${dma.toString(16)}`;
}

/** Splits extents at pages: one side may report several pages as one extent. */
function byPages(extents: readonly AccessedRange[]): AccessedRange[] {
  return extents.flatMap(([dma, sizeBytes]) => {
    const parts: AccessedRange[] = [];
    for (let at = dma; at < dma + sizeBytes;) {
      const end = Math.min(dma + sizeBytes, (Math.floor(at / PAGE_BYTES) + 1) * PAGE_BYTES);
      parts.push([at, end - at]);
      at = end;
    }
    return parts;
  });
}
