/** A trace or a log where a command expects a scenario. */
import { MemoryScreen, READ_LIMITS } from "@dmalab/cli";
import type { ForeignFile, Screen } from "@dmalab/cli/extend";
import { printable } from "@dmalab/lang/diagnostics";
import { formatSize } from "@dmalab/lang/text";
import { type LineOrigin, originOf } from "../line/line_source.ts";
import { TraceLine } from "../line/trace_line.ts";
import { runExport } from "./export.ts";
import { type LineSource, lineSource, refusingUnreadable, UnreadableFile } from "./read_lines.ts";

/** Number of first lines by which the kind of a file is recognised. */
const LOOKED_AT = 100;

const CHECK = "`dmalab trace check` finds its errors";
/** The name of the kind of file that `dmalab explain` reads. */
export const KERNEL_LOG = "a kernel log";
const TRACE = { what: "a kernel trace", readers: `${CHECK}, \`dmalab report\` shows it` };
const OTHER = {
  readers:
    "`dmalab trace summary` says what is in it, `dmalab trace check` takes it beside a trace",
};

/**
 * The kind of a file, by the origin of most of its lines. Null for lines that occur only in
 * addition to a trace.
 */
const KINDS: Readonly<Record<LineOrigin, Pick<ForeignFile, "what" | "readers"> | null>> = {
  "kernel text": TRACE,
  "trace-cmd report": TRACE,
  "perf script": TRACE,
  "QEMU log": { what: "a log of QEMU", ...OTHER },
  "blkparse": { what: "a trace of requests", ...OTHER },
  "kernel log": { what: KERNEL_LOG, readers: CHECK },
  "fio job": null,
  "facts": null,
};

/** @returns Null if most of the file's first lines belong to neither a trace nor a log. */
export async function foreignTrace(path: string): Promise<ForeignFile | null> {
  const kind = await kindOf(lineSource(path));
  return kind === null ? null : { ...kind, record: (screen) => record(path, kind, screen) };
}

/**
 * Recognises a file by the kind of most of its first lines; null if the file is neither a trace nor
 * a log.
 *
 * @param leastShare The smallest share of these lines that must be of one kind.
 */
export async function kindOf(
  source: LineSource,
  leastShare = 0.5,
): Promise<Pick<ForeignFile, "what" | "readers"> | null> {
  const line = new TraceLine();
  const counts = new Map<Pick<ForeignFile, "what" | "readers">, number>();
  let looked = 0;
  try {
    for await (const batch of source.batches()) {
      batch.each(line, () => {
        if (looked === LOOKED_AT || line.kind === "blank" || line.text.startsWith("#")) return;
        looked++;
        const origin = originOf(line);
        const kind = origin === null ? null : KINDS[origin];
        if (kind !== null) counts.set(kind, (counts.get(kind) ?? 0) + 1);
      });
      if (looked === LOOKED_AT) break;
    }
  } catch (error) {
    if (error instanceof UnreadableFile) return null;
    throw error;
  }
  const [most] = [...counts].toSorted(([, a], [, b]) => b - a);
  return most !== undefined && most[1] > leastShare * looked ? most[0] : null;
}

async function record(
  path: string,
  { what, readers }: Pick<ForeignFile, "what" | "readers">,
  screen: Screen,
): ReturnType<ForeignFile["record"]> {
  const shown = `"${printable(path)}"`;
  if (what !== TRACE.what) return `${shown} is ${what}, which has no mappings to show: ${readers}`;
  const lines: string[] = [];
  let sizeBytes = 0;
  await lineSource(path).each(({ text }) => {
    sizeBytes += text.length + 1;
    if (sizeBytes <= READ_LIMITS.text) lines.push(text);
  });
  if (sizeBytes > READ_LIMITS.text) {
    return `${shown} has more than the ${formatSize(READ_LIMITS.text)} that a page shows: ` +
      "`dmalab trace script --shrink` takes what its errors need";
  }
  const written = new MemoryScreen();
  await refusingUnreadable(written, () => runExport([path], written));
  screen.err(written.errors);
  return { text: `${lines.join("\n")}\n`, events: written.output };
}
