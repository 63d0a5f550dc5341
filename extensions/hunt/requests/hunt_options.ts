/** Parses the command-line options of a hunt. */
import { nearestNames } from "@dmalab/lang/diagnostics";
import {
  DEFAULT_KERNEL,
  isQuirkName,
  KERNEL_NAMES,
  kernelNamed,
  KERNELS,
  QUIRK_NAMES,
  type QuirkSet,
} from "@dmalab/runtime/kernels";
import type { IommuMode } from "@dmalab/runtime";
import { HUNT_MODES } from "../cases/machines.ts";
import type { HuntRelease } from "./hunt_case.ts";

const DEFAULT_CASES = 20_000;
const DEFAULT_SEED = 1;

/** The command's options as typed. */
export interface HuntWords {
  readonly kernel: string | null;
  readonly quirks: string | null;
  readonly cases: number | null;
  readonly seconds: number | null;
  readonly seed: number | null;
  readonly mode?: string | null;
}

export interface HuntSettings {
  readonly release: HuntRelease;
  readonly cases: number;
  /** Infinity when there is no time limit. */
  readonly seconds: number;
  readonly seed: number;
  readonly mode: IommuMode | undefined;
}

const USUAL: HuntRelease = {
  kernel: DEFAULT_KERNEL,
  quirks: KERNELS[DEFAULT_KERNEL].quirks,
};

/**
 * @param usual The default release: the release of the hunt's machine.
 * @returns The settings, or a sentence about the problem.
 */
export function readHuntOptions(
  words: HuntWords,
  usual: HuntRelease = USUAL,
): HuntSettings | string {
  const kernel = words.kernel === null ? usual.kernel : kernelNamed(words.kernel);
  if (kernel === undefined) {
    return `There is no release "${words.kernel}"; there are ${KERNEL_NAMES.join(", ")}`;
  }
  const own = words.kernel === null ? usual.quirks : KERNELS[kernel].quirks;
  const quirks = readQuirks(own, words.quirks);
  if (typeof quirks === "string") return quirks;
  const mode = HUNT_MODES.find((name) => name === words.mode);
  if (mode === undefined && words.mode != null) {
    return `There is no mode "${words.mode}"; there are ${HUNT_MODES.join(", ")}`;
  }
  return {
    release: { kernel, quirks },
    mode,
    // With only a time limit, the number of cases is unlimited.
    cases: words.cases ?? (words.seconds === null ? DEFAULT_CASES : Infinity),
    seconds: words.seconds ?? Infinity,
    seed: words.seed ?? DEFAULT_SEED,
  };
}

/**
 * Parses a list of quirks as in a machine block: `x` adds a quirk, `not x` removes it, `none` empties
 * the set.
 */
function readQuirks(own: QuirkSet, list: string | null): QuirkSet | string {
  const words = (list ?? "").replace(/^\s*\[|\]\s*$/g, "").split(",").map((word) => word.trim())
    .filter((word) => word !== "");
  const quirks = new Set(words.includes("none") ? [] : own);
  for (const word of words) {
    if (word === "none") continue;
    const off = /^not\s+/.test(word);
    const name = word.replace(/^not\s+/, "");
    if (!isQuirkName(name)) {
      const [nearest] = nearestNames(name, [...QUIRK_NAMES, "none"], 1);
      const meant = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
      return `There is no defect "${name}"${meant}`;
    }
    if (off) quirks.delete(name);
    else quirks.add(name);
  }
  return quirks;
}
