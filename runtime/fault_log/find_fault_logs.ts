/** Every fault in a whole log, such as `dmesg` prints, with all other lines in between. */
import { decodeFaultLog } from "./decode_fault_log.ts";
import { faultHead, isDecodedEvent, makerOf } from "./fault_lines.ts";
import type { DecodedFaultLog } from "./logged_fault.ts";

export interface FoundFaultLog {
  /** The line of the log in which the fault begins, from 1. */
  readonly line: number;
  /** The fault's own lines: the first, and later lines of the same IOMMU. */
  readonly text: string;
  readonly read: DecodedFaultLog;
}

/** A fault that further lines may still complete. */
interface OpenFault {
  readonly line: number;
  readonly texts: string[];
  isDecoded: boolean;
}

/**
 * The greatest distance, in lines, between the first line of a fault and its other lines. For
 * comparison: a table dump has some 15 lines.
 */
const REACH_LINES = 64;
/** The key of a fault if its line names no IOMMU. */
const UNNAMED = "";

/**
 * Collects the faults of a log that is passed in line by line.
 *
 * It keeps the lines of at most one fault for each IOMMU that lines name: for each maker, and for
 * each unit of an SMMU.
 */
export class FaultLogReader {
  readonly #open = new Map<string, OpenFault>();
  readonly #found: (fault: FoundFaultLog) => void;
  #newest: OpenFault | null = null;

  /** @param found Called with each fault after the fault's last line, also with unreadable faults. */
  constructor(found: (fault: FoundFaultLog) => void) {
    this.#found = found;
  }

  /**
   * Reads one line.
   * @param line The number of the line, from 1.
   * @returns Whether the line itself shows that it belongs to a fault.
   */
  push(text: string, line: number): boolean {
    this.passTo(line);
    const head = faultHead(text);
    if (head === null && this.#open.size === 0) return false;
    const maker = makerOf(text);
    if (head === null) {
      // Mail breaks long lines, and old releases print a record's second half without a name.
      const fault = maker === null ? this.#newest : this.#open.get(maker);
      fault?.texts.push(text);
      return fault !== undefined && fault !== null && maker !== null;
    }
    const key = maker ?? UNNAMED;
    const before = this.#open.get(key);
    if (before !== undefined) {
      if (isDecodedEvent(text) && !before.isDecoded && isSame(before.texts, text)) {
        before.texts.push(text);
        before.isDecoded = true;
        return true;
      }
      this.#close(key, before);
    }
    const fault = { line, texts: [text], isDecoded: isDecodedEvent(text) };
    this.#open.set(key, fault);
    this.#newest = fault;
    return true;
  }

  /** Ends the faults that began too many lines before `line`, which need not be a line of the log. */
  passTo(line: number): void {
    if (this.#open.size > 0) this.#closeBefore(line - REACH_LINES);
  }

  /**
   * The first line of the faults that are open, which means that further lines may belong to them;
   * Infinity if no fault is open.
   */
  get openLine(): number {
    let least = Infinity;
    for (const { line } of this.#open.values()) if (line < least) least = line;
    return least;
  }

  end(): void {
    this.#closeBefore(Infinity);
  }

  #closeBefore(line: number): void {
    for (const [key, fault] of this.#open) {
      if (fault.line < line) this.#close(key, fault);
    }
  }

  #close(key: string, fault: OpenFault): void {
    this.#open.delete(key);
    if (this.#newest === fault) this.#newest = null;
    const text = fault.texts.join("\n");
    this.#found({ line: fault.line, text, read: decodeFaultLog(text) });
  }
}

/** Whether decoded lines describe the record above them: same event, stream and address. */
function isSame(record: readonly string[], decodedText: string): boolean {
  const [a, b] = [decodeFaultLog(record.join("\n")), decodeFaultLog(decodedText)];
  return a.ok && b.ok && a.fault.format === "arm" && b.fault.format === "arm" &&
    a.fault.event === b.fault.event && a.fault.streamId === b.fault.streamId &&
    a.fault.address?.low === b.fault.address?.low &&
    a.fault.address?.high === b.fault.address?.high;
}
