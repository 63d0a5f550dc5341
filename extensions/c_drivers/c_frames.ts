/**
 * Which calls of functions of C have not returned, for a debugger that follows a run line by line.
 *
 * Each function has a frame on the stack of C, which grows downwards: where a line starts with the
 * stack higher up, the calls below it have returned.
 */
import type { DebugHooks } from "@dmalab/lang/values";
import type { CLine } from "./wasm/checked_module.ts";

export class CFrames {
  /** The line's number for the follower, by its number in the code. */
  readonly #numbers: readonly number[];
  /** Where the stack is in each call, the innermost last. */
  readonly #stack: number[] = [];
  /** The innermost call has just begun, and has not made its frame. */
  #isOpening = false;
  /** Calls that were there before the script called, or the kernel called back. */
  #below = 0;

  constructor(readonly lines: readonly CLine[], readonly debugHooks: DebugHooks) {
    this.#numbers = lines.map((line) => debugHooks.numberOf(line));
  }

  /** C is called. @returns What to leave with. */
  enter(): number {
    const below = this.#below;
    this.#below = this.#stack.length;
    this.#isOpening = false;
    return below;
  }

  /** That call is over, by an error or not. */
  leave(below: number): void {
    const returned = this.#stack.length - this.#below;
    this.#stack.length = this.#below;
    this.debugHooks.nativeDepth -= returned;
    this.debugHooks.returned();
    this.#below = below;
    this.#isOpening = false;
  }

  /** A line starts. @param stackAt Where the stack is. */
  reached(line: number, stackAt: number): void {
    const stack = this.#stack;
    const before = stack.length;
    const { isEntry } = this.lines[line]!;
    if (!isEntry && this.#isOpening) stack[stack.length - 1] = stackAt;
    while (stack.length > this.#below && stack.at(-1)! < stackAt) stack.pop();
    // What it takes for itself is lower, whatever that will be.
    if (isEntry) stack.push(stackAt - 1);
    this.#isOpening = isEntry;
    this.debugHooks.nativeDepth += stack.length - before;
    this.debugHooks.started(this.#numbers[line]!);
  }
}
