/**
 * `deno task script soak-trace [--lines N] [--file]`: writes ten million lines to
 * `dmalab trace check` as fast as it reads them.
 *
 * Prints the number of written and read lines, and the reader's memory. Ends with exit code 1 if
 * lines are missing, if the reader has any finding, or if its memory grew.
 */
import { command, flag, integer } from "@dmalab/cli/extend";
import { type ExitCode, FAILED, HELD } from "@dmalab/cli/exit_code";
import { runTask } from "@dmalab/tools";

const MIB = 2 ** 20;
const REPORT_MS = 10_000;
/**
 * Limits of the reader's memory. `GROWTH`: limit of its growth after a tenth of the lines.
 * `MAX_MIB`: limit of its size.
 */
const GROWTH = 1.25;
const MAX_MIB = 220;
const CHECK_LINES = 10_000_000;
/** Lines per second, by the times in the lines. */
const RATE = 200_000;

/** Resident memory of a process, in bytes; 0 when it has ended. */
async function rssOf(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "rss=", "-p", `${pid}`] })
    .output();
  return 1024 * Number(new TextDecoder().decode(stdout));
}

const mib = (bytes: number) => `${(bytes / MIB).toFixed(0)} MiB`;

/** The reader's memory during the run. */
class Memory {
  early = 0;
  late = 0;
  least = Infinity;

  constructor(readonly pid: number) {}

  async look(share: number): Promise<number> {
    const rss = await rssOf(this.pid);
    if (rss === 0) return 0;
    this.least = Math.min(this.least, rss);
    if (share < 0.5) this.early = Math.max(this.early, rss);
    else this.late = Math.max(this.late, rss);
    return rss;
  }

  get isFlat(): boolean {
    return this.least < Infinity && this.late <= GROWTH * this.early &&
      Math.max(this.early, this.late) <= MAX_MIB * MIB;
  }

  toString(): string {
    return `rss ${mib(this.least)} to ${mib(Math.max(this.early, this.late))}`;
  }
}

async function run(lines: number, isFile: boolean): Promise<ExitCode> {
  const feed = new TraceFeed(RATE);
  const path = isFile ? Deno.makeTempFileSync() : "-";
  if (isFile) {
    using file = Deno.openSync(path, { write: true });
    while (feed.lines < lines) writeAll(file, feed.next());
  }
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "bin/main.ts", "trace", "check", path],
    stdin: isFile ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const memory = new Memory(child.pid);
  const start = performance.now();
  const outputs = Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const looks = setInterval(() => memory.look(feed.lines / lines), 500);
  if (!isFile) await write(child.stdin, feed, lines, memory);
  const { code } = await child.status;
  clearInterval(looks);
  const [out, err] = await outputs;
  if (isFile) Deno.removeSync(path);
  const seconds = (performance.now() - start) / 1000;
  const read = Number((/([\d_]+) lines/.exec(out)?.[1] ?? "").replaceAll("_", ""));
  console.log(
    `fed ${feed.lines}, read ${read} in ${seconds.toFixed(0)} s, ` +
      `${(1e6 * seconds / read).toFixed(2)} us a line; ${memory}`,
  );
  if (code !== 0) console.error(`error: exit code ${code}: ${out.slice(0, 500)}${err.slice(-500)}`);
  const isGood = code === 0 && read === feed.lines && memory.isFlat;
  return isGood ? HELD : FAILED;
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}

/** Writes lines as fast as they are read. */
async function write(
  stdin: WritableStream<Uint8Array<ArrayBuffer>>,
  feed: TraceFeed,
  lines: number,
  memory: Memory,
): Promise<void> {
  const writer = stdin.getWriter();
  const start = performance.now();
  let reportAt = REPORT_MS;
  while (feed.lines < lines) {
    await writer.write(feed.next());
    const passed = performance.now() - start;
    if (passed < reportAt) continue;
    console.log(
      `${(passed / 1000).toFixed(0).padStart(5)} s: fed ${feed.lines}; ` +
        `rss ${mib(await memory.look(feed.lines / lines))}`,
    );
    reportAt += REPORT_MS;
  }
  await writer.close();
}

/** Number of requests under way at once. */
const DEPTH = 32;
const TIME_DIGITS = 6;
/** `     0.000000`. */
const TIME_WIDTH = 13;
const ZERO = 0x30;
const US_PER_S = 1e6;

/**
 * The lines of a round of requests as bytes. Only the times in the lines change from round to
 * round.
 */
class TraceFeed {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  /** Position of the last digit of each line's time. */
  readonly #timeEnds: number[] = [];
  readonly #lineUs: number;
  lines = 0;

  /** @param rate Lines per second, by the times in the lines. */
  constructor(rate: number) {
    this.#lineUs = US_PER_S / rate;
    const time = `${" ".repeat(TIME_WIDTH - TIME_DIGITS - 2)}0.${"0".repeat(TIME_DIGITS)}`;
    const lines = roundOf(time);
    let at = 0;
    for (const line of lines) {
      this.#timeEnds.push(at + line.indexOf(time) + TIME_WIDTH - 1);
      at += line.length;
    }
    this.#bytes = new TextEncoder().encode(lines.join(""));
  }

  /** The next round; its bytes are valid until the next call. */
  next(): Uint8Array<ArrayBuffer> {
    for (const end of this.#timeEnds) {
      let us = Math.floor(this.lines++ * this.#lineUs);
      for (let digit = 0, at = end; digit <= TIME_DIGITS || us > 0; digit++, at--) {
        if (digit === TIME_DIGITS) at--;
        this.#bytes[at] = ZERO + us % 10;
        us = Math.floor(us / 10);
      }
    }
    return this.#bytes;
  }
}

function roundOf(time: string): string[] {
  const line = (cpu: number, event: string) =>
    `  fio-${400 + cpu}  [00${cpu}] ..... ${time}: ${event}\n`;
  const requests = Array.from({ length: DEPTH }, (_, index) => index);
  return [
    ...requests.flatMap((index) => {
      const [cpu, iova] = [index % 4, 0xfff00000 + 0x2000 * index];
      const [from, to] = [iova, iova + 0x1000].map((address) => `0x${hex(address, 16)}`);
      const phys = hex(0x3e800000 + 0x1000 * index, 16);
      const extent = `slba=${8 * index}, len=7, ctrl=0x0, dsmgmt=0, reftag=0`;
      return [
        `block_bio_queue: 259,0 RS ${8 * index} + 8 [fio]`,
        `nvme_setup_cmd: nvme0: disk=nvme0n1, qid=${cpu + 1}, cmdid=${index}, nsid=1, flags=0x0, ` +
        `meta=0x0, cmd=(nvme_cmd_read ${extent})`,
        `map: IOMMU: iova=${from} - ${to} paddr=0x${phys} size=4096`,
        `dma_map_page: 0000:00:04.0 dir=FROM_DEVICE dma_addr=${
          hex(iova, 8)
        } size=4096 phys_addr=${phys} attrs=`,
        `block_rq_issue: 259,0 RS 4096 () ${8 * index} + 8 be,0,4 [fio]`,
      ].map((event) => line(cpu, event));
    }),
    ...requests.flatMap((index) => {
      const [cpu, iova] = [index % 4, 0xfff00000 + 0x2000 * index];
      const [from, to] = [iova, iova + 0x1000].map((address) => `0x${hex(address, 16)}`);
      return [
        `nvme_sq: nvme0: disk=nvme0n1, qid=${cpu + 1}, head=3, tail=4`,
        `unmap: IOMMU: iova=${from} - ${to} size=4096 unmapped_size=4096`,
        `dma_unmap_page: 0000:00:04.0 dir=FROM_DEVICE dma_addr=${hex(iova, 8)} size=4096 attrs=`,
        `nvme_complete_rq: nvme0: disk=nvme0n1, qid=${
          cpu + 1
        }, cmdid=${index}, res=0x0, retries=0, ` +
        "flags=0x0, status=0x0",
        `block_rq_complete: 259,0 RS () ${8 * index} + 8 be,0,4 [0]`,
      ].map((event) => line(cpu, event));
    }),
  ];
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

await runTask(command({
  name: "soak-trace",
  brief: "Feed ten million lines to `dmalab trace check`",
  description:
    "Writes a trace to `dmalab trace check` as fast as it reads; fails when lines are missing or the " +
    "reader's memory grows.",
  argument: null,
  options: {
    lines: integer("N", "N lines (10000000).", { least: 1 }),
    file: flag("From a file instead of a pipe."),
  },
  examples: [{ line: "soak-trace --lines 1000000", doc: "A short run." }],
  may: {},
  run: ({ options: { file, lines } }) => run(lines ?? CHECK_LINES, file),
}));
