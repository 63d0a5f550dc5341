/**
 * Calls of a request with what happened inside, in the order of golden data: some lines were written
 * when a call was entered, others when it returned. What follows the line of a call that was entered
 * belongs to it, until a call returns.
 */
import type { CapturedValue } from "./captured_command.ts";

export interface LoggedOperation {
  readonly op: string;
  readonly [field: string]: CapturedValue;
}

export class CallLog {
  readonly #calls: { call: Record<string, CapturedValue>; inner: LoggedOperation[] }[] = [];
  #waiting: LoggedOperation[] = [];
  #entered: LoggedOperation[] | null = null;

  /** What happened below a call. */
  inner(line: LoggedOperation): void {
    (this.#entered ?? this.#waiting).push(line);
  }

  /** The last operation of a kind below the call under way. */
  lastWaiting(op: string): LoggedOperation | undefined {
    return this.#waiting.findLast((line) => line.op === op);
  }

  /** Whether an operation of a kind, at an IOVA, happened below the call under way. */
  hasInner(op: string, iova: number): boolean {
    return (this.#entered ?? this.#waiting).some((line) => line.op === op && line.iova === iova);
  }

  /** A call with a line that is written when it is entered. */
  entered(call: Record<string, CapturedValue>): void {
    this.#entered = this.#waiting;
    this.#waiting = [];
    this.#calls.push({ call, inner: this.#entered });
  }

  /** A call with a line that is written when it returns. */
  returned(call: Record<string, CapturedValue>): void {
    this.#calls.push({ call, inner: this.#waiting });
    this.#waiting = [];
    this.#entered = null;
  }

  /** The calls; one without inner lines has none. */
  get calls(): readonly Record<string, CapturedValue>[] {
    return this.#calls.map(({ call, inner }) => inner.length === 0 ? call : { ...call, inner });
  }
}
