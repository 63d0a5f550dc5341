/**
 * Generates the machine block of a scenario from the trace, its log and the facts recorded beside
 * the trace. Missing facts are guessed, and a comment states each guess.
 */
import { DEFAULT_SEGMENT_BYTES } from "@dmalab/runtime/dma";
import { hasFeature, kernelNamed, resolveKernel } from "@dmalab/runtime/kernels";
import type { MachineFacts } from "../ledger/machine_facts.ts";
import { isUndecided, modeOf } from "../ledger/device_mode.ts";
import type { Device } from "../ledger/traced_mapping.ts";

export type ScriptedIommuMode = "off" | "passthrough" | "strict" | "lazy";

export interface ScriptDevice {
  readonly name: string;
  readonly isDisk: boolean;
  readonly longestBytes: number;
}

const MODE_OF_TYPE: ReadonlyMap<string, ScriptedIommuMode> = new Map([
  ["DMA", "strict"],
  ["DMA-FQ", "lazy"],
  ["identity", "passthrough"],
]);

/** Chooses the IOMMU mode: a scenario has one mode for all of its devices. */
export function scriptMode(
  devices: Iterable<Device>,
  { groupTypes, invalidation }: MachineFacts,
  guesses: Set<string>,
): ScriptedIommuMode {
  const translated: Device[] = [];
  const others: Device[] = [];
  const byGroup = new Set<ScriptedIommuMode>();
  for (const device of devices) {
    const mode = modeOf(device);
    if (isUndecided(device)) {
      guesses.add(
        `that ${device.name} is translated: its addresses are not the physical ones, and nothing ` +
          "says whether an IOMMU or a bounce buffer made them",
      );
    }
    if (mode === "translated" || isUndecided(device)) translated.push(device);
    else if (mode !== "unknown") others.push(device);
    const group = MODE_OF_TYPE.get(groupTypes.get(device.name) ?? "");
    if (group !== undefined) byGroup.add(group);
  }
  if (translated.length === 0 && others.length > 0) {
    return byGroup.has("passthrough") ? "passthrough" : "off";
  }
  for (const { name } of others) {
    guesses.add(`${name} is translated as the others are, but the machine did not translate it`);
  }
  byGroup.delete("passthrough");
  if (byGroup.size === 1) return [...byGroup][0]!;
  if (invalidation !== null) return invalidation;
  guesses.add("the IOMMU's mode: strict");
  return "strict";
}

/**
 * The lines of the `machine` block.
 *
 * @param isBounced Whether a device of the scenario used bounce buffers without an IOMMU.
 * @param version The kernel's release from the first lines of its log, or null.
 */
export function machineLines(
  devices: readonly ScriptDevice[],
  mode: ScriptedIommuMode,
  isBounced: boolean,
  facts: MachineFacts,
  version: string | null,
  guesses: Set<string>,
): readonly string[] {
  const isForced = isBounced && (mode === "off" || mode === "passthrough");
  const size = facts.poolBytes === null ? "" : `, size = ${facts.poolBytes}B`;
  if (isForced && size === "") guesses.add("the bounce pool's size: 64 MiB");
  const model = facts.model === null || mode === "off" ? "" : `, model = ${facts.model}`;
  return [
    "machine {",
    ...kernelLines(version, guesses),
    `  iommu { mode = ${mode}${model} }`,
    ...isForced ? [`  swiotlb { force = true${size} }`] : [],
    "  pci {",
    ...devices.map((device, index) => portLine(device, index, guesses)),
    "  }",
    "}",
  ];
}

function releaseOf(version: string | null) {
  const [full, series] = /^(\d+\.\d+)(?:\.\d+)?/.exec(version ?? "") ?? [];
  const name = [full, series].find((each) => each !== undefined && kernelNamed(each) !== undefined);
  return { full, name };
}

/**
 * Whether the scenario's release has map calls by physical address; if not, it has only calls by
 * page.
 */
export function mapsPhysical(version: string | null): boolean {
  const kernel = kernelNamed(releaseOf(version).name ?? "");
  return kernel === undefined ||
    hasFeature(resolveKernel({ kernel, quirks: null }), "physical_calls");
}

/** The recorded kernel release, or the modelled release of the same series. */
function kernelLines(version: string | null, guesses: Set<string>): string[] {
  const { full, name } = releaseOf(version);
  if (name !== full) {
    guesses.add(`the kernel's release${full === undefined ? "" : `, which was ${full}`}`);
  }
  return name === undefined ? [] : [`  kernel = "${name}"`];
}

function portLine(
  { isDisk, longestBytes, name }: ScriptDevice,
  index: number,
  guesses: Set<string>,
): string {
  const isLong = !isDisk && longestBytes > DEFAULT_SEGMENT_BYTES;
  if (isLong) guesses.add("the segment limit of a device: the longest segment that the trace has");
  const limit = isLong ? `max_segment_size = ${longestBytes}B ` : "";
  return `    root_port rp${index} { ${isDisk ? "nvme" : "endpoint"} ${name} { ${limit}} }`;
}
