/**
 * Calls of a request with what happened inside, in the order of golden data: some lines were written
 * when a call was entered, others when it returned. What follows the line of a call that was entered
 * belongs to it, until a call returns.
 */
import type { RecordValue } from "./captured_command.ts";

export interface OperationLine {
  readonly op: string;
  readonly [field: string]: RecordValue;
}

export class CallLog {
  readonly #calls: { call: Record<string, RecordValue>; inner: OperationLine[] }[] = [];
  #waiting: OperationLine[] = [];
  #entered: OperationLine[] | null = null;

  /** What happened below a call. */
  inner(line: OperationLine): void {
    (this.#entered ?? this.#waiting).push(line);
  }

  /** The last operation of a kind below the call under way. */
  lastWaiting(op: string): OperationLine | undefined {
    return this.#waiting.findLast((line) => line.op === op);
  }

  /** A call whose line is written when it is entered. */
  entered(call: Record<string, RecordValue>): void {
    this.#entered = this.#waiting;
    this.#waiting = [];
    this.#calls.push({ call, inner: this.#entered });
  }

  /** A call whose line is written when it returns. */
  returned(call: Record<string, RecordValue>): void {
    this.#calls.push({ call, inner: this.#waiting });
    this.#waiting = [];
    this.#entered = null;
  }

  /** The calls; one without inner lines has none. */
  get calls(): readonly Record<string, RecordValue>[] {
    return this.#calls.map(({ call, inner }) => inner.length === 0 ? call : { ...call, inner });
  }
}
