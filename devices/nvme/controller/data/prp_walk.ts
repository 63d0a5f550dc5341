/**
 * Walks the Physical Region Pages of a command, as a controller does.
 *
 * PRP1 is the first piece of data and may begin anywhere in a page, at a multiple of 4. What is
 * left, when it fits one page, is where PRP2 points; else PRP2 points at a list, which may begin
 * inside a page. A list page whose last entry is reached while more than one page of data is left
 * continues where that entry points (Base Specification 1.4, 4.3).
 */
import { type Bytes, foldedHigh, viewOf, zeros } from "@dmalab/runtime";
import type { HostPort } from "../host_port.ts";
import type { RangeList } from "./range_list.ts";
import { PAGE_BYTES, PRP_ENTRY_BYTES, STATUS, WIDE_HALF } from "../specification.ts";

const { SUCCESS } = STATUS;
const PAGE = PAGE_BYTES;
const ENTRY_BYTES = PRP_ENTRY_BYTES;
const WIDE = WIDE_HALF;

const HALF = 2 ** 32;
const PAGE_MASK = PAGE - 1;

export class PrpWalk {
  readonly #host: HostPort;
  readonly #chainsLast: boolean;
  readonly #list = zeros(Uint8Array, PAGE);
  readonly #entries = viewOf(this.#list);

  /**
   * @param chainsLast A controller with a defect: the entry at the end of a page leads to another
   * list although it points at all the data that is left.
   */
  constructor(host: HostPort, chainsLast = false) {
    this.#host = host;
    this.#chainsLast = chainsLast;
  }

  /**
   * Resolves the two PRPs of a command; no data moves.
   *
   * @param command The command; PRP1 is at byte `at`, PRP2 follows it.
   * @param lengthBytes What the command transfers, > 0.
   * @param toHost The data goes to the host: an address that cannot be is a write fault.
   * @param into Emptied first; complete only when the result is success.
   * @returns 0, or the status of the first entry that is wrong.
   */
  walk(
    command: DataView,
    at: number,
    lengthBytes: Bytes,
    toHost: boolean,
    into: RangeList,
  ): number {
    into.clear();
    const low1 = command.getUint32(at, true);
    const high1 = foldedHigh(command.getUint32(at + 4, true));
    if (low1 % 4 !== 0) return STATUS.PRP_OFFSET;
    if (high1 >= WIDE) return this.#wide(toHost, high1);
    const firstBytes = Math.min(lengthBytes, PAGE - (low1 & PAGE_MASK));
    into.add(high1 * HALF + low1, firstBytes);

    const rest = lengthBytes - firstBytes;
    if (rest === 0) return SUCCESS;
    const low2 = command.getUint32(at + 8, true);
    const high2 = foldedHigh(command.getUint32(at + 12, true));
    if (rest <= PAGE) {
      if ((low2 & PAGE_MASK) !== 0) return STATUS.PRP_OFFSET;
      if (high2 >= WIDE) return this.#wide(toHost, high2);
      into.add(high2 * HALF + low2, rest);
      return SUCCESS;
    }
    if (low2 % ENTRY_BYTES !== 0) return STATUS.PRP_OFFSET;
    if (high2 >= WIDE) return this.#wide(false, high2);
    return this.#walkList(high2 * HALF + low2, rest, toHost, into);
  }

  /** Follows a list until `lengthBytes` are found. Every page but the first brings 511 entries. */
  #walkList(listDma: number, lengthBytes: Bytes, toHost: boolean, into: RangeList): number {
    let rest = lengthBytes;
    let list = listDma;
    let walked = 0;
    while (true) {
      const needed = Math.ceil(rest / PAGE);
      const space = (PAGE - (list % PAGE)) / ENTRY_BYTES;
      const chained = needed > space || needed === space && this.#chainsLast;
      const count = chained ? space : needed;
      if (!this.#host.read(list, this.#list, 0, count * ENTRY_BYTES)) {
        return STATUS.DATA_TRANSFER_ERROR;
      }
      const data = chained ? count - 1 : count;
      for (let index = 0; index < data; index++) {
        this.#host.walked(walked++, list + index * ENTRY_BYTES);
        const low = this.#entries.getUint32(index * ENTRY_BYTES, true);
        const high = foldedHigh(this.#entries.getUint32(index * ENTRY_BYTES + 4, true));
        if ((low & PAGE_MASK) !== 0) return STATUS.PRP_OFFSET;
        if (high >= WIDE) return this.#wide(toHost, high);
        const piece = Math.min(rest, PAGE);
        into.add(high * HALF + low, piece);
        rest -= piece;
      }
      if (!chained) return SUCCESS;
      this.#host.walked(walked++, list + data * ENTRY_BYTES);
      const low = this.#entries.getUint32(data * ENTRY_BYTES, true);
      const high = foldedHigh(this.#entries.getUint32(data * ENTRY_BYTES + 4, true));
      if ((low & PAGE_MASK) !== 0) return STATUS.PRP_OFFSET;
      if (high >= WIDE) return this.#wide(false, high);
      list = high * HALF + low;
    }
  }

  #wide(toHost: boolean, high: number): number {
    this.#host.faultWide(toHost ? "write" : "read", high);
    return STATUS.DATA_TRANSFER_ERROR;
  }
}
