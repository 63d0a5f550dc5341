/**
 * Finds the mappings that belong to a block-layer request, if no NVMe line shows them.
 *
 * NVMe drivers map before the issue: the mappings that a task makes between its previous issue and
 * the issue of this request belong to the request if their sizes add up to its size. SCSI maps
 * between issue and completion: such a mapping belongs to the request if its size equals the number
 * of bytes of the request that are not mapped yet. If such a mapping fits several requests, it is
 * not attributed to any of them.
 *
 * @see rules/traces.md T.36, T.37
 */
import { formatCount } from "@dmalab/lang/text";
import type { TraceLine } from "../line/trace_line.ts";
import type { TracedMapping } from "../ledger/traced_mapping.ts";
import { RequestUse } from "./request_use.ts";

const ISSUE = /^(\d+,\d+) (\S+) (\d+) \(.*\) (\d+) \+ (\d+) /;
const COMPLETE = /^(\d+,\d+) (\S+) \(.*\) (\d+) \+ (\d+) /;
/** The sector number at the completion of a command without blocks. */
const NO_SECTOR = "18446744073709551615";
/**
 * The largest number of requests in flight, and of mappings of a task that wait for their request.
 * If there are more, the oldest are dropped.
 */
const MAX_OPEN = 1 << 12;

interface OpenRequest {
  readonly use: RequestUse;
  readonly bytes: number;
  /**
   * Device and kind, such as `8,16 R`. The completion of a command without blocks is matched by
   * this name alone, because it has no sector.
   */
  readonly name: string;
  readonly sector: string;
}

export class BlockRequests {
  /** Number of requests with data that could not be attributed completely to mappings. */
  untied = 0;
  #open: OpenRequest[] = [];
  /** For each task, its mappings since it last issued a request. */
  readonly #maps = new Map<number, TracedMapping[]>();
  readonly #setups = new Set<number>();

  constructor(private readonly sink: (request: RequestUse) => void) {}

  /** Adds a mapping that does not belong to an NVMe command. */
  map(mapping: TracedMapping): void {
    if (mapping.kind === "alloc") return;
    const fits = this.#open.filter(({ bytes, use }) => bytes - use.bytes === mapping.sizeBytes);
    if (fits.length === 1) {
      fits[0]!.use.add(mapping, 0);
      return;
    }
    const maps = this.#maps.get(mapping.pid) ?? [];
    if (maps.push(mapping) > MAX_OPEN) maps.shift();
    this.#maps.set(mapping.pid, maps);
  }

  line(line: TraceLine, number: number): void {
    const { event, pid, seconds } = line;
    if (event === "nvme_setup_cmd") this.#setups.add(pid);
    else if (event === "block_rq_issue") this.#issue(line.payload, pid, seconds, number);
    else if (event === "block_rq_complete") this.#complete(line.payload, seconds);
  }

  /** Ends the trace. Requests in flight are closed as well, because their mappings may be known. */
  end(): void {
    for (const request of this.#open.splice(0)) this.#close(request);
  }

  #issue(payload: string, pid: number, seconds: number, number: number): void {
    const maps = this.#maps.get(pid) ?? [];
    this.#maps.delete(pid);
    const match = ISSUE.exec(payload);
    // The mappings of an NVMe command are attributed by its own lines.
    if (this.#setups.delete(pid) || match === null) return;
    const [, disk, what, length, sector, sectors] = match;
    const bytes = Number(length);
    if (bytes === 0) return;
    const blocks = Number(sectors);
    const at = blocks === 0
      ? `${formatCount(bytes, "byte")}`
      : `sector ${sector}, ${formatCount(blocks, "sector")}`;
    const use = new RequestUse(() => `${disk} ${what} ${at}`, number, seconds);
    const own = maps.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) === bytes ? maps : [];
    for (const mapping of own) use.add(mapping, 0);
    this.#open.push({ use, bytes, name: `${disk} ${what}`, sector: sector! });
    if (this.#open.length > MAX_OPEN) this.#close(this.#open.shift()!);
  }

  #complete(payload: string, seconds: number): void {
    const match = COMPLETE.exec(payload);
    if (match === null) return;
    const [, disk, what, sector] = match;
    const name = `${disk} ${what}`;
    const index = this.#open.findIndex((request) =>
      request.name === name && (sector === NO_SECTOR || request.sector === sector)
    );
    if (index < 0) return;
    const [request] = this.#open.splice(index, 1);
    request!.use.tookSeconds = seconds - request!.use.seconds;
    this.#close(request!);
  }

  #close({ bytes, use }: OpenRequest): void {
    if (use.bytes === bytes) this.sink(use);
    else this.untied++;
  }
}
