/**
 * Writes traces of a million lines. One is the trace of a machine without a mistake; another consists of
 * recorded traces, one after the other.
 */
import { gunzipSync } from "node:zlib";
import { join } from "node:path";
import { PROJECT } from "../project.ts";

const LINES = 1_000_000;
const RECORDED = join(PROJECT, "tests/golden/traces/real");
const ENDING = ".trace.txt.gz";
/** Number of requests in flight. */
const DEPTH = 32;
const LINE_US = 5;
/** Time between a recording and the next one. */
const PAUSE_SECONDS = 0.01;
/** The text before the time, the time, and the text after it. */
const TIMED = /^(.{16,40}?\[\d{3}\] \S+ +)(\d+\.\d{6})(: .*)$/;

/**
 * Writes the trace of reads, of which 32 are in flight at a time. Each read has its lines of the
 * block layer, the driver and the page table.
 */
export function writeCleanTrace(path: string): void {
  const round = roundOfReads();
  write(path, (number) => {
    const [task, event] = round[number % round.length]!;
    return `${task}${(number * LINE_US / 1e6).toFixed(6).padStart(13)}: ${event}`;
  });
}

/** Repeats all recorded traces, with continuous timestamps. */
export function writeRealTrace(path: string): void {
  const names = [...Deno.readDirSync(RECORDED)].map(({ name }) => name)
    .filter((name) => name.endsWith(ENDING)).sort();
  const decoder = new TextDecoder();
  const traces = names.map((name) =>
    decoder.decode(gunzipSync(Deno.readFileSync(join(RECORDED, name)))).trimEnd().split("\n")
  );
  const lines = linesOf(traces);
  write(path, () => lines.next().value!);
}

/** Only the first trace keeps its header. */
function* linesOf(traces: readonly (readonly string[])[]): Generator<string, never> {
  let seconds = 1;
  for (let round = 0;; round++) {
    for (const [index, trace] of traces.entries()) {
      let [first, last] = [Infinity, 0];
      const timed = trace.map((line) => TIMED.exec(line));
      for (const match of timed) {
        if (match === null) continue;
        first = Math.min(first, Number(match[2]));
        last = Math.max(last, Number(match[2]));
      }
      for (const [at, match] of timed.entries()) {
        if (match !== null) {
          yield `${match[1]}${(Number(match[2]) - first + seconds).toFixed(6)}${match[3]}`;
        } else if (round + index === 0 || !trace[at]!.startsWith("#")) yield trace[at]!;
      }
      seconds += last - first + PAUSE_SECONDS;
    }
  }
}

function write(path: string, lineOf: (number: number) => string): void {
  using file = Deno.openSync(path, { create: true, write: true, truncate: true });
  const encoder = new TextEncoder();
  for (let from = 0; from < LINES; from += 1000) {
    const lines = Array.from({ length: 1000 }, (_, index) => `${lineOf(from + index)}\n`);
    const bytes = encoder.encode(lines.join(""));
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
  }
}

function roundOfReads(): (readonly [task: string, event: string])[] {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  const reads = Array.from({ length: DEPTH }, (_, index) => {
    const iova = 0xfff00000 + 0x2000 * index;
    const range = `IOMMU: iova=0x${hex(iova, 16)} - 0x${hex(iova + 0x1000, 16)}`;
    const phys = hex(0x3e800000 + 0x1000 * index, 16);
    const mapping = `0000:00:04.0 dir=FROM_DEVICE dma_addr=${hex(iova, 8)} size=4096`;
    return { cpu: index % 4, id: index, lba: 8 * index, range, phys, mapping };
  });
  const nvme = (cpu: number) => `nvme0: disk=nvme0n1, qid=${cpu + 1}`;
  const begun = reads.flatMap(({ cpu, id, lba, mapping, phys, range }) =>
    [
      `block_bio_queue: 259,0 RS ${lba} + 8 [fio]`,
      `nvme_setup_cmd: ${nvme(cpu)}, cmdid=${id}, nsid=1, flags=0x0, meta=0x0, ` +
      `cmd=(nvme_cmd_read slba=${lba}, len=7, ctrl=0x0, dsmgmt=0, reftag=0)`,
      `map: ${range} paddr=0x${phys} size=4096`,
      `dma_map_page: ${mapping} phys_addr=${phys} attrs=`,
      `block_rq_issue: 259,0 RS 4096 () ${lba} + 8 be,0,4 [fio]`,
    ].map((event) => [cpu, event] as const)
  );
  const ended = reads.flatMap(({ cpu, id, lba, mapping, range }) =>
    [
      `nvme_sq: ${nvme(cpu)}, head=3, tail=4`,
      `unmap: ${range} size=4096 unmapped_size=4096`,
      `dma_unmap_page: ${mapping} attrs=`,
      `nvme_complete_rq: ${nvme(cpu)}, cmdid=${id}, res=0x0, retries=0, flags=0x0, status=0x0`,
      `block_rq_complete: 259,0 RS () ${lba} + 8 be,0,4 [0]`,
    ].map((event) => [cpu, event] as const)
  );
  return [...begun, ...ended].map((
    [cpu, event],
  ) => [`  fio-${400 + cpu}  [00${cpu}] ..... `, event]);
}
