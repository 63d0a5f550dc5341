/** `dmalab trace show`: who owns an address, at a line or at a time. */
import type { TracedMapping } from "../ledger/traced_mapping.ts";
import { PAGE_BYTES, pageEnd, pageOf } from "../owner/pages.ts";
import { mappingLines } from "../ledger/mapping_lines.ts";
import { LogPass, TraceCheck } from "../ledger/trace_check.ts";
import type { DmaEvent } from "../line/dma_event.ts";
import { formatCount } from "@dmalab/lang/text";
import { refuse, type Screen } from "@dmalab/cli/extend";
import { type ExitCode, HELD } from "@dmalab/cli/exit_code";
import { type LineSource, lineSource } from "./read_lines.ts";

/** Largest number of mappings that are printed. */
const DISPLAYED_MAPPINGS = 40;

/** Finds the lines that answer a query, or the reason why none do. */
type Answer = (source: LineSource) => Promise<readonly string[] | string>;

/**
 * Parses the value of `--at`: a line number, an address with `0x`, or a time with a point or an `s`;
 * null if it is none of these.
 */
function readQuery(text: string): Answer | null {
  if (/^0x[0-9a-f_]{1,20}$/i.test(text)) {
    const address = parseInt(text.slice(2).replaceAll("_", ""), 16);
    return (source) => atAddress(source, address, null);
  }
  if (/^\d{1,12}$/.test(text)) return (source) => atLine(source, Number(text));
  const time = /^(\d{1,12}(?:\.\d{1,9})?)s?$/.exec(text);
  return time === null ? null : (source) => atTime(source, Number(time[1]));
}

export async function runShow(
  paths: readonly string[],
  at: string | null,
  screen: Screen,
): Promise<ExitCode> {
  const answer = at === null ? null : readQuery(at);
  if (answer === null) {
    return refuse(
      `trace show needs --at and a line (318), an address (0xfffff000) or a time (9.591s)${
        at === null ? "" : `, not "${at}"`
      }`,
      screen,
    );
  }
  const source = lineSource(paths[0]!);
  const lacks = await lackOf(source);
  if (lacks !== null) return refuse(lacks, screen);
  const shown = await answer(source);
  if (typeof shown === "string") return refuse(shown, screen);
  for (const line of shown) screen.out(`${line}\n`);
  return HELD;
}

/**
 * The reason why nothing of a file can be shown; null if the file has a mapping event, so that it
 * can be shown.
 */
async function lackOf(source: LineSource): Promise<string | null> {
  let hasMapping = false;
  await source.each((line) => {
    if (!hasMapping && line.kind === "event") hasMapping = line.readDma() !== undefined;
  });
  return hasMapping ? null : (
    `${source.name} has no event of a mapping: \`dmalab trace show\` reads a trace, and \`dmalab explain FILE\` a kernel's log`
  );
}

/** Answers a query for a line: shows the address in that line. */
async function atLine(source: LineSource, wanted: number): Promise<string[] | string> {
  let found: { readonly event: DmaEvent | null } | null = null;
  await source.each((line, number) => {
    if (number !== wanted) return;
    found = { event: line.kind === "event" ? line.readDma() ?? null : null };
  });
  if (found === null) return `${source.name} has no line ${wanted}`;
  const { event }: { readonly event: DmaEvent | null } = found;
  if (event === null) {
    return `${source.name}:${wanted} is not the line of a mapping`;
  }
  switch (event.op) {
    case "failed":
      return `${source.name}:${wanted} is a map that failed`;
    case "unmap_sg":
      return atList(source, event.physAddrs[0]!, wanted);
    case "map_sg":
      return await atAddress(source, event.dmaAddrs[0]!, wanted);
    case "iommu_map":
    case "iommu_unmap":
      return await atAddress(source, event.start, wanted);
    default:
      return await atAddress(source, event.addr, wanted);
  }
}

/**
 * Answers a query about a line that unmaps a list. Such a line gives the physical address of the
 * list, not a DMA address.
 */
async function atList(source: LineSource, phys: number, wanted: number): Promise<string[]> {
  const check = new TraceCheck(new LogPass());
  let address: number | null = null;
  await source.each((line, number) => {
    if (number === wanted) {
      for (const device of check.ledger.devices.values()) {
        address ??= device.lists?.live.get(phys)?.at(-1)?.addr ?? null;
      }
    }
    check.push(line, number);
  });
  return address === null
    ? [`The scatterlist was mapped before the trace, or in a missing line (trace.T.21)`]
    : await atAddress(source, address, wanted);
}

/**
 * @param line Shows only mappings that are live at this line. Null shows every mapping of the
 *   address.
 */
async function atAddress(
  source: LineSource,
  address: number,
  line: number | null,
): Promise<string[]> {
  const check = new TraceCheck(new LogPass(), [address]);
  await source.each((line, number) => check.push(line, number));
  check.end();
  const page = pageOf(address);
  const mappings = check.mappingsAt(page).filter((mapping) =>
    line === null ||
    mapping.mappedAt.line <= line &&
      (mapping.unmappedAt === null || mapping.unmappedAt.line >= line)
  );
  const hex = `0x${address.toString(16)}`;
  if (mappings.length === 0) {
    const last = check.mappingsAt(page).findLast(({ mappedAt }) =>
      line !== null && mappedAt.line < line
    );
    const before = check.mappingsAt(page - PAGE_BYTES).filter((mapping) =>
      pageEnd(mapping.addr, mapping.sizeBytes) === page
    );
    return [
      `No live mapping at ${hex}${line === null ? "" : ` in line ${line}`}.`,
      ...last === undefined ? [] : ["Most recent mapping:", ...stories([last], source.name)],
      ...before.length === 0
        ? []
        : ["Mapping that ends at the page before:", ...stories(before, source.name)],
    ];
  }
  return [
    `${formatCount(mappings.length, "mapping")} at ${hex}:`,
    ...stories(mappings, source.name),
  ];
}

async function atTime(source: LineSource, seconds: number): Promise<string[]> {
  const check = new TraceCheck(new LogPass());
  let isOver = false;
  await source.each((line, number) => {
    if (line.kind === "event" && line.seconds > seconds) isOver = true;
    if (!isOver) check.push(line, number);
  });
  const mappings = [...check.ledger.open()];
  return [
    `${formatCount(mappings.length, "mapping")} live at ${seconds.toFixed(6)} s:`,
    ...stories(mappings, source.name, "live then"),
  ];
}

function stories(mappings: readonly TracedMapping[], file: string, unended?: string): string[] {
  const more = mappings.length - DISPLAYED_MAPPINGS;
  return [
    ...mappings.slice(-DISPLAYED_MAPPINGS).flatMap((mapping) =>
      mappingLines(mapping, file, unended)
    ),
    ...more > 0 ? [`… and ${formatCount(more, "mapping")} before them`] : [],
  ];
}
