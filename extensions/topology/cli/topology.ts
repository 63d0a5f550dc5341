/** `dmalab topology`: prints the machine of an lspci listing as a picture, a scenario or JSON. */
import { nearestNames, printable, printableJson, renderFinding } from "@dmalab/lang/diagnostics";
import { ACS_SERVICES, type CpuIdentity, ORDINARY_CPU, type PciFunction } from "@dmalab/devices";
import { type ImportedMachine, importMachine } from "../lspci/imported_machine.ts";
import { type LinkedListing, linkListing } from "../lspci/linked_listing.ts";
import { readListing } from "../lspci/read_listing.ts";
import { routeStory, SERVICE_LETTERS } from "@dmalab/lang/explain";
import { formatCount, painter, wrapText } from "@dmalab/lang/text";
import { refuse, type Screen } from "@dmalab/cli/extend";
import { type ExitCode, HELD, WRONG } from "@dmalab/cli/exit_code";
import { groupLines } from "../group_lines.ts";
import { changeJson, machineJson, pairJson } from "../machine_json.ts";
import { matrixFunctions, matrixLines, pairOf } from "../pair_matrix.ts";
import { groupMarks, shortName, shownFunctions, treePicture } from "../tree_picture.ts";
import type { ListingFinding } from "../lspci/finding.ts";
import { SourceFile } from "@dmalab/lang";
import type { TopologyOptions } from "./topology_options.ts";
import { diagnosticStyle } from "@dmalab/cli/presentation";
import { readHostBytes, readHostInput } from "@dmalab/cli";

const LEGEND = `ACS: ${
  ACS_SERVICES.map((service) => `${SERVICE_LETTERS[service]} ${service.replaceAll("_", " ")}`)
    .join(", ")
}; off: present, all off; -: no ACS capability; ?: unknown`;

const DEFAULT_COLUMNS = 80;
const MAX_COLUMNS = 200;

/** @param path A listing in any encoding; `-` for standard input. */
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
  const isInput = path === "-";
  const file = isInput ? readHostInput() : readHostBytes(path);
  if (!file.found) return refuse(file.problem, screen);
  const name = isInput ? "standard input" : printable(path);
  const text = decode(file.bytes);
  const listing = linkListing(readListing(text));
  if (listing.findings.length > 0) {
    screen.err(findingText(listing.findings, name, text, screen.colour));
  }
  if (listing.functions.length === 0) return WRONG;
  const imported = importMachine(listing);
  const machine = cpu === null ? imported : { ...imported, cpu };
  if (options.provider !== null) {
    return showPair(machine, options.provider, options.client!, options, screen);
  }
  if (options.as === null) return showMachine(machine, listing, name, options, screen);
  // Loaded only here, because the formatter of scenarios takes a while to load.
  const { dmaText } = await import("../dma_text.ts");
  screen.out(dmaText(machine, name, options.all));
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

/** @param name The name of the listing in messages. */
function findingText(
  findings: readonly ListingFinding[],
  name: string,
  text: string,
  colour: boolean,
): string {
  const last = findings.reduce((most, { line }) => Math.max(most, line), 1);
  const source = new SourceFile(name, firstLines(text, last));
  const style = diagnosticStyle(painter(colour));
  return findings.map(({ code, severity, line, message, hint }) => {
    const start = source.lineStarts[line - 1] ?? 0;
    const whole = source.line(line);
    const blanks = whole.length - whole.trimStart().length;
    const lines = renderFinding({
      word: severity,
      severity,
      tag: code,
      message,
      span: {
        source,
        start: start + blanks,
        end: start + Math.max(blanks, whole.trimEnd().length),
      },
      hint,
    }, { style });
    return `${lines.join("\n")}\n`;
  }).join("\n");
}

/**
 * The first `count` lines of a text, which are the lines that are shown. The text is not split into
 * all its lines, because for a large text the array of lines would take many times the text's size.
 */
function firstLines(text: string, count: number): string {
  let end = -1;
  for (let line = 0; line < count; line++) {
    end = text.indexOf("\n", end + 1);
    if (end < 0) return text;
  }
  return text.slice(0, end);
}

/**
 * Decodes UTF-8, and the UTF-16 that some Windows shells write. Any other text is decoded byte by
 * byte.
 */
export function decode(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

/** @returns The function, or an error as a sentence without a final period. */
function findFunction(
  machine: ImportedMachine,
  wanted: string,
): PciFunction | string {
  const text = wanted.toLowerCase();
  const { functions } = machine;
  const exact = functions.find(({ address, name }) => `${address}` === text || name === text);
  if (exact !== undefined) return exact;
  // If `05:00.0` exists in several domains, the text means the function in domain 0.
  const short = functions.filter(({ address }) => `${address}`.endsWith(`:${text}`));
  const [first, ...others] = short;
  if (first !== undefined) {
    if (others.length === 0 || first.address.domain === 0) return first;
    return `"${wanted}" is in several domains: ${short.map(({ address }) => address).join(", ")}`;
  }
  const candidates = functions.flatMap(({ address, name }) => [name, `${address}`]);
  const [nearest] = nearestNames(text, candidates, 1);
  return `There is no function "${wanted}"` +
    (nearest === undefined
      ? ": give an address such as 0000:05:00.0, or a name of the picture"
      : `; did you mean "${nearest}"?`);
}

/**
 * One line that says whether the groups of the listing equal the groups of the model; null if the
 * listing has no groups.
 *
 * The two may differ, because a kernel knows devices that isolate their functions without reporting
 * it, and devices that report isolation falsely.
 */
function groupCheckLine(machine: ImportedMachine): string | null {
  const { functions, listed } = machine;
  const marks = groupMarks(machine);
  const listedFunctions = functions.filter((func) =>
    listed.get(func)!.iommuGroup !== null && !marks.get(func)!.uncertain
  );
  if (listedFunctions.length < 2) return null;
  const modelled = membersBy(listedFunctions, (func) => marks.get(func)!.id);
  const named = membersBy(listedFunctions, (func) => listed.get(func)!.iommuGroup!);
  const different = listedFunctions.filter((func) => modelled.get(func) !== named.get(func));
  if (different.length === 0) {
    return `the groups of the listing are those of the model, for all ${listedFunctions.length} functions that both have`;
  }
  const names = different.slice(0, 6).map(({ name }) => name).join(", ");
  return `the listing groups ${formatCount(different.length, "function")} differently (${names}${
    different.length > 6 ? ", …" : ""
  }): its kernel had other information than the listing`;
}

/** For each function, the names of all members of its group. */
function membersBy(
  functions: readonly PciFunction[],
  groupOf: (func: PciFunction) => number,
): ReadonlyMap<PciFunction, string> {
  const names = new Map<number, string>();
  for (const func of functions) {
    const group = groupOf(func);
    names.set(group, `${names.get(group) ?? ""} ${func.name}`);
  }
  return new Map(functions.map((func) => [func, names.get(groupOf(func))!]));
}
