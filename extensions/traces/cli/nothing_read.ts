/** Explains why a check of some files found no events, and how to fix that. */
import { formatCount } from "@dmalab/lang/text";
import { mentionsDma } from "../kernel_log/general/general_words.ts";
import { lockupNamed } from "../kernel_log/general/crash_head.ts";
import { messageText } from "../kernel_log/pasted_text.ts";
import { shownText } from "../kernel_log/shown_text.ts";
import type { TraceCheck } from "../ledger/trace_check.ts";
import { KERNEL_LOG, kindOf } from "./foreign_trace.ts";
import { TraceLine } from "../line/trace_line.ts";
import type { LineSource } from "./read_lines.ts";

/** Number of event names to list, with their counts. */
const NAMED_EVENTS = 3;

/**
 * A description of a trace may come before the trace, and may be longer than the trace. Therefore a
 * tenth of the lines is enough to recognise the kind of file.
 */
const LEAST_SHARE = 0.1;

const NEXT = "Next: give the whole log of the boot (`journalctl -k -b`, as root)";
const SOUGHT =
  `IOMMU, swiotlb, CMA, DMA-API, P2PDMA, VFIO, RDMA, PCI Express, NVMe, huge pages, memory of guests. ${NEXT}`;
/** The lines of a text that have a word about DMA; null if it has none. */
async function mentionsIn(source: LineSource) {
  const line = new TraceLine();
  let first: { readonly line: number; readonly text: string } | null = null;
  let count = 0;
  let number = 0;
  for await (const batch of source.batches()) {
    batch.each(line, () => {
      number++;
      if (line.kind === "event" || !mentionsDma(line.text)) return;
      count++;
      first ??= { line: number, text: line.text };
    });
  }
  return first === null ? null : { ...(first as { line: number; text: string }), count };
}

export async function whyNothingRead(check: TraceCheck, source: LineSource): Promise<string> {
  const shown = `"${source.name}"`;
  if (check.lines === 0) return `${shown} is empty`;
  const { damaged } = check.ledger;
  const cut = [...damaged, ...check.damagedFaults].sort((a, b) => a - b);
  if (cut.length > 0) {
    return `nothing of ${shown} was read: ${formatCount(cut.length, "event")} about mappings ${
      cut.length === 1 ? "is" : "are all"
    } cut or damaged (line ${cut[0]}): expected what follows an event's name in ` +
      "/sys/kernel/tracing/trace, such as DEVICE dir=TO_DEVICE dma_addr=fffff000 size=4096";
  }
  if (check.eventLines > 0) {
    const names = Object.entries(check.events).sort(([, a], [, b]) => b - a)
      .slice(0, NAMED_EVENTS).map(([name, count]) => `${name} ${count}`).join(", ");
    return `${shown} has ${formatCount(check.eventLines, "event")} (${names}${
      Object.keys(check.events).length > NAMED_EVENTS ? ", …" : ""
    }), and none about mappings: record dma:* and iommu:*, too. If they were recorded, no device of ` +
      "these events uses the DMA API, as a virtio disk without iommu_platform does not";
  }
  if (check.log.isNoLog) {
    return `${shown} is no log and no trace: its lines are sentences, markup or a program's source, and have no ` +
      "times. Expected what dmesg, journalctl -k, /sys/kernel/tracing/trace, trace-cmd report or perf script " +
      "print; if the text quotes such lines, give these alone";
  }
  const { crash } = check.log;
  if (crash !== null) {
    const what = lockupNamed(messageText(crash.text)) ?? "crash of the kernel";
    return `${shown} has a ${what} (line ${crash.line}: ${
      shownText(crash.text)
    }), and none of its lines is about DMA by the words that are known. Next: give the lines from there on, with ` +
      "the registers and the stack, and the whole log of the boot before them";
  }
  const mentions = await mentionsIn(source);
  if (mentions !== null) {
    const { count, line, text } = mentions;
    return `nothing of ${shown} was read: ${
      formatCount(count, "line")
    } about DMA, and no row of docs/kernel-messages.md has ${
      count === 1 ? "it" : "one of them"
    }: line ${line}: ${shownText(text)}. ${NEXT}`;
  }
  const kind = await kindOf(source, LEAST_SHARE);
  if (kind?.what === KERNEL_LOG) {
    return `${shown} is ${KERNEL_LOG}, and none of its lines is about DMA by the words that are known: ${SOUGHT}`;
  }
  if (kind !== null) return `${shown} is ${kind.what}, which has no mappings: ${kind.readers}`;
  return `${shown} has no line of a trace or of a kernel's log about DMA: expected what ` +
    "/sys/kernel/tracing/trace, trace-cmd report, perf script or dmesg print";
}
