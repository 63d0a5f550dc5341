/** Reads what the command line says of a hunt. */
import { profileQuirks, QUIRK_NAMES } from "../../lang/machine/quirks.ts";
import { nearestNames } from "../../lang/diagnostics/suggest.ts";
import type { KernelProfile } from "../../runtime/machine_config.ts";
import type { HuntRelease } from "./hunt_case.ts";

const KERNELS: readonly KernelProfile[] = ["6.12", "7.2", "7.2.6"];
const DEFAULT_CASES = 20_000;
const DEFAULT_SEED = 1;

/** The command's options as they are typed. */
export interface HuntWords {
  readonly kernel: string | null;
  readonly quirks: string | null;
  readonly cases: number | null;
  readonly seconds: number | null;
  readonly seed: number | null;
  readonly shard: string | null;
}

export interface HuntSettings {
  readonly release: HuntRelease;
  readonly cases: number;
  /** Infinity when only the cases are counted. */
  readonly seconds: number;
  readonly seed: number;
  readonly shard: { readonly index: number; readonly of: number };
}

const USUAL: HuntRelease = { kernel: "7.2", quirks: profileQuirks("7.2") };

/**
 * @param usual The release when the options name none: that of the machine that is hunted on.
 * @returns The settings, or a sentence that says what is wrong.
 */
export function readHuntOptions(
  words: HuntWords,
  usual: HuntRelease = USUAL,
): HuntSettings | string {
  const kernel = KERNELS.find((name) => name === (words.kernel ?? usual.kernel));
  if (kernel === undefined) {
    return `There is no release "${words.kernel}"; there are ${KERNELS.join(", ")}`;
  }
  const own = words.kernel === null ? usual.quirks : profileQuirks(kernel);
  const quirks = readQuirks(own, words.quirks);
  if (typeof quirks === "string") return quirks;
  const shard = readShard(words.shard);
  if (typeof shard === "string") return shard;
  return {
    release: { kernel, quirks },
    // With a time alone, only the time counts.
    cases: words.cases ?? (words.seconds === null ? DEFAULT_CASES : Infinity),
    seconds: words.seconds ?? Infinity,
    seed: words.seed ?? DEFAULT_SEED,
    shard,
  };
}

/** A list as in a machine block: `x` adds, `not x` takes away, `none` begins with nothing. */
function readQuirks(own: ReadonlySet<string>, list: string | null): Set<string> | string {
  const words = (list ?? "").replace(/^\s*\[|\]\s*$/g, "").split(",").map((word) => word.trim())
    .filter((word) => word !== "");
  const quirks = new Set<string>(words.includes("none") ? [] : own);
  for (const word of words) {
    if (word === "none") continue;
    const off = /^not\s+/.test(word);
    const name = word.replace(/^not\s+/, "");
    if (!QUIRK_NAMES.includes(name)) {
      const [nearest] = nearestNames(name, [...QUIRK_NAMES, "none"], 1);
      const meant = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
      return `There is no defect "${name}"${meant}`;
    }
    if (off) quirks.delete(name);
    else quirks.add(name);
  }
  return quirks;
}

function readShard(text: string | null): { index: number; of: number } | string {
  if (text === null) return { index: 1, of: 1 };
  const [, index, of] = /^(\d+)\/(\d+)$/.exec(text)?.map(Number) ?? [];
  if (index === undefined || of === undefined || index < 1 || index > of) {
    return `"${text}" is no part of a whole such as 2/4`;
  }
  return { index, of };
}
