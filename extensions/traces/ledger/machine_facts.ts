/**
 * Facts about a machine that are recorded beside its trace. The collector writes limits of queues,
 * IOMMU groups and counts of the ring buffers, one fact in each line. The IOMMU and the bounce pool
 * are named in the kernel's log at boot.
 *
 * @see rules/traces.md T.7
 */
import { SLOT_BYTES } from "@dmalab/runtime/basics";
import { queueLimitOf } from "../line/line_source.ts";

const GROUP = /^group \d+ type (\S+) devs (.+)$/;
/** Lines at boot that name the IOMMU's hardware, the more specific ones later in the list. */
const MODELS: readonly (readonly [RegExp, string])[] = [
  [/\bDMAR: IOMMU enabled/, "vtd"],
  [/\bintel_iommu=\S*\bsm_on\b/, "vtd_scalable"],
  [/\bAMD-Vi: /, "amd"],
  [/\barm-smmu-v3\b/, "smmu"],
];
const SMMU = /\barm-smmu(?:-v3)?\b|\bUnhandled context fault\b/;
const POLICY = /\bDMA domain TLB invalidation policy: (strict|lazy) mode/;
const STRICT_BY_HOST = /\bUsing strict mode due to virtualization|\bIOMMU batching disallowed/;
const CHECKS = /\bDMA-API: (?:preallocated \d+ debug entries|debugging enabled)/;
const IN_GROUP = /\b(\S+): Adding to iommu group \d+/;
const DEFAULT_TYPE = /\biommu: Default domain type: (Translated|Passthrough)\b/;
const POOL = /\bsoftware IO TLB: mapped \[mem (0x[0-9a-f]+)-(0x[0-9a-f]+)\]/;
const POOL_OPTION = /\bcommand line: .*\bswiotlb=(\d+)/i;
/** None of the patterns of lines at boot can match a line without one of these words. */
const MAY_BE_OF_BOOT = /iommu|smmu|tlb|amd-vi|strict mode|context fault|dma-api/i;
const OVERRUN = /^per_cpu\/cpu\d+ .*?\boverrun: (\d+)/;

export class MachineFacts {
  /** For each disk, its queue limits by their sysfs names. */
  readonly limits = new Map<string, Record<string, number>>();
  /** How each device's addresses are translated, in the kernel's words: `DMA`, `DMA-FQ`, `identity`. */
  readonly groupTypes = new Map<string, string>();
  /** The IOMMU's hardware, by its name in `iommu.model`, or null. */
  model: string | null = null;
  /**
   * When IOTLB entries are invalidated: at once (`strict`) or later (`lazy`). Used for groups
   * without a type that determines this; null if unknown.
   */
  invalidation: "strict" | "lazy" | null = null;
  /** The bounce pool's size; null when unknown. */
  poolBytes: number | null = null;
  /** Address range of the pool, end exclusive; null if unknown. */
  pool: { readonly start: number; readonly end: number } | null = null;
  /** Whether the kernel runs its checker of the DMA API. */
  hasChecker = false;
  /** Whether the IOMMU is one of Arm. */
  hasSmmu = false;
  /** Number of events that were overwritten in the ring buffers. */
  overrun = 0;

  /** Devices that the log adds to an IOMMU group; their group's type is the default type. */
  readonly #inGroup = new Set<string>();
  #defaultType: string | null = null;
  #rank = 0;

  push(text: string): void {
    const limit = queueLimitOf(text);
    if (limit !== null) {
      this.limits.getOrInsertComputed(limit.disk, () => ({}))[limit.name] = limit.value;
      return;
    }
    const group = GROUP.exec(text);
    if (group !== null) {
      for (const device of group[2]!.trim().split(/\s+/)) this.groupTypes.set(device, group[1]!);
      return;
    }
    this.overrun += Number(OVERRUN.exec(text)?.[1] ?? 0);
    this.#boot(text);
  }

  /** Whether any line so far describes how addresses of a device are made. */
  get isAboutDevices(): boolean {
    return this.groupTypes.size > 0 || this.#inGroup.size > 0 || this.pool !== null;
  }

  /** Whether a device's IOMMU group is translated; null if its type is unknown. */
  isTranslated(device: string): boolean | null {
    const type = this.groupTypes.get(device) ??
      (this.#inGroup.has(device) ? this.#defaultType : null);
    if (type === "DMA" || type === "DMA-FQ" || type === "Translated") return true;
    return type === "identity" || type === "Passthrough" ? false : null;
  }

  #boot(text: string): void {
    if (!MAY_BE_OF_BOOT.test(text)) return;
    MODELS.forEach(([pattern, model], rank) => {
      if (rank < this.#rank || !pattern.test(text)) return;
      this.#rank = rank;
      this.model = model;
    });
    const policy = POLICY.exec(text)?.[1];
    if (policy === "strict" || STRICT_BY_HOST.test(text)) this.invalidation = "strict";
    else if (policy === "lazy") this.invalidation ??= "lazy";
    if (CHECKS.test(text)) this.hasChecker = true;
    if (SMMU.test(text)) this.hasSmmu = true;
    const pool = POOL.exec(text);
    if (pool !== null) {
      const [start, end] = [Number(pool[1]), Number(pool[2]) + 1];
      [this.pool, this.poolBytes] = [{ start, end }, end - start];
    }
    const grouped = text.includes("iommu group") ? IN_GROUP.exec(text)?.[1] : undefined;
    if (grouped !== undefined) this.#inGroup.add(grouped);
    this.#defaultType = DEFAULT_TYPE.exec(text)?.[1] ?? this.#defaultType;
    const slots = POOL_OPTION.exec(text)?.[1];
    if (slots !== undefined) this.poolBytes ??= Number(slots) * SLOT_BYTES;
  }
}
