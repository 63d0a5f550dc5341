/**
 * The machines that a driver is tried on: that of its file, and what `with` can make of it. How
 * devices are translated, whether the device sees the CPU's caches, and how far it reaches.
 */
import { GIB } from "@dmalab/runtime";
import { formatSize } from "@dmalab/lang/text";
import { loadProgram, SourceFile } from "@dmalab/lang";
import type { SourceLoader } from "@dmalab/lang/syntax";
import { buildLab, type LabConfig } from "@dmalab/devices";

/** Enough for buffers above 4 GiB, which a device of 32 bits does not reach. */
const RAM_BYTES = 8 * GIB;

export interface MachineVariation {
  /**
   * `iommu.mode = lazy, nic.coherent = false`: what differs from the file's machine, its memory
   * aside; or empty.
   */
  readonly settings: string;
  readonly config: LabConfig;
}

export interface MachineSpace {
  /** Those that differ least from the file's first. All have memory above 4 GiB. */
  readonly machines: readonly MachineVariation[];
  /** What gives the file's machine that memory, as a setting; empty where it has it. */
  readonly highSetting: string;
}

/** The same setting with each of its values. */
type Axis = readonly (readonly string[])[];

/** How a device reaches memory. */
function modes(device: string): Axis {
  const mode = (word: string, force = false, untrusted = false) => [
    `iommu.mode = ${word}`,
    `swiotlb.force = ${force}`,
    `${device}.untrusted = ${untrusted}`,
  ];
  return [
    mode("off"),
    mode("passthrough"),
    mode("strict"),
    mode("lazy"),
    mode("off", true),
    mode("strict", false, true),
  ];
}

/**
 * Every machine, in the order of difference from the file's: the smallest first.
 *
 * @param file How the loader finds the driver's file.
 * @returns A sentence where a machine cannot be built.
 */
export function machineVariations(
  file: string,
  device: string,
  loader: SourceLoader,
): MachineSpace | string {
  const axes: readonly Axis[] = [
    modes(device),
    [[`${device}.coherent = true`], [`${device}.coherent = false`]],
    [[], [`${device}.dma_mask_bits = 32`]],
  ];
  const all = axes.reduce<string[][]>(
    (rows, axis) => rows.flatMap((row) => axis.map((settings) => [...row, ...settings])),
    [[]],
  );
  const single = [...new Set(all.flat())];
  const plain = configsOf(file, [[]], loader);
  if (typeof plain === "string") return plain;
  const highSetting = plain[0]!.ramSizeBytes < RAM_BYTES
    ? `ram.size = ${formatSize(RAM_BYTES)}`
    : "";
  const rows = [[], ...single.map((setting) => [setting]), ...all]
    .map((row) => highSetting === "" ? row : [highSetting, ...row]);
  const configs = configsOf(file, rows, loader);
  if (typeof configs === "string") return configs;
  const kinds = configs.map((config) => kindOf(config, device));
  // What changes nothing need not be said.
  const idle = new Set(single.filter((_, index) => kinds[1 + index] === kinds[0]));
  const found = new Map<string, MachineVariation & { readonly changes: number }>();
  all.forEach((settings, index) => {
    const at = 1 + single.length + index;
    const changed = settings.filter((setting) => !idle.has(setting));
    const known = found.get(kinds[at]!);
    if (known !== undefined && known.changes <= changed.length) return;
    const config = configs[at]!;
    found.set(kinds[at]!, { settings: changed.join(", "), config, changes: changed.length });
  });
  const machines = [...found.values()].sort((one, other) => one.changes - other.changes);
  return { machines, highSetting };
}

/** The kind of a machine for a device; two machines of one kind need not both be tried. */
function kindOf(config: LabConfig, device: string): string {
  const { coherent, maskBits, untrusted } = buildLab(config).devices.get(device)!.dma;
  return [config.iommu.mode, config.swiotlb.force, untrusted, coherent, maskBits].join();
}

/** The machines that the language makes of settings, a machine for each list. */
function configsOf(
  file: string,
  variants: readonly (readonly string[])[],
  loader: SourceLoader,
): readonly LabConfig[] | string {
  const tests = variants.map((settings, index) =>
    `test "${index}" with { ${settings.join(", ")} } { }`
  );
  const source = new SourceFile("machines.dma", [`use "${file}"`, ...tests, ""].join("\n"));
  const { diagnostics, program } = loadProgram(source, loader);
  return program?.tests.map(({ config }) => config) ??
    diagnostics.find(({ severity }) => severity === "error")?.message ?? "";
}
