/**
 * Calls of a request with the operations inside them, in the order of golden data. Some lines are
 * written when a call is entered, others when it returns. After the line of an entered call,
 * operations are recorded under that call until any call returns.
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

  /** Adds an operation inside a call. */
  inner(line: LoggedOperation): void {
    (this.#entered ?? this.#waiting).push(line);
  }

  /**
   * Among the operations that belong to no call yet, the last operation of a kind. The line of
   * their call is written at its return.
   */
  lastWaiting(op: string): LoggedOperation | undefined {
    return this.#waiting.findLast((line) => line.op === op);
  }

  /** Whether the current call contains an operation of a kind at an IOVA. */
  hasInner(op: string, iova: number): boolean {
    return (this.#entered ?? this.#waiting).some((line) => line.op === op && line.iova === iova);
  }

  /** Adds a call with a line that is written at its entry. */
  entered(call: Record<string, CapturedValue>): void {
    this.#entered = this.#waiting;
    this.#waiting = [];
    this.#calls.push({ call, inner: this.#entered });
  }

  /** Adds a call with a line that is written at its return. */
  returned(call: Record<string, CapturedValue>): void {
    this.#calls.push({ call, inner: this.#waiting });
    this.#waiting = [];
    this.#entered = null;
  }

  /** The calls; `inner` is left out of a call without operations. */
  get calls(): readonly Record<string, CapturedValue>[] {
    return this.#calls.map(({ call, inner }) => inner.length === 0 ? call : { ...call, inner });
  }
}
