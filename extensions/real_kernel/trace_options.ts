/** Reads the options of `kernel trace`. */
import { printable } from "@dmalab/lang/diagnostics";
import {
  type DeviceWork,
  TRACE_IOMMUS,
  TRACE_MODES,
  type TRACE_OPTIONS,
  TRACED_DEVICE_NAMES,
  type TracedDeviceName,
  type TraceIommu,
  type TraceMode,
  WORKS,
} from "./drivers/trace_words.ts";
import type { KernelTraceOptions } from "./kernel_trace.ts";

/** Options as the command line has them. */
export interface TraceWords
  extends Record<Exclude<typeof TRACE_OPTIONS[number], "work" | "against-modules">, string | null> {
  readonly work: readonly string[];
  readonly "against-modules": readonly string[];
  readonly match: readonly string[];
  readonly release: string | null;
  readonly out: string | null;
  readonly html: string | null;
}

/** Options of other actions. */
const OTHERS = ["match", "release", "out", "html"] as const;

export type TraceOptions = Pick<
  KernelTraceOptions,
  | "device"
  | "works"
  | "iommu"
  | "mode"
  | "module"
  | "parameters"
  | "against"
  | "againstModules"
>;

/** @returns The options; what is wrong with them, as a sentence. */
export function readTraceOptions(words: TraceWords): TraceOptions | string {
  const other = OTHERS.find((name) => isGiven(words[name]));
  if (other !== undefined) return `kernel trace has no \`--${other}\``;
  if (words.device === null) return `kernel trace needs \`--device DEVICE\``;
  const device = oneOf<TracedDeviceName>("device", words.device, TRACED_DEVICE_NAMES);
  const iommu = words.iommu === null
    ? { value: null }
    : oneOf<TraceIommu>("IOMMU", words.iommu, TRACE_IOMMUS);
  const mode = oneOf<TraceMode>("mode", words.mode ?? "strict", TRACE_MODES);
  if (typeof device !== "object") return device;
  if (typeof iommu !== "object") return iommu;
  if (typeof mode !== "object") return mode;
  const works: DeviceWork[] = [];
  for (const word of words.work) {
    const work = oneOf<DeviceWork>("work", word, WORKS);
    if (typeof work !== "object") return work;
    if (!works.includes(work.value)) works.push(work.value);
  }
  const { against, module } = words;
  if (words.parameters !== null && module === null) {
    return "`--parameters` is for a module of yours: name it with `--module`";
  }
  if (/[^\x20-\x7e]/.test(words.parameters ?? "")) {
    return "`--parameters` has characters that no parameter of a module has";
  }
  if (against === null && isGiven(words["against-modules"])) {
    return "`--against-modules` is for the kernel of `--against`";
  }
  return {
    device: device.value,
    works,
    iommu: iommu.value,
    mode: mode.value,
    module,
    parameters: words.parameters?.split(" ").filter((word) => word !== "") ?? [],
    against,
    againstModules: words["against-modules"],
  };
}

function isGiven(value: string | readonly string[] | null): boolean {
  return value !== null && value.length > 0;
}

function oneOf<Word extends string>(
  what: string,
  word: string,
  words: readonly Word[],
): { readonly value: Word } | string {
  const value = words.find((each) => each === word);
  return value === undefined
    ? `unknown ${what} "${printable(word)}"; expected one of: ${words.join(", ")}`
    : { value };
}
