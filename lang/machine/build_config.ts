/**
 * From a machine block to the configuration that a lab is built from.
 *
 * Three steps: the block is checked against the schema (`config_tree.ts`), its values find their
 * places here, and what only the whole can tell is checked last (`config_checks.ts`). Every mistake
 * becomes a diagnostic at its own span.
 */
import {
  defaultLabConfig,
  type DeviceSettings,
  type LabConfig,
  type PciNodeConfig,
  type PciNodeKind,
} from "../../devices/lab_config.ts";
import type { CpuIdentity } from "../../devices/pci/host_bridge.ts";
import { physAddr } from "../../runtime/address.ts";
import { EVENT_NAMES } from "../../runtime/event_vocabulary.ts";
import type {
  IommuConfig,
  MachineConfig,
  MemoryRegion,
  SwiotlbConfig,
} from "../../runtime/machine_config.ts";
import { type KernelProfile, KERNELS } from "../../runtime/kernels/kernels.ts";
import type { QuirkSet } from "../../runtime/kernels/quirks.ts";
import type { ConfigModifier, EvaluateConstant } from "../values/machine_variant.ts";
import type { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import type { MachineDeclaration } from "../syntax/tree/ast.ts";
import { checkConfig, usualPageSizes } from "./config_checks.ts";
import { type ConfigBlock, ConfigTreeReader, describe } from "./config_tree.ts";
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
  // The default machine is known to build: nothing to find out, and a scenario without one starts
  // sooner.
  if (declaration !== null || modifiers.length > 0) checkConfig(tree, config, bag);
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
    quirks: changedQuirks(kernel, setting<QuirkChanges | null>(tree, "quirks", null)),
    cpus: setting(tree, "cpus", defaults.cpus),
    cpu: {
      vendor: setting<CpuIdentity["vendor"]>(tree, "cpu_vendor", defaults.cpu.vendor),
      family: setting(tree, "cpu_family", defaults.cpu.family),
    },
    seed: setting(tree, "seed", defaults.seed),
    pageSizeBytes: setting(tree, "page_size", defaults.pageSizeBytes),
    checker: setting<MachineConfig["checker"]>(tree, "checker", defaults.checker),
    dmaDebug: setting(tree, "dma_debug", defaults.dmaDebug),
    ramSizeBytes: setting(block("ram"), "size", defaults.ramSizeBytes),
    memoryEncryption: setting(tree, "memory_encryption", defaults.memoryEncryption),
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

function changedQuirks(kernel: KernelProfile, changes: QuirkChanges | null): QuirkSet | null {
  if (changes === null) return null;
  const quirks = new Set(changes.clear ? [] : KERNELS[kernel].quirks);
  for (const name of changes.add) quirks.add(name);
  for (const name of changes.remove) quirks.delete(name);
  return quirks;
}

function readRegion(block: ConfigBlock, bag: DiagnosticBag): MemoryRegion[] {
  const required = block.spec.settings.filter((spec) => spec.default === null);
  const missing = required.filter((spec) => !block.given.has(spec.key));
  if (missing.length > 0) {
    const keys = missing.map((spec) => `\`${spec.key}\``).join(" and ");
    bag.error("E0510", block.name?.span ?? block.span!, `The ${describe(block)} lacks ${keys}`);
  }
  // A value that was refused is a diagnostic already.
  if (!required.every((spec) => block.settings.has(spec.key))) return [];
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

function readSwiotlb(block: ConfigBlock | undefined, defaults: SwiotlbConfig): SwiotlbConfig {
  const basePhys = setting<number | null>(block, "at", null);
  return {
    sizeBytes: setting(block, "size", defaults.sizeBytes),
    force: setting(block, "force", defaults.force),
    areas: setting<number | null>(block, "areas", defaults.areas),
    ...(basePhys === null ? {} : { basePhys: physAddr(basePhys) }),
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
  ranges: "ranges",
  queues: "queues",
  poll_queues: "pollQueues",
  depth: "depth",
  mdts: "mdtsBytes",
  sgl: "sgl",
  sgl_threshold: "sglThresholdBytes",
  metadata: "metadataBytes",
  metadata_sgl: "metadataSgl",
  protection: "protectionType",
  block_size: "blockSizeBytes",
  p2pmem: "p2pmemBytes",
  cmb_queues: "cmbQueues",
  hmb: "hmbBytes",
  hmb_min: "hmbMinBytes",
  hmb_min_chunk: "hmbMinChunkBytes",
  hmb_max_chunks: "hmbMaxChunks",
  shadow_doorbells: "shadowDoorbells",
  state: "stateBytes",
  timeout: "timeoutNs",
  nodes: "nodes",
  capacity: "capacityBytes",
  bar: "barBytes",
  software: "software",
  update: "updateBytes",
  acs: "acs",
  acs_capable: "acsCapable",
  upstream_acs: "upstreamAcs",
  at: "at",
  bus: "bus",
  whitelisted: "whitelisted",
  vendor_device: "vendorDevice",
  domain: "domain",
  bus_offset: "busOffset",
  external: "external",
};

/** Keys whose `none` is not 0. */
const NULL_KEYS: ReadonlySet<string> = new Set(["mdts", "acs", "upstream_acs"]);

function readPciNode(block: ConfigBlock): PciNodeConfig {
  const settings: Record<string, SettingValue> = {};
  for (const [key, { value }] of block.settings) {
    settings[DEVICE_KEYS[key]!] = value === null && !NULL_KEYS.has(key) ? 0 : value;
  }
  return {
    kind: block.spec.keyword as PciNodeKind,
    name: block.name!.text,
    settings: settings as DeviceSettings,
    children: block.children.map(readPciNode),
  };
}
