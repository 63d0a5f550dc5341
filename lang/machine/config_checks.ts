/**
 * Checks that need the whole machine: overlapping regions, page sizes that do not fit together, an
 * impossible topology, a device that cannot be started.
 */
import { buildLab, ConfigError, defaultLabConfig, type Lab, type LabConfig } from "@dmalab/devices";
import {
  IOMMU_MODEL_NAMES,
  IOMMU_MODELS,
  type IommuConfig,
  type IommuModel,
  KernelError,
  type MemoryRegionConfig,
  type PhysAddr,
  sizePool,
  SLOT_BYTES,
} from "@dmalab/runtime";
import { resolveKernel } from "@dmalab/runtime/kernels";
import type { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import { formatAddress, formatSize } from "../text/numbers.ts";
import type { Span } from "../source.ts";
import type { ConfigBlock } from "./config_tree.ts";
import type { MachineSchema } from "./schema.ts";

/** Checks a configuration as a whole, if each single key is valid. */
export function checkConfig(
  tree: ConfigBlock,
  config: LabConfig,
  bag: DiagnosticBag,
  schema: MachineSchema,
): void {
  checkRegions(tree, config, bag);
  // Invalid keys are left out of the configuration, so nothing can be said about the whole.
  if (bag.hasErrors) return;
  checkGranule(tree, config, bag);
  checkPageSizes(tree, config, bag);
  checkAddressBits(tree, config, bag);
  checkPageDebugging(tree, config, bag);
  checkPool(tree, config, bag);
  if (!bag.hasErrors) checkBuilds(tree, config, bag, schema);
}

/**
 * The usual page sizes of a model with a granule. A table fills one granule, and its entries have 8
 * bytes, so it has `granuleBytes / 8` entries. Therefore the next larger page is `granuleBytes / 8`
 * times as large as a granule.
 */
export function usualPageSizes(
  model: IommuModel,
  granuleBytes: number,
  defaults: IommuConfig,
): readonly number[] {
  return granuleBytes === defaults.granuleBytes
    ? IOMMU_MODELS[model].usualPageSizesBytes ?? defaults.pageSizesBytes
    : [granuleBytes, granuleBytes * (granuleBytes / 8)];
}

function checkRegions(tree: ConfigBlock, config: LabConfig, bag: DiagnosticBag): void {
  const sorted = [...config.regions].sort((a, b) => a.basePhys - b.basePhys);
  let highest: MemoryRegionConfig | null = null;
  for (const region of sorted) {
    if (highest !== null && region.basePhys < endOf(highest)) {
      const first = `"${highest.name}"`;
      bag.error(
        "E0509",
        regionSpan(tree, region),
        `Region "${region.name}" (${extent(region)}) overlaps ${first} (${extent(highest)})`,
        undefined,
        [{ span: regionSpan(tree, highest), message: `${first} is declared here` }],
      );
    }
    if (highest === null || endOf(region) > endOf(highest)) highest = region;
  }
}

/** The span of a region's name. */
function regionSpan(tree: ConfigBlock, region: MemoryRegionConfig): Span {
  return tree.children.find((child) => child.name?.text === region.name)!.name!.span;
}

function endOf(region: MemoryRegionConfig): number {
  return region.basePhys + region.sizeBytes;
}

function extent(region: { readonly basePhys: PhysAddr; readonly sizeBytes: number }): string {
  return `${formatAddress(region.basePhys)}..${formatAddress(region.basePhys + region.sizeBytes)}`;
}

function checkGranule(tree: ConfigBlock, config: LabConfig, bag: DiagnosticBag): void {
  const { granuleBytes, model } = config.iommu;
  const { granulesBytes } = IOMMU_MODELS[model];
  if (granulesBytes.includes(granuleBytes)) return;
  const iommu = tree.children.find((child) => child.spec.keyword === "iommu");
  const given = iommu?.settings.get("granule");
  if (given === undefined) return;
  const others = IOMMU_MODEL_NAMES.filter((other) =>
    IOMMU_MODELS[other].granulesBytes.includes(granuleBytes)
  );
  bag.error(
    "E0511",
    given.valueSpan,
    `The IOMMU model ${model} has no granule of ${formatSize(granuleBytes)}`,
    others.length > 0
      ? `\`model = ${others[0]}\` has one`
      : `it has ${granulesBytes.map(formatSize).join(", ")}`,
  );
}

function checkPageSizes(tree: ConfigBlock, config: LabConfig, bag: DiagnosticBag): void {
  const { granuleBytes, model, pageSizesBytes } = config.iommu;
  if (pageSizesBytes[0] === granuleBytes) return;
  const iommu = tree.children.find((child) => child.spec.keyword === "iommu");
  const given = iommu?.settings.get("page_sizes") ?? iommu?.settings.get("granule");
  if (given === undefined) return;
  const sizes = pageSizesBytes.map(formatSize).join(", ");
  bag.error(
    "E0511",
    given.valueSpan,
    `Cannot map granules of ${formatSize(granuleBytes)} with pages of ${sizes}`,
    `the smallest page size is the granule: [${
      usualPageSizes(model, granuleBytes, defaultLabConfig().iommu).map(formatSize).join(", ")
    }]`,
  );
}

function checkAddressBits(tree: ConfigBlock, { iommu }: LabConfig, bag: DiagnosticBag): void {
  const { most } = IOMMU_MODELS[iommu.model].addressBits;
  if (iommu.addressBits <= most) return;
  bag.error(
    "E0511",
    spanOfPath(tree, ["iommu", "address_bits"]),
    `The IOMMU model ${iommu.model} has at most ${most} address bits`,
    `\`address_bits = ${most}\`, or left out ${IOMMU_MODELS[iommu.model].addressBits.usual}`,
  );
}

/**
 * Warns about a parameter that the release does not have: a real kernel ignores unknown parameters.
 */
function checkPageDebugging(tree: ConfigBlock, config: LabConfig, bag: DiagnosticBag): void {
  if (!config.iommu.debugPagealloc) return;
  if (!resolveKernel(config).mapped_pages_uncounted) return;
  bag.warning(
    "W0515",
    spanOfPath(tree, ["iommu", "debug_pagealloc"]),
    `${config.kernel} has no iommu.debug_pagealloc`,
    "a kernel from 7.2 on warns when pages that are mapped are freed; this one never does",
  );
}

/** Warns about a pool of bounce buffers that the kernel makes larger than asked. */
function checkPool(tree: ConfigBlock, { cpus, swiotlb }: LabConfig, bag: DiagnosticBag): void {
  const asked = tree.children.find(({ spec }) => spec.keyword === "swiotlb")?.settings.get("size");
  const { areas, sizeBytes } = swiotlb;
  if (asked === undefined || sizeBytes === 0) return;
  const madeBytes = sizePool(Math.ceil(sizeBytes / SLOT_BYTES), areas ?? cpus).slots * SLOT_BYTES;
  if (madeBytes === sizeBytes) return;
  bag.warning(
    "W0516",
    asked.valueSpan,
    `The pool has ${formatSize(madeBytes)}, not ${formatSize(sizeBytes)}`,
    `\`size = ${formatSize(madeBytes)}\`: a power of two, at least 256KiB for each area`,
  );
}

/** The greatest number of valid machines that are remembered. */
const MAX_ACCEPTED = 500;

/** All data from which a machine is built, as text; null if it contains more than plain data. */
function textOf(tree: ConfigBlock, config: LabConfig): string | null {
  if ((config.watch ?? null) !== null) return null;
  const registers = (block: ConfigBlock): unknown => [
    block.name?.text,
    [...block.registers.values()].map(({ bar, offsetBytes }) => [bar, offsetBytes]),
    block.children.map(registers),
  ];
  return JSON.stringify(
    [config, registers(tree)],
    (_key, value) =>
      value instanceof Set
        ? [...value]
        : typeof value === "number" && !Number.isFinite(value)
        ? `${value}`
        : value,
  );
}

/** Builds the lab once and discards it, to report errors that only the devices can detect. */
function checkBuilds(
  tree: ConfigBlock,
  config: LabConfig,
  bag: DiagnosticBag,
  schema: MachineSchema,
): void {
  const { registry, right } = schema;
  const text = textOf(tree, config);
  if (text !== null && right.has(text)) return;
  try {
    const lab = buildLab(config, registry);
    checkRamRegions(tree, lab, bag);
    checkRegisters(tree, lab, bag);
    if (right.size >= MAX_ACCEPTED) right.clear();
    if (text !== null && !bag.hasErrors) right.add(text);
  } catch (error) {
    if (error instanceof ConfigError) {
      bag.error("E0511", spanOfPath(tree, error.path), error.message, error.hint ?? undefined);
    } else if (error instanceof KernelError) {
      // A device cannot be started, for example because there is no memory for its queues.
      bag.error("E0511", spanOfPath(tree, []), error.what);
    } else throw error;
  }
}

/** Reports a region of memory, other than MMIO, that is not completely RAM. */
function checkRamRegions(tree: ConfigBlock, lab: Lab, bag: DiagnosticBag): void {
  const ram = lab.machine.memory.ranges.filter((range) => range.type === "ram");
  for (const region of lab.config.regions) {
    const { basePhys, sizeBytes } = region;
    const inside = region.type === "mmio" ||
      ram.some((range) =>
        basePhys >= range.basePhys && basePhys + sizeBytes <= range.basePhys + range.sizeBytes
      );
    if (inside) continue;
    bag.error(
      "E0511",
      regionSpan(tree, region),
      `Region "${region.name}" (${extent(region)}) is not in RAM`,
      `RAM is at ${ram.map(extent).join(", ")}; \`type = mmio\` makes it an MMIO window`,
    );
  }
}

/** Reports described registers that the device does not have. */
function checkRegisters(block: ConfigBlock, lab: Lab, bag: DiagnosticBag): void {
  for (const child of block.children) checkRegisters(child, lab, bag);
  const device = block.name === null ? undefined : lab.devices.get(block.name.text);
  if (device?.registers === undefined) return;
  const { kind, name, registers } = device;
  for (const { bar, offsetBytes, span } of block.registers.values()) {
    const found = bar === null
      ? registers
      : device.function.bars.find(({ index }) => index === bar);
    if (registers !== null && found === undefined) {
      const { bars } = device.function;
      const hint = `it has ${bars.map(({ index }) => `BAR ${index}`).join(", ")}`;
      bag.error("E0511", span, `${name} has no BAR ${bar}`, hint);
    } else if (found == null) {
      const hint = `give it one: \`${kind} ${name} { bar = 4KiB … }\``;
      bag.error("E0511", span, `${name} has no window of registers`, hint);
    } else if (offsetBytes >= found.sizeBytes) {
      const size = formatSize(found.sizeBytes);
      const message = `${name} has no register at ${formatAddress(offsetBytes)}${
        bar === null ? "" : ` in BAR ${bar}`
      }`;
      bag.error("E0511", span, message, `its window has ${size}`);
    }
  }
}

/** The span of the innermost block or key on a path of names. */
function spanOfPath(tree: ConfigBlock, path: readonly string[]): Span {
  let block = tree;
  for (const name of path) {
    const child = findBelow(block, name);
    if (child !== null) {
      block = child;
      continue;
    }
    const given = block.settings.get(name);
    if (given !== undefined) return given.valueSpan;
    break;
  }
  const span = block.name?.span ?? block.span ?? tree.span;
  if (span !== null) return span;
  // No block is written for this machine: only modifiers describe it, so one of them is the
  // mistake.
  for (const child of [tree, ...tree.children]) {
    for (const given of child.settings.values()) return given.valueSpan;
  }
  throw new RangeError(`A machine without any key cannot be built: ${path.join(".")}`);
}

function findBelow(block: ConfigBlock, name: string): ConfigBlock | null {
  const direct = block.children.find((child) =>
    child.name === null ? child.spec.keyword === name : child.name.text === name
  );
  if (direct !== undefined) return direct;
  // Paths of the PCI tree begin below `pci`.
  const pci = block.children.find((child) => child.spec.keyword === "pci");
  return pci === undefined ? null : findBelow(pci, name);
}
