/** Writes a machine as the machine block of a scenario. */
import {
  ACS_SERVICES,
  type AcsCapability,
  type AcsService,
  formatPlace,
  formatVendorDevice,
  type HostBridge,
  ISOLATION,
  type PciFunction,
} from "@dmalab/devices";
import { type ImportedMachine, peersOf } from "./lspci/imported_machine.ts";
import type { ListedFunction } from "./lspci/listed_function.ts";
import { TIB } from "@dmalab/runtime";
import { formatCount, formatSize } from "@dmalab/lang/text";
import { SERVICE_LETTERS } from "@dmalab/lang/explain";
import { SourceFile } from "@dmalab/lang";
import { formatSource } from "@dmalab/lang/editor";
import { ordered, shortName } from "./tree_picture.ts";

const PAGE_BYTES = 4096;

/** The functions that `--as dma` writes: all, or only the ones that can affect peers. */
export function writtenFunctions(machine: ImportedMachine, all: boolean): ReadonlySet<PciFunction> {
  if (all) return new Set(machine.functions);
  const written = new Set<PciFunction>();
  for (const func of [...peersOf(machine), ...machine.functions.filter((each) => each.isBridge)]) {
    for (const each of [...func.chain, ...func.siblings]) written.add(each);
  }
  return written;
}

/**
 * The machine block. In a machine that is loaded from it, the functions have the same places and
 * the same access control, so that routes and groups are the same.
 *
 * @param source The origin of the listing, for the comment at the beginning.
 */
export function dmaText(machine: ImportedMachine, source: string, all: boolean): string {
  const written = writtenFunctions(machine, all);
  const left = machine.functions.length - written.size;
  const lines = [
    `# Imported from ${source.replaceAll(/[\r\n]/g, " ")}.`,
    `# ${formatCount(machine.functions.length, "function")}` +
    (left === 0 ? "." : `, ${left} of the chipset left out (--all writes them).`),
    "# p2pmem is the largest prefetchable BAR of each function: it could be peer memory.",
    ...serviceConstants(written),
    "machine {",
    ...machine.cpu === null
      ? ["  # cpu_vendor = amd, cpu_family = 0x19      # the CPU is unknown"]
      : [`  cpu_vendor = ${machine.cpu.vendor}, cpu_family = 0x${machine.cpu.family.toString(16)}`],
    "  pci {",
  ];
  for (const bridge of machine.hostBridges) {
    const roots = ordered(bridge.roots).filter((func) => written.has(func));
    if (roots.length === 0) continue;
    lines.push(...bridgeLines(bridge, machine, roots, written));
  }
  const text = [...lines, "  }", "}", ""].join("\n");
  const formatted = formatSource(new SourceFile(source, text));
  // If bridges are nested deeper than blocks may be, the text cannot be formatted. It is returned
  // as it is, and the checker reports the nesting.
  return formatted.ok ? formatted.text : text;
}

function bridgeLines(
  bridge: HostBridge,
  machine: ImportedMachine,
  roots: readonly PciFunction[],
  written: ReadonlySet<PciFunction>,
): string[] {
  const settings = [
    ...bridge.domain === 0 ? [] : [`domain = 0x${bridge.domain.toString(16)}`],
    `bus = 0x${bridge.rootBus.toString(16).padStart(2, "0")}`,
    ...bridge.rootDevice === null
      ? []
      : [`vendor_device = "${formatVendorDevice(bridge.rootDevice)}"`],
  ];
  const comment = machine.assumed.has(bridge)
    ? "   # its upstream bridge is not in the listing"
    : bridge.rootDevice === null
    ? "   # its first device is unknown"
    : "";
  return [
    `    host_bridge ${bridge.name} {${comment}`,
    `      ${settings.join(", ")}`,
    ...roots.flatMap((func) => functionLines(func, machine, written, "      ")),
    "    }",
  ];
}

function functionLines(
  func: PciFunction,
  machine: ImportedMachine,
  written: ReadonlySet<PciFunction>,
  indent: string,
): string[] {
  const listed = machine.listed.get(func)!;
  const isSwitch = func.role === "upstream_port";
  const settings = [
    `at = "${formatPlace(func.address)}"`,
    ...accessSettings(func.acs, isSwitch ? "upstream_acs" : "acs"),
    ...memorySettings(func, listed),
  ];
  const head = `${indent}${KEYWORDS[func.role]} ${func.name.replace(/\.up$/, "")} { ${
    settings.join(", ")
  }`;
  const below = ordered(func.below).filter((each) => written.has(each));
  if (below.length === 0) {
    const text = `${head} }`;
    return [func.isBridge ? text : `${text}   # ${shortName(listed)}`];
  }
  return [
    head,
    ...below.flatMap((each) => functionLines(each, machine, written, `${indent}  `)),
    `${indent}}`,
  ];
}

const KEYWORDS: Readonly<Record<PciFunction["role"], string>> = {
  root_port: "root_port",
  upstream_port: "switch",
  downstream_port: "port",
  pci_bridge: "bridge",
  nvme: "nvme",
  endpoint: "endpoint",
};

/**
 * Constants for the sets of access control services that functions have. If each set were written
 * out, lines would be long.
 */
function serviceConstants(written: ReadonlySet<PciFunction>): string[] {
  const lists = [...written].map(({ acs }) => acs.enabled).filter(({ size }) => size > 1);
  const names = [...new Set(lists.map(constantName))].sort();
  const lines = names.map((name) => {
    const services = lists.find((each) => constantName(each) === name)!;
    return `const ${name} = ${listText(services)}`;
  });
  return lines.length === 0 ? [] : ["", ...lines, ""];
}

/** `acs_sv_rr_cr_uf` */
function constantName(services: ReadonlySet<AcsService>): string {
  const letters = ACS_SERVICES.filter((service) => services.has(service))
    .map((service) => SERVICE_LETTERS[service].toLowerCase());
  return ["acs", ...letters].join("_");
}

function listText(services: ReadonlySet<AcsService>): string {
  return `[${ACS_SERVICES.filter((service) => services.has(service)).join(", ")}]`;
}

function accessSettings(acs: AcsCapability, key: string): string[] {
  if (acs.presence === "absent") return [];
  if (acs.presence === "unknown") return [`${key} = unknown`];
  const enabled = acs.enabled.size > 1 ? constantName(acs.enabled) : listText(acs.enabled);
  const settings = [`${key} = ${enabled}`];
  // A missing service of a function matters only if it is needed to isolate functions.
  const lacks = ISOLATION.some((service) => !acs.supported.has(service));
  if (lacks && key === "acs") settings.push(`acs_capable = ${listText(acs.supported)}`);
  return settings;
}

/**
 * The memory that a function could lend to peers. For an NVMe controller only a prefetchable BAR
 * counts, because its other BAR contains registers.
 */
function memorySettings(func: PciFunction, { bars }: ListedFunction): string[] {
  const sizes = bars
    .filter(({ space, sizeBytes }) =>
      space === "memory" && sizeBytes !== null && sizeBytes >= PAGE_BYTES &&
      sizeBytes <= TIB && Number.isInteger(Math.log2(sizeBytes))
    );
  const largest = (all: typeof sizes) => Math.max(0, ...all.map(({ sizeBytes }) => sizeBytes!));
  const lent = largest(sizes.filter(({ prefetchable }) => prefetchable));
  if (func.role === "nvme") return lent === 0 ? [] : [`p2pmem = ${formatSize(lent)}`];
  if (func.role !== "endpoint") return [];
  const bar = lent === 0 ? largest(sizes) : lent;
  return [
    ...bar === 0 ? [] : [`bar = ${formatSize(bar)}`],
    ...lent === 0 ? [] : [`p2pmem = ${formatSize(lent)}`],
  ];
}
