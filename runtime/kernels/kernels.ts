/** The kernel of a machine, by the release and the defects that its configuration names. */
import { groupBy } from "../lists.ts";
import { ATTRIBUTE_PREFIX, attributeWords, DMA_ATTR } from "../dma/attributes.ts";
import { named } from "../nearest_names.ts";
import type { KernelFeature } from "../vocabulary/kernel_calls.ts";
import {
  type Behaviour,
  type BehaviourName,
  BEHAVIOURS,
  KERNEL_NAMES,
  KERNEL_SHORT_NAMES,
  type KernelProfile,
  OLDER_WAYS,
  type OlderWay,
  type QuirkName,
  QUIRKS,
  type QuirkSet,
  RELEASES,
} from "./behaviours.ts";

/**
 * The kernel of a machine: a boolean for each row of the table. All kernels have the same object shape,
 * so a hot path reads a row as fast as a field of `this`.
 * @internal
 */
export type Kernel = Readonly<Record<BehaviourName, boolean>>;

/** A release of the kernel. */
export interface KernelRelease {
  /** What distinguishes the release, as a sentence. */
  readonly doc: string;
  /** Its defects. */
  readonly quirks: QuirkSet;
  /**
   * The release's older ways of working.
   * @internal
   */
  readonly olderWays: ReadonlySet<OlderWay>;
}

/** Every defect's name. */
export const QUIRK_NAMES = Object.keys(QUIRKS) as readonly QuirkName[];

const BEHAVIOUR_NAMES = Object.keys(BEHAVIOURS) as readonly BehaviourName[];

/** Whether a release has the behaviour of a row. */
export function hasBehaviour(release: KernelProfile, name: BehaviourName): boolean {
  const at = KERNEL_NAMES.indexOf(release);
  return BEHAVIOURS[name].in.some((span) => {
    const [from, to = from] = span.split("..") as (KernelProfile | "")[];
    return (from === "" || KERNEL_NAMES.indexOf(from!) <= at) &&
      (to === "" || at <= KERNEL_NAMES.indexOf(to!));
  });
}

function namesIn<N extends BehaviourName>(
  release: KernelProfile,
  rows: Readonly<Record<N, unknown>>,
) {
  return new Set((Object.keys(rows) as N[]).filter((name) => hasBehaviour(release, name)));
}

/** Every release that a machine can have, by its name. */
export const KERNELS: Readonly<Record<KernelProfile, KernelRelease>> = Object.fromEntries(
  KERNEL_NAMES.map((name): [string, KernelRelease] => [name, {
    doc: RELEASES[name],
    quirks: namesIn(name, QUIRKS),
    olderWays: namesIn(name, OLDER_WAYS),
  }]),
) as Record<KernelProfile, KernelRelease>;

export function isQuirkName(name: string): name is QuirkName {
  return Object.hasOwn(QUIRKS, name);
}

/** A row that differs between an older and a newer release. */
export interface ReleaseDifference {
  readonly name: BehaviourName;
  /** The name under which `dmalab explain` describes the row further. */
  readonly rule: string;
  /** The behaviour of a release that has the row, as a sentence. */
  readonly doc: string;
  /**
   * The change from the older to the newer release: the newer one has a defect or has fixed it; it
   * has begun a way of working or has ended it.
   */
  readonly change: "defect" | "mended" | "begun" | "ended";
}

/** All differences of a newer release from an older one. */
export function differencesOf(older: KernelProfile, newer: KernelProfile): ReleaseDifference[] {
  return BEHAVIOUR_NAMES.flatMap((name) => {
    const isIn = hasBehaviour(newer, name);
    if (isIn === hasBehaviour(older, name)) return [];
    const { doc, rule = name }: Behaviour = BEHAVIOURS[name];
    const change = isQuirkName(name) ? (isIn ? "defect" : "mended") : isIn ? "begun" : "ended";
    return [{ name, rule, doc, change }];
  });
}

/**
 * A release with some rows inverted: it gets the rows of `turned` that it lacks, and loses those
 * that it has.
 */
export function releaseWith(
  release: KernelRelease,
  turned: readonly BehaviourName[],
): KernelRelease {
  const isOlderWay = (name: BehaviourName): name is OlderWay => !isQuirkName(name);
  return {
    doc: release.doc,
    quirks: inverted(release.quirks, turned.filter(isQuirkName)),
    olderWays: inverted(release.olderWays, turned.filter(isOlderWay)),
  };
}

/** A release by its full name or by its short one. */
export type KernelName = KernelProfile | keyof typeof KERNEL_SHORT_NAMES;

/** The rows without those of `turned` that it has, and with those that it lacks. */
function inverted<T>(rows: ReadonlySet<T>, turned: readonly T[]): ReadonlySet<T> {
  const kept = [...rows].filter((row) => !turned.includes(row));
  return new Set([...kept, ...turned.filter((row) => !rows.has(row))]);
}

/** The release of a full or a short name; undefined for an unknown name. */
export function kernelNamed(name: KernelName): KernelProfile;
export function kernelNamed(name: string): KernelProfile | undefined;
export function kernelNamed(name: string): KernelProfile | undefined {
  const short: Readonly<Record<string, KernelProfile>> = KERNEL_SHORT_NAMES;
  const full = short[name] ?? name;
  return KERNEL_NAMES.find((each) => each === full);
}

/**
 * The numbers of a version, for comparison: a release candidate sorts before its release, and the release
 * before its updates.
 */
function versionParts(version: string): readonly number[] | null {
  const parts = /^v?(\d{1,3})\.(\d{1,3})(?:\.(\d{1,5}))?(?:-rc(\d{1,2}))?(?![\d.])/.exec(version);
  if (parts === null) return null;
  const [, major, minor, sub, candidate] = parts.map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  return [
    major,
    minor,
    parts[4] === undefined ? 0 : candidate - 100,
    parts[3] === undefined ? 0 : sub,
  ];
}

function isBefore(one: readonly number[], other: readonly number[]): boolean {
  const at = one.findIndex((part, index) => part !== other[index]);
  return at >= 0 && one[at]! < other[at]!;
}

/**
 * The two modelled releases around a version that is not modelled: the newest before it and the
 * oldest after it.
 * @returns Empty for a text that is not a version.
 * @example nearestReleases("7.2.9") // ["7.2.6", "7.2.12"]
 */
export function nearestReleases(version: string): readonly KernelProfile[] {
  const parts = versionParts(version);
  if (parts === null) return [];
  const after = KERNEL_NAMES.findIndex((name) => isBefore(parts, versionParts(name)!));
  const before = after < 0 ? KERNEL_NAMES.length - 1 : after - 1;
  return [before, after].flatMap((index) => KERNEL_NAMES[index] ?? []);
}

/** The part of a machine's configuration that selects its kernel. */
export interface KernelConfig {
  /** The release, by its full or its short name. */
  readonly kernel: KernelName;
  /**
   * The kernel's defects (rules/defects.md). Null means the release's own defects; a set means
   * exactly the defects in the set. An empty set is the intended behaviour.
   */
  readonly quirks: QuirkSet | null;
  /**
   * Older ways of working to use instead of the release's own ones; null to use the release's own.
   * @internal
   */
  readonly olderWays?: ReadonlySet<OlderWay> | null;
  /**
   * Wraps the kernel to observe which rows a run reads; no wrapper by default.
   * @internal
   */
  readonly watch?: ((kernel: Kernel) => Kernel) | null;
}

/** A kernel with all rows false. Copies have its shape. */
const NO_ROWS = Object.fromEntries(BEHAVIOUR_NAMES.map((name) => [name, false])) as Kernel;

function kernelWith(rows: readonly Iterable<BehaviourName>[]): Kernel {
  const kernel: Record<BehaviourName, boolean> = { ...NO_ROWS };
  for (const names of rows) for (const name of names) kernel[name] = true;
  return kernel;
}

/** Kernels of unmodified releases, each created once: a race builds many machines of one release. */
const AS_RELEASED = new Map<KernelRelease, Kernel>();

/**
 * The kernel of a release. It is created at the first request, because creating unused kernels
 * slows `nvme.read4k.strict` by a tenth.
 */
function kernelAsReleased(release: KernelRelease): Kernel {
  const kernel = AS_RELEASED.get(release) ?? kernelWith([release.quirks, release.olderWays]);
  AS_RELEASED.set(release, kernel);
  return kernel;
}

/**
 * The kernel for a configuration.
 * @throws {RangeError} When there is no such release or defect, which is possible if the names come
 *   from text.
 */
export function resolveKernel({ kernel, olderWays, quirks, watch }: KernelConfig): Kernel {
  const release = named(KERNELS, kernelNamed(kernel) ?? kernel, "release of the kernel");
  for (const name of quirks ?? []) named(QUIRKS, name, "defect switch");
  const resolved = (quirks ?? olderWays ?? null) === null
    ? kernelAsReleased(release)
    : kernelWith([quirks ?? release.quirks, olderWays ?? release.olderWays]);
  return watch ? watch(resolved) : resolved;
}

/** The defects that a machine's kernel has. */
export function quirksOf(kernel: Kernel): QuirkSet {
  return new Set(QUIRK_NAMES.filter((name) => kernel[name]));
}

/**
 * For each part of the kernel: the rows of kernels that lack the part, and the first release that
 * has the part.
 */
const LACKS = groupBy(
  BEHAVIOUR_NAMES.flatMap((name) =>
    Object.entries((BEHAVIOURS[name] as Behaviour).lacks ?? {})
      .map(([feature, came]) => ({ name, feature, came }))
  ),
  ({ feature }) => feature,
);

/**
 * The release that introduced a part of the kernel which `kernel` lacks; null if `kernel` has the
 * part.
 */
function lacks(kernel: Kernel, feature: KernelFeature): string | null {
  return LACKS.get(feature)?.find(({ name }) => kernel[name])?.came ?? null;
}

export function hasFeature(kernel: Kernel, feature: KernelFeature): boolean {
  return lacks(kernel, feature) === null;
}

/**
 * The script called a function that the machine's release does not have. With a real kernel, such a
 * call would not have compiled.
 */
export class NotInReleaseError extends Error {
  override readonly name = "NotInReleaseError";

  /**
   * @param name The function that was called, such as `dma_map_phys()`, or the attribute.
   * @param came The release that introduced it.
   */
  constructor(name: string, kernel: string, readonly came: string) {
    super(`There is no ${name} in ${kernel}: ${came}`);
  }
}

/** The properties of a machine that its kernel needs. */
interface KernelOwner {
  readonly config: KernelConfig;
  readonly kernel: Kernel;
}

/** @throws {NotInReleaseError} When the machine's release lacks the feature of a function. */
export function requireFeature(
  { config, kernel }: KernelOwner,
  feature: KernelFeature,
  call: string,
): void {
  const came = lacks(kernel, feature);
  if (came !== null) throw new NotInReleaseError(`${call}()`, config.kernel, came);
}

/** The newest attribute that every modelled release has, and all bits below it. */
const ATTRIBUTES_OF_ALL = 2 * DMA_ATTR.PRIVILEGED - 1;

/**
 * @throws {NotInReleaseError} When the machine's release lacks one of these attributes.
 * @see rules/dma.md 7.3
 */
export function requireAttributes({ config, kernel }: KernelOwner, attrs: number): void {
  const [word] = attributeWords(attrs & ~ATTRIBUTES_OF_ALL);
  if (word === undefined || hasFeature(kernel, "physical_calls")) return;
  const name = `${ATTRIBUTE_PREFIX}${word.toUpperCase()}`;
  throw new NotInReleaseError(name, config.kernel, "it came with 6.18");
}
