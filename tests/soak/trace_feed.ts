/** Lines of a trace without end: reads of an NVMe disk behind an IOMMU, as 6.12 maps them. */

/** Requests under way at once. */
const DEPTH = 32;
const TIME_DIGITS = 6;
/** `     0.000000`. */
const TIME_WIDTH = 13;
const ZERO = 0x30;
const US_PER_S = 1e6;

/** Bytes of a round of requests, in which only the times change. */
export class TraceFeed {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  /** Where the last digit of each line's time is. */
  readonly #timeEnds: number[] = [];
  readonly #lineUs: number;
  lines = 0;

  /** @param rate Lines per second, by their own times. */
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

  /** The next round, whose bytes are valid until the one after it. */
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
