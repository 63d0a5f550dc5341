/**
 * Converts a machine block to the configuration from which a lab is built.
 *
 * There are three steps. The block is checked against the schema (`config_tree.ts`). Its values are
 * copied into the configuration in this file. At the end, conditions on the whole machine are
 * checked (`config_checks.ts`). Every mistake becomes a diagnostic with its own span.
 */
import {
  CPU_SETTINGS,
  defaultLabConfig,
  type DeviceRegistry,
  type LabConfig,
  type PciNodeConfig,
} from "@dmalab/devices";
import {
  duration,
  type EventVocabulary,
  IOMMU_MODELS,
  IOMMU_SETTINGS,
  type IommuConfig,
  type LatencyPresetName,
  MACHINE_SETTINGS,
  type MemoryRegionConfig,
  type PartialSettings,
  presetLatencies,
  RAM_SETTINGS,
  REGION_SETTINGS,
  setting,
  type SettingRows,
  SWIOTLB_SETTINGS,
} from "@dmalab/runtime";
import type { Registry } from "../values/registry.ts";
import {
  DEFAULT_KERNEL,
  type KernelProfile,
  type KernelRelease,
  KERNELS,
  type QuirkSet,
} from "@dmalab/runtime/kernels";
import type { ConfigModifier, EvaluateConstant } from "../values/machine_variant.ts";
import type { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import type { MachineDeclaration } from "../syntax/tree/ast.ts";
import { checkConfig, usualPageSizes } from "./config_checks.ts";
import { type ConfigBlock, ConfigTreeReader, describe } from "./config_tree.ts";
import { KERNEL, type MachineSchema, PRESET, QUIRKS, type SettingSpec, STRICT } from "./schema.ts";
import type { QuirkChanges, SettingValue } from "./setting_value.ts";

/**
 * A release on which a file is tried. `kernel` is the profile of the release `as`, perhaps with a
 * change.
 */
export interface GivenRelease {
  readonly kernel: KernelProfile;
  readonly as: KernelRelease;
}

/**
 * Returns the function that converts machine blocks to configurations, for machines of a schema.
 */
export function configBuilder(
  schema: MachineSchema,
  release: GivenRelease | null = null,
): Registry["buildConfig"] {
  return (...parts) => buildConfig(schema, release, ...parts);
}

/**
 * The configuration that a machine block and its modifiers describe.
 *
 * @param schema The possible blocks.
 * @param release Replaces the release of the machine block; null for no replacement. A modifier
 *   that names a release takes precedence. Defects in modifiers are added to, or removed from,
 *   those of the release.
 * @param declaration The block, or null for the default machine.
 * @param modifiers Changes by `with`, `matrix` or `compare`; later changes take precedence.
 * @param evaluate Computes a key's value.
 * @param bag Gets the mistakes; the configuration then contains only the valid settings.
 */
function buildConfig(
  schema: MachineSchema,
  release: GivenRelease | null,
  declaration: MachineDeclaration | null,
  modifiers: readonly ConfigModifier[],
  evaluate: EvaluateConstant,
  bag: DiagnosticBag,
): LabConfig {
  const { registry } = schema;
  const latency = (key: string) => eventLatency(key, registry.events);
  const tree = new ConfigTreeReader(schema, evaluate, bag, latency).read(declaration, modifiers);
  const named = modifiers.some(({ path }) => path.length === 1 && path[0]!.text === KERNEL.key);
  const config = toConfig(tree, bag, named ? null : release, registry);
  // The default machine can certainly be built, so it is not checked. This makes a scenario without
  // a machine block start faster.
  if (declaration !== null || modifiers.length > 0) checkConfig(tree, config, bag, schema);
  return config;
}

/** A latency may have the name of any event, with its dots or with underscores instead. */
function eventLatency(key: string, { names }: EventVocabulary): SettingSpec | null {
  const event = names.find((name) => name === key || name.replaceAll(".", "_") === key);
  return event === undefined ? null : setting(event, duration(), 0, { doc: `One ${event} event.` });
}

/** The settings that `strict = false` is short for. */
const LISTED = { checker: "report", faults: "report", leaks: "report" } as const;

function toConfig(
  tree: ConfigBlock,
  bag: DiagnosticBag,
  release: GivenRelease | null,
  registry: DeviceRegistry,
): LabConfig {
  const defaults = defaultLabConfig();
  const block = (keyword: string) => tree.children.find((child) => child.spec.keyword === keyword);
  const given = (key: string) => tree.settings.get(key)?.value;
  const own = given(KERNEL.key) as KernelProfile | undefined;
  const kernel = release?.kernel ?? own ?? DEFAULT_KERNEL;
  const changes = given(QUIRKS.key) as QuirkChanges | undefined ?? null;
  return {
    ...defaults,
    ...given(STRICT.key) === false ? LISTED : {},
    ...valuesOf(tree, MACHINE_SETTINGS),
    ...valuesOf(block("ram"), RAM_SETTINGS),
    kernel,
    quirks: changedQuirks(release?.as ?? KERNELS[kernel], changes, release !== null),
    ...release === null ? {} : { olderWays: release.as.olderWays },
    cpu: { ...defaults.cpu, ...valuesOf(tree, CPU_SETTINGS) },
    regions: tree.children.filter((child) => child.spec.keyword === "region")
      .flatMap((region) => readRegion(region, bag)),
    iommu: readIommu(block("iommu"), defaults.iommu),
    swiotlb: { ...defaults.swiotlb, ...valuesOf(block("swiotlb"), SWIOTLB_SETTINGS) },
    latenciesNs: readLatencies(block("latencies")),
    pci: (block("pci")?.children ?? []).map((child) => readPciNode(child, registry)),
  };
}

/** The latencies of a preset, overridden by the given ones. */
function readLatencies(block: ConfigBlock | undefined): Readonly<Record<string, number>> {
  const settings = [...block?.settings ?? []];
  const preset = block?.settings.get(PRESET.key)?.value as LatencyPresetName | undefined;
  const own = settings.filter(([key]) => key !== PRESET.key)
    .map(([key, latency]) => [key, latency.value as number] as const);
  return { ...preset === undefined ? {} : presetLatencies(preset), ...Object.fromEntries(own) };
}

function valuesOf<R extends SettingRows>(
  block: ConfigBlock | undefined,
  rows: R,
): PartialSettings<R> {
  const values: Record<string, SettingValue> = {};
  for (const [property, { key }] of Object.entries(rows)) {
    const given = block?.settings.get(key);
    // The value was read by the shape of this row, so it has the row's type.
    if (given !== undefined) values[property] = given.value;
  }
  return values as PartialSettings<R>;
}

/**
 * @param listed Decides the result if there are no changes: the release's own defects if true, null
 *   if false.
 */
function changedQuirks(
  release: KernelRelease,
  changes: QuirkChanges | null,
  listed: boolean,
): QuirkSet | null {
  if (changes === null) return listed ? release.quirks : null;
  const quirks = new Set(changes.clear ? [] : release.quirks);
  for (const name of changes.add) quirks.add(name);
  for (const name of changes.remove) quirks.delete(name);
  return quirks;
}

function readRegion(block: ConfigBlock, bag: DiagnosticBag): MemoryRegionConfig[] {
  const required = Object.values(REGION_SETTINGS).filter((row) =>
    "leftOut" in row && row.leftOut === null
  );
  const missing = required.filter((spec) => !block.given.has(spec.key));
  if (missing.length > 0) {
    const keys = missing.map((spec) => `\`${spec.key}\``).join(" and ");
    bag.error("E0510", block.name?.span ?? block.span!, `The ${describe(block)} lacks ${keys}`);
  }
  const { basePhys, sizeBytes, type = REGION_SETTINGS.type.default } = valuesOf(
    block,
    REGION_SETTINGS,
  );
  // A refused value has already been reported.
  if (basePhys === undefined || sizeBytes === undefined) return [];
  return [{ name: block.name!.text, basePhys, sizeBytes, type }];
}

function readIommu(block: ConfigBlock | undefined, defaults: IommuConfig): IommuConfig {
  const given = valuesOf(block, IOMMU_SETTINGS);
  const granuleBytes = given.granuleBytes ?? defaults.granuleBytes;
  const model = given.model ?? defaults.model;
  const pageSizesBytes = given.pageSizesBytes ?? usualPageSizes(model, granuleBytes, defaults);
  return {
    ...defaults,
    addressBits: IOMMU_MODELS[model].addressBits.usual,
    ...given,
    pageSizesBytes: [...pageSizesBytes].sort((a, b) => a - b),
  };
}

function readPciNode(block: ConfigBlock, registry: DeviceRegistry): PciNodeConfig {
  const { keyword } = block.spec;
  return {
    kind: keyword,
    name: block.name!.text,
    settings: valuesOf(block, registry.blocks.get(keyword)!.settings),
    children: block.children.map((child) => readPciNode(child, registry)),
  } as PciNodeConfig;
}
