/** What a trace knows of lines that were pasted: who owned the address, and who removed it. */
import { entryStory } from "../kernel_log/entry_story.ts";
import { readKernelLog } from "../kernel_log/kernel_log_reader.ts";
import { mappingLines } from "../ledger/mapping_lines.ts";
import { pageOf } from "../ledger/traced_mapping.ts";
import type { TraceFinding } from "../ledger/traced_mapping.ts";
import { TraceCheck } from "../ledger/trace_check.ts";
import { refuse, type Screen } from "@dmalab/cli/extend";
import { type ExitCode, HELD } from "@dmalab/cli/exit_code";
import { host } from "@dmalab/cli";
import { openTrace } from "./check.ts";
import { refusingUnreadable } from "./read_lines.ts";

/** @param question A line, or `-` for a log on the standard input. */
export async function explainWithTrace(
  question: string,
  paths: readonly string[],
  screen: Screen,
): Promise<ExitCode> {
  const text = question === "-" ? await new Response(host.stdin.readable).text() : question;
  const { entries, unreadable } = readKernelLog(text);
  if (entries.length === 0) {
    const [first] = unreadable;
    return refuse(first?.message ?? "there is no line about DMA in it", screen);
  }
  return refusingUnreadable(screen, async () => {
    const { log, trace } = await openTrace(paths);
    // Lines below 0 are those that were pasted.
    const pasted = entries.map((entry) => ({ ...entry, line: -entry.line }));
    log.entries.push(...pasted);
    const check = new TraceCheck(log);
    await trace.each((line, number) => check.push(line, number));
    const { findings, classified } = check.end();
    pasted.forEach((entry, index) => {
      if (index > 0) screen.out("\n");
      const found = findings.filter(({ logLine }) => logLine === entry.line);
      const page = found[0]?.address ?? null;
      const lines = [
        ...entryStory(entry),
        "",
        ...found.length === 0
          ? [`${trace.name} has nothing that is the same call, or the same address`]
          : found.flatMap((finding) => findingLines(finding, check, trace.name)),
        ...classified.offset === null || entry.seconds === null ? [] : [
          `the clock of the trace is ${
            classified.offset.seconds.toFixed(6)
          } s ahead, by ${classified.offset.source}`,
        ],
        ...page === null ? [] : owners(page, check, trace.name),
      ];
      screen.out(lines.map((line) => `${line}\n`).join(""));
    });
    return HELD;
  });
}

function findingLines(finding: TraceFinding, check: TraceCheck, file: string): string[] {
  const { certainty, kind, line, otherLine, rule, text } = finding;
  const mappings = finding.address === null ? [] : check.mappingsAt(pageOf(finding.address));
  const mapping = mappings.find(({ mappedAt, unmappedAt }) =>
    mappedAt.line === (otherLine ?? line) || mappedAt.line === line || unmappedAt?.line === line
  );
  return [
    `${certainty}: ${kind} (${rule}): ${text}`,
    ...mapping === undefined ? [] : mappingLines(mapping, file),
  ];
}

/** Lives of a page that the answer does not already name, from the last one back. */
const MAX_OWNERS = 3;

function owners(address: number, check: TraceCheck, file: string): string[] {
  const mappings = check.mappingsAt(pageOf(address));
  if (mappings.length === 0) return ["the trace has no mapping of that page"];
  return [
    `last mappings of the page, of ${mappings.length}:`,
    ...mappings.slice(-MAX_OWNERS).flatMap((mapping) => mappingLines(mapping, file)),
  ];
}
