/**
 * Generates the trace lines of a machine that works for hours, as fast as the reader takes them. The machine has receive
 * rings and a disk behind an IOMMU, or a disk without an IOMMU. A mistake is planted from time to time.
 *
 *     deno run extensions/traces/tests/traced_flow.ts LINES [LINES_PER_SECOND [translated|direct]] | dmalab trace check -
 */
import { Random } from "@dmalab/runtime";

const NIC = "0000:00:06.0";
const DISK = "0000:00:04.0";
const PAGE_BYTES = 0x1000;
const RING = 256;
const QUEUES = 4;
/**
 * `MEMORY_PAGES`: number of memory pages from which buffers are allocated. `SPACE_PAGES`: number of
 * pages in the address space of one device.
 */
const MEMORY_PAGES = 4 << 20;
const SPACE_PAGES = 200_000;
const FIRST_PID = 1000;
const TASKS = 300_000;

export interface FlowForm {
  readonly isDirect: boolean;
  /** Number of lines between two unmaps with a wrong size; 0 for none. */
  readonly mistakeEvery: number;
  readonly linesPerSecond: number;
}

/** An endless generator of lines in batches. */
export class TracedFlow {
  lines = 0;
  mistakes = 0;
  readonly #random: Random;
  readonly #rings: number[][] = Array.from({ length: QUEUES }, () => []);
  readonly #physOf = new Map<number, number>();
  #next = 0;
  #text: string[] = [];
  #request = 0;

  constructor(readonly form: FlowForm, seed: number) {
    this.#random = new Random(seed);
  }

  /** Writes at least `count` further lines. Returns them as one text. */
  take(count: number): string {
    this.#text = [];
    while (this.#text.length < count) {
      const queue = this.#random.below(QUEUES);
      if (this.#random.below(2) === 0) this.#receive(queue);
      else this.#transfer(queue);
    }
    return this.#text.join("\n") + "\n";
  }

  #write(cpu: number, pid: number, event: string): void {
    const seconds = 100 + this.lines++ / this.form.linesPerSecond;
    const flags = pid === 0 ? "d.h1." : ".....";
    const task = pid === 0 ? "<idle>" : `kworker/${cpu}:1H`;
    this.#text.push(`  ${task}-${pid}  [00${cpu}] ${flags}  ${seconds.toFixed(6)}: ${event}`);
  }

  #receive(cpu: number): void {
    const ring = this.#rings[cpu]!;
    if (ring.length === RING) {
      const address = ring.shift()!;
      const bytes = this.#sizeAtUnmap(1522);
      this.#unmap(cpu, NIC, address, bytes);
    }
    ring.push(this.#map(cpu, 0, NIC, 1522));
  }

  /** Writes a disk request by a short-lived task. */
  #transfer(cpu: number): void {
    const number = this.#request++;
    const pid = FIRST_PID + number % TASKS;
    const name = `nvme0: disk=nvme0n1, qid=${cpu + 1}, cmdid=${number % 4096}`;
    const command = "nvme_cmd_read slba=4096, len=7, ctrl=0x0, dsmgmt=0, reftag=0";
    this.#write(
      cpu,
      pid,
      `nvme_setup_cmd: ${name}, nsid=1, flags=0x0, meta=0x0, cmd=(${command})`,
    );
    const address = this.#map(cpu, pid, DISK, 4096);
    this.#write(cpu, pid, "block_rq_issue: 259,0 R 4096 () 4096 + 8 be,0,4 [fio]");
    this.#unmap(cpu, DISK, address, this.#sizeAtUnmap(4096));
    this.#write(
      cpu,
      0,
      `nvme_complete_rq: ${name}, res=0x0, retries=0, flags=0x0, status=0x0`,
    );
  }

  #sizeAtUnmap(bytes: number): number {
    const { mistakeEvery } = this.form;
    if (mistakeEvery === 0 || this.lines < mistakeEvery * (this.mistakes + 1)) return bytes;
    this.mistakes++;
    return bytes - 512;
  }

  #map(cpu: number, pid: number, device: string, bytes: number): number {
    const phys = (1 << 20 | this.#random.below(MEMORY_PAGES)) * PAGE_BYTES;
    const address = this.form.isDirect ? phys : this.#allocate();
    this.#physOf.set(address, phys);
    if (!this.form.isDirect) {
      const range = rangeText(address);
      this.#write(cpu, pid, `map: IOMMU: ${range} paddr=0x${hex16(phys)} size=4096`);
    }
    const call = `dma_map_phys: ${callText(device, address, bytes)}`;
    this.#write(cpu, pid, `${call} phys_addr=${phys.toString(16)} attrs=`);
    return address;
  }

  #unmap(cpu: number, device: string, address: number, bytes: number): void {
    this.#physOf.delete(address);
    if (!this.form.isDirect) {
      const range = rangeText(address);
      this.#write(cpu, 0, `unmap: IOMMU: ${range} size=4096 unmapped_size=4096`);
    }
    this.#write(cpu, 0, `dma_unmap_phys: ${callText(device, address, bytes)} attrs=`);
  }

  #allocate(): number {
    let address: number;
    do address = 0xfffff000 - this.#next++ % SPACE_PAGES * PAGE_BYTES; while (
      this.#physOf.has(address)
    );
    return address;
  }
}

function hex16(address: number): string {
  return address.toString(16).padStart(16, "0");
}

function callText(device: string, address: number, bytes: number): string {
  return `${device} dir=FROM_DEVICE dma_addr=${address.toString(16)} size=${bytes}`;
}

function rangeText(address: number): string {
  return `iova=0x${hex16(address)} - 0x${hex16(address + PAGE_BYTES)}`;
}

const BATCH_LINES = 2000;

async function main([lines = "1000000", rate = "0", mode = "translated", every = "0"]: string[]) {
  const perSecond = Number(rate);
  const flow = new TracedFlow({
    isDirect: mode === "direct",
    mistakeEvery: Number(every),
    linesPerSecond: perSecond || 200_000,
  }, 1);
  const start = performance.now();
  const encoder = new TextEncoder();
  const out = Deno.stdout.writable.getWriter();
  while (flow.lines < Number(lines)) {
    await out.write(encoder.encode(flow.take(BATCH_LINES)));
    const aheadMs = perSecond === 0
      ? 0
      : flow.lines / perSecond * 1000 - (performance.now() - start);
    if (aheadMs > 1) await new Promise((go) => setTimeout(go, aheadMs));
  }
  const seconds = (performance.now() - start) / 1000;
  console.error(
    `${flow.lines} lines in ${seconds.toFixed(1)} s, ${
      Math.round(flow.lines / seconds)
    } a second, ${flow.mistakes} mistakes`,
  );
}

if (import.meta.main) await main(Deno.args);
