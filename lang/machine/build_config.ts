/**
 * From a machine block to the configuration that a lab is built from.
 *
 * Three steps: the block is checked against the schema (`config_tree.ts`), its values find their
 * places here, and what only the whole can tell (regions that overlap, a topology that cannot be)
 * is checked last. Every mistake becomes a diagnostic at its own span.
 */
import { ConfigError } from "../../devices/config_error.ts";
import { buildLab } from "../../devices/lab.ts";
import {
  defaultLabConfig,
  type DeviceSettings,
  type LabConfig,
  type PciNodeConfig,
  type PciNodeKind,
} from "../../devices/lab_config.ts";
import { type PhysAddr, physAddr } from "../../runtime/address.ts";
import { KernelError } from "../../runtime/errno.ts";
import { EVENT_NAMES } from "../../runtime/event_vocabulary.ts";
import type {
  IommuConfig,
  KernelProfile,
  MachineConfig,
  MemoryRegion,
  SwiotlbConfig,
} from "../../runtime/machine_config.ts";
import type { ConfigModifier, EvaluateConstant } from "../builtins/registry.ts";
import type { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import { formatAddress, formatSize } from "../render/numbers.ts";
import type { Span } from "../source.ts";
import type { MachineDeclaration } from "../syntax/ast.ts";
import { type ConfigBlock, ConfigTreeReader, describe } from "./config_tree.ts";
import { profileQuirks } from "./quirks.ts";
import type { SettingSpec } from "./schema.ts";
import type { AddressRange, QuirkChanges, SettingValue } from "./setting_value.ts";

/**
 * The configuration that a machine block and its modifiers describe.
 *
 * @param declaration The block, or null for the default machine.
 * @param modifiers Changes by `with`, `matrix` or `compare`, the later ones winning.
 * @param evaluate Computes a key's value.
 * @param bag Takes what is wrong; the configuration is then the best that could be made.
 */
export function buildConfig(
  declaration: MachineDeclaration | null,
  modifiers: readonly ConfigModifier[],
  evaluate: EvaluateConstant,
  bag: DiagnosticBag,
): LabConfig {
  const tree = new ConfigTreeReader(evaluate, bag, eventPrice).read(declaration, modifiers);
  const config = toConfig(tree, bag);
  checkRegions(tree, config, bag);
  checkPageSizes(tree, config, bag);
  if (!bag.hasErrors) checkBuilds(tree, config, bag);
  return config;
}

/** `prices` takes any event's name, with its dots or with underscores in their places. */
function eventPrice(key: string): SettingSpec | null {
  const event = EVENT_NAMES.find((name) => name === key || name.replaceAll(".", "_") === key);
  if (event === undefined) return null;
  return { key: event, shape: { kind: "duration" }, default: "0ns", doc: `One ${event} event.` };
}

function toConfig(tree: ConfigBlock, bag: DiagnosticBag): LabConfig {
  const defaults = defaultLabConfig();
  const block = (keyword: string) => tree.children.find((child) => child.spec.keyword === keyword);
  const kernel = setting<KernelProfile>(tree, "kernel", defaults.kernel);
  return {
    kernel,
    quirks: resolveQuirks(kernel, setting<QuirkChanges | null>(tree, "quirks", null)),
    cpus: setting(tree, "cpus", defaults.cpus),
    seed: setting(tree, "seed", defaults.seed),
    pageSizeBytes: setting(tree, "page_size", defaults.pageSizeBytes),
    checker: setting<MachineConfig["checker"]>(tree, "checker", defaults.checker),
    dmaDebug: setting(tree, "dma_debug", defaults.dmaDebug),
    ramSizeBytes: setting(block("ram"), "size", defaults.ramSizeBytes),
    windows: [],
    regions: tree.children.filter((child) => child.spec.keyword === "region")
      .flatMap((region) => readRegion(region, bag)),
    iommu: readIommu(block("iommu"), defaults.iommu),
    swiotlb: readSwiotlb(block("swiotlb"), defaults.swiotlb),
    pricesNs: Object.fromEntries(
      [...block("prices")?.settings ?? []].map(([key, price]) => [key, price.value as number]),
    ),
    pci: (block("pci")?.children ?? []).map(readPciNode),
  };
}

// The schema has checked the kind, so the value is what the key's row says.
function setting<T extends SettingValue>(
  block: ConfigBlock | undefined,
  key: string,
  fallback: T,
): T {
  const given = block?.settings.get(key);
  return given === undefined ? fallback : given.value as T;
}

function resolveQuirks(kernel: KernelProfile, changes: QuirkChanges | null): ReadonlySet<string> {
  const quirks = changes?.clear ? new Set<string>() : profileQuirks(kernel);
  for (const name of changes?.add ?? []) quirks.add(name);
  for (const name of changes?.remove ?? []) quirks.delete(name);
  return quirks;
}

function readRegion(block: ConfigBlock, bag: DiagnosticBag): MemoryRegion[] {
  const missing = block.spec.settings.filter((spec) =>
    spec.default === null && !block.settings.has(spec.key)
  );
  if (missing.length > 0) {
    const keys = missing.map((spec) => `\`${spec.key}\``).join(" and ");
    bag.error("E0510", block.name?.span ?? block.span!, `The ${describe(block)} lacks ${keys}`);
    return [];
  }
  return [{
    name: block.name!.text,
    basePhys: physAddr(setting(block, "at", 0)),
    sizeBytes: setting(block, "size", 0),
    type: setting<MemoryRegion["type"]>(block, "type", "ram"),
  }];
}

function readIommu(block: ConfigBlock | undefined, defaults: IommuConfig): IommuConfig {
  const granuleBytes = setting(block, "granule", defaults.granuleBytes);
  const reserved = setting<readonly AddressRange[] | null>(block, "reserved", null);
  return {
    mode: setting<IommuConfig["mode"]>(block, "mode", defaults.mode),
    model: setting<IommuConfig["model"]>(block, "model", defaults.model),
    granuleBytes,
    pageSizesBytes: [
      ...setting<readonly number[]>(block, "page_sizes", usualPageSizes(granuleBytes, defaults)),
    ].sort((a, b) => a - b),
    addressBits: setting(block, "address_bits", defaults.addressBits),
    cachingMode: setting(block, "caching_mode", defaults.cachingMode),
    forcedac: setting(block, "forcedac", defaults.forcedac),
    iotlbEntries: setting(block, "iotlb_entries", defaults.iotlbEntries),
    reserved,
  };
}

/** A table of one granule holds granule / 8 entries, so the next page is that many granules. */
function usualPageSizes(granuleBytes: number, defaults: IommuConfig): readonly number[] {
  return granuleBytes === defaults.granuleBytes
    ? defaults.pageSizesBytes
    : [granuleBytes, granuleBytes * (granuleBytes / 8)];
}

function readSwiotlb(block: ConfigBlock | undefined, defaults: SwiotlbConfig): SwiotlbConfig {
  return {
    sizeBytes: setting(block, "size", defaults.sizeBytes),
    force: setting(block, "force", defaults.force),
    areas: setting<number | null>(block, "areas", defaults.areas),
  };
}

/** Where each key of a PCI block goes. `none` and 0 mean the same where the setting has no null. */
const DEVICE_KEYS: Readonly<Record<string, keyof DeviceSettings>> = {
  dma_mask_bits: "dmaMaskBits",
  bus_limit_bits: "busLimitBits",
  coherent: "coherent",
  untrusted: "untrusted",
  min_align: "minAlignBytes",
  max_segment_size: "maxSegmentSizeBytes",
  segment_boundary: "segmentBoundaryBytes",
  queues: "queues",
  depth: "depth",
  mdts: "mdtsBytes",
  sgl: "sgl",
  sgl_threshold: "sglThresholdBytes",
  metadata: "metadataBytes",
  metadata_sgl: "metadataSgl",
  block_size: "blockSizeBytes",
  p2pmem: "p2pmemBytes",
  nodes: "nodes",
  capacity: "capacityBytes",
  bar: "barBytes",
  acs: "acs",
  whitelisted: "whitelisted",
  bus_offset: "busOffset",
  external: "external",
};

function readPciNode(block: ConfigBlock): PciNodeConfig {
  const settings: Record<string, SettingValue> = {};
  for (const [key, { value }] of block.settings) {
    settings[DEVICE_KEYS[key]!] = value === null && key !== "mdts" ? 0 : value;
  }
  return {
    kind: block.spec.keyword as PciNodeKind,
    name: block.name!.text,
    settings: settings as DeviceSettings,
    children: block.children.map(readPciNode),
  };
}

function checkRegions(tree: ConfigBlock, config: LabConfig, bag: DiagnosticBag): void {
  const sorted = [...config.regions].sort((a, b) => a.basePhys - b.basePhys);
  const spanOf = (region: MemoryRegion): Span =>
    tree.children.find((child) => child.name?.text === region.name)!.name!.span;
  let highest: MemoryRegion | null = null;
  for (const region of sorted) {
    if (highest !== null && region.basePhys < highest.basePhys + highest.sizeBytes) {
      bag.add({
        code: "E0509",
        severity: "error",
        span: spanOf(region),
        message: `Region "${region.name}" (${extent(region)}) overlaps "${highest.name}" (${
          extent(highest)
        })`,
        related: [{ span: spanOf(highest), message: `"${highest.name}" is declared here` }],
      });
    }
    if (highest === null || endOf(region) > endOf(highest)) highest = region;
  }
}

function endOf(region: MemoryRegion): number {
  return region.basePhys + region.sizeBytes;
}

function extent(region: { readonly basePhys: PhysAddr; readonly sizeBytes: number }): string {
  return `${formatAddress(region.basePhys)}..${formatAddress(region.basePhys + region.sizeBytes)}`;
}

function checkPageSizes(tree: ConfigBlock, config: LabConfig, bag: DiagnosticBag): void {
  const { granuleBytes, pageSizesBytes } = config.iommu;
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
      usualPageSizes(granuleBytes, defaultLabConfig().iommu).map(formatSize).join(", ")
    }]`,
  );
}

/** Builds the lab once and throws it away: what only the devices know is wrong is told by them. */
function checkBuilds(tree: ConfigBlock, config: LabConfig, bag: DiagnosticBag): void {
  try {
    buildLab(config);
  } catch (error) {
    if (error instanceof ConfigError) {
      bag.error("E0511", spanOfPath(tree, error.path), error.message, error.hint ?? undefined);
    } else if (error instanceof KernelError) {
      // A device that cannot be brought up, as when there is no memory for its queues.
      bag.error("E0511", spanOfPath(tree, []), error.what);
    } else throw error;
  }
}

/** The innermost block or key that a path of names leads to. */
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
  // Only modifiers describe this machine, so one of them is to blame.
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
