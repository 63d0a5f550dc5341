/**
 * The machines on which a driver is tried: the machine of the driver's file, and variations of it.
 * The variations have other settings for how devices are translated, whether the device is
 * cache-coherent, and which addresses the device reaches.
 */
import { GIB } from "@dmalab/runtime";
import { formatSize } from "@dmalab/lang/text";
import { loadProgram, SourceFile } from "@dmalab/lang";
import type { SourceLoader } from "@dmalab/lang/syntax";
import { buildLab, type LabConfig } from "@dmalab/devices";

/** Size of RAM: enough for buffers above 4 GiB, which a device of 32 bits does not reach. */
const RAM_BYTES = 8 * GIB;

export interface MachineVariation {
  /**
   * The settings that differ from the file's machine, such as `iommu.mode = lazy, nic.coherent =
   * false`; may be empty. The setting for more memory is not included.
   */
  readonly settings: string;
  readonly config: LabConfig;
}

export interface MachineSpace {
  /**
   * The machines. Those with the fewest differences from the file's machine come first. All
   * machines have memory above 4 GiB.
   */
  readonly machines: readonly MachineVariation[];
  /**
   * The setting that adds memory above 4 GiB to the file's machine; empty if the machine has such
   * memory.
   */
  readonly highSetting: string;
}

/** Alternative settings, each as a list of assignments. */
type Axis = readonly (readonly string[])[];

/** Alternatives for how a device reaches memory. */
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
 * All variations of a machine. Those with the fewest differences from the file's machine come
 * first.
 *
 * @param file The path of the driver's file for the loader.
 * @returns The machines, or a sentence if a machine cannot be built.
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
  // Settings without an effect are left out of the description.
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

/**
 * The properties of a machine that matter for a device. If two machines have equal properties, only
 * one of the machines is tried.
 */
function kindOf(config: LabConfig, device: string): string {
  const { coherent, maskBits, untrusted } = buildLab(config).devices.get(device)!.dma;
  return [config.iommu.mode, config.swiotlb.force, untrusted, coherent, maskBits].join();
}

/** The configurations that result from lists of settings, one for each list. */
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
