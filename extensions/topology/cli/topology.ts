/** `dmalab topology`: a machine from the text of lspci, as a picture, a scenario or JSON. */
import { printableJson } from "@dmalab/lang/diagnostics";
import { ACS_SERVICES, type CpuIdentity, ORDINARY_CPU } from "@dmalab/devices/pci";
import { type ImportedMachine, importMachine } from "../lspci/imported_machine.ts";
import { type LinkedListing, linkListing } from "../lspci/linked_listing.ts";
import { readListing } from "../lspci/read_listing.ts";
import { routeStory, SERVICE_LETTERS } from "@dmalab/lang/builtins/explain";
import { formatCount, wrapText } from "@dmalab/lang/text";
import { refuse, type Screen } from "@dmalab/cli/extend";
import { type ExitCode, HELD, WRONG } from "@dmalab/cli/exit_code";
import { painter } from "@dmalab/lang/render";
import { findFunction } from "../find_function.ts";
import { findingText } from "./finding_text.ts";
import { groupCheckLine } from "../group_check.ts";
import { groupLines } from "../group_lines.ts";
import { readListingText } from "./listing_text.ts";
import { changeJson, machineJson, pairJson } from "../machine_json.ts";
import { matrixFunctions, matrixLines, pairOf } from "../pair_matrix.ts";
import { shortName, shownFunctions, treePicture } from "../tree_picture.ts";

export interface TopologyOptions {
  /** `dma`, or null for a picture. */
  readonly as: string | null;
  readonly provider: string | null;
  readonly client: string | null;
  readonly cpu: string | null;
  readonly json: boolean;
  readonly all: boolean;
}

const LEGEND = `ACS: ${
  ACS_SERVICES.map((service) => `${SERVICE_LETTERS[service]} ${service.replaceAll("_", " ")}`)
    .join(", ")
}; off: present, all off; -: no ACS capability; ?: unknown`;

const DEFAULT_COLUMNS = 80;
const MAX_COLUMNS = 200;

export async function runTopology(
  path: string,
  options: TopologyOptions,
  screen: Screen,
): Promise<ExitCode> {
  const wrong = wrongOptions(options);
  if (wrong !== null) return refuse(wrong, screen);
  const cpu = options.cpu === null ? null : readCpu(options.cpu);
  if (cpu === undefined) {
    return refuse(`"${options.cpu}" is not a CPU: write vendor:family, such as amd:0x19`, screen);
  }
  const file = readListingText(path);
  if (!file.found) return refuse(file.problem, screen);
  const listing = linkListing(readListing(file.text));
  if (listing.findings.length > 0) {
    screen.err(findingText(listing.findings, file.name, file.text, screen.colour));
  }
  if (listing.functions.length === 0) return WRONG;
  const imported = importMachine(listing);
  const machine = cpu === null ? imported : { ...imported, cpu };
  if (options.provider !== null) {
    return showPair(machine, options.provider, options.client!, options, screen);
  }
  if (options.as === null) return showMachine(machine, listing, file.name, options, screen);
  // The style of scenarios takes a while to load.
  const { dmaText } = await import("../dma_text.ts");
  screen.out(dmaText(machine, file.name, options.all));
  return HELD;
}

function wrongOptions({ as, client, json, provider }: TopologyOptions): string | null {
  if (as !== null && as !== "dma") return `--as takes "dma", not "${as}"`;
  if ((provider === null) !== (client === null)) return "--provider and --client belong together";
  if (as !== null && (json || provider !== null)) {
    return "--as dma cannot be combined with other options";
  }
  return null;
}

const CPU_VENDORS: readonly CpuIdentity["vendor"][] = ["amd", "intel", "hygon", "arm", "other"];

function readCpu(text: string): CpuIdentity | undefined {
  const [, name, family] = /^([a-z]+)(?::(0x[0-9a-f]{1,3}|\d{1,4}))?$/i.exec(text) ?? [];
  const vendor = CPU_VENDORS.find((each) => each === name?.toLowerCase());
  return vendor === undefined ? undefined : { vendor, family: Number(family ?? 0) };
}

function showMachine(
  machine: ImportedMachine,
  { findings }: LinkedListing,
  source: string,
  { json, all }: TopologyOptions,
  screen: Screen,
): ExitCode {
  if (json) screen.out(`${printableJson(machineJson(machine, findings, all))}\n`);
  else {
    const columns = Math.min(screen.columns ?? DEFAULT_COLUMNS, MAX_COLUMNS);
    const groups = groupCheckLine(machine);
    const lines = [
      ...wrapText(headline(machine, source), columns),
      "",
      ...treePicture(machine, { columns, all }),
      "",
      ...groupLines(machine, shownFunctions(machine, all), columns),
      ...groups === null ? [] : wrapText(groups, columns),
      "",
      ...wrapText(LEGEND, columns),
      "",
      ...matrixLines(machine, matrixFunctions(machine, all), columns, painter(screen.colour)),
    ];
    screen.out(lines.map((line) => `${line.trimEnd()}\n`).join(""));
  }
  return HELD;
}

function headline({ cpu, functions, hostBridges }: ImportedMachine, source: string): string {
  const who = cpu === null
    ? "CPU unknown (--cpu amd:0x19)"
    : `CPU ${cpu.vendor}${cpu.family === 0 ? "" : ` family 0x${cpu.family.toString(16)}`}`;
  return `${source}: ${formatCount(hostBridges.length, "host bridge")}, ${
    formatCount(functions.length, "function")
  }, ${who}`;
}

function showPair(
  machine: ImportedMachine,
  from: string,
  to: string,
  { json }: TopologyOptions,
  screen: Screen,
): ExitCode {
  const provider = findFunction(machine, from);
  if (typeof provider === "string") return refuse(provider, screen);
  const client = findFunction(machine, to);
  if (typeof client === "string") return refuse(client, screen);
  const pair = pairOf(provider, client, machine);
  if (json) {
    const value = { ...pairJson(pair), change: changeJson(pair.route, machine) };
    screen.out(`${printableJson(value)}\n`);
    return HELD;
  }
  const lines = routeStory(pair.route, {
    functions: machine.functions,
    cpu: machine.cpu ?? ORDINARY_CPU,
    label: (func) => func.isBridge ? "" : shortName(machine.listed.get(func)!),
    doubts: pair.doubts,
    isCut: pair.route.commonBridge === null &&
      [provider, client].some(({ hostBridge }) => machine.assumed.has(hostBridge)),
  });
  screen.out(lines.map((line) => `${line.trimEnd()}\n`).join(""));
  return HELD;
}
