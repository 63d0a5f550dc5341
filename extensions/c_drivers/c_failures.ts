/**
 * Explains an error that a driver returns: names a register that the driver polled in vain, and
 * stubs that it called.
 */
import { ERRNO, type PhysAddr } from "@dmalab/runtime";
import { formatCount } from "@dmalab/lang/text";
import { type CKernel, hex } from "./c_kernel.ts";

/**
 * A register that is read at least this many times in a row, with the same value each time, counts
 * as polled.
 */
const POLLS = 8;
/** Largest number of registers that a message lists besides the register that was read last. */
const NAMED = 5;
/** Largest errno value in C. */
const MOST_ERRNO = 4095;

/**
 * Ends a message about a failure that may follow from what a stub returned or left unset: dmalab does not model the
 * function, so the failure shows nothing about the driver.
 */
export const NOT_THE_DRIVERS = "until then this failure shows nothing about the driver";

export class CFailures {
  readonly #stubs = new Set<string>();
  /** Properties that the driver looked up and the device's node lacks. */
  readonly #properties = new Set<string>();
  /**
   * A pointer in the device's structure that was never set, with advice on the code that would set
   * the pointer.
   */
  #nullRead: string | null = null;
  readonly #said = new Set<string>();
  /** Registers that were read before the last one, the most recently read at the end. */
  readonly #before = new Set<number>();
  #phys = -1;
  #value = 0;
  #reads = 0;
  /**
   * The last register that was polled in the call: its address, the value, and the number of reads.
   * Kept as numbers, since reads are frequent.
   */
  #polledPhys = -1;
  #polledValue = 0;
  #polls = 0;

  constructor(readonly kernel: CKernel) {}

  /** Called when a script calls the driver. */
  begin(): void {
    this.#stubs.clear();
    this.#properties.clear();
    this.#nullRead = null;
    this.#before.clear();
    this.#phys = this.#polledPhys = -1;
  }

  /** Called when a stub runs that has no result set by the script. */
  stubRan(name: string): void {
    this.#stubs.add(name);
  }

  /** Called when C looks up a property that its device's node lacks. */
  propertyMissed(name: string): void {
    this.#properties.add(name);
  }

  nullRead(text: string): void {
    this.#nullRead = text;
  }

  /** Called when C reads a register. */
  registerRead(phys: PhysAddr, value: number): void {
    const isSame = phys === this.#phys && value === this.#value;
    if (phys !== this.#phys) this.#follows(phys);
    this.#phys = phys;
    this.#value = value;
    this.#reads = isSame ? this.#reads + 1 : 1;
    if (this.#reads < POLLS) return;
    this.#polledPhys = phys;
    this.#polledValue = value;
    this.#polls = this.#reads;
  }

  #follows(phys: PhysAddr): void {
    const before = this.#before;
    if (this.#phys >= 0) before.add(this.#phys);
    before.delete(phys);
    if (before.size > NAMED) before.delete(before.keys().next().value!);
  }

  /** Called when the call returns. An error that the script injects needs no explanation. */
  returned(name: string, result: number): void {
    if (result >= 0 || result < -MOST_ERRNO || this.kernel.machine.faults !== null) return;
    const errno = Object.entries(ERRNO).find(([, value]) => value === -result)?.[0];
    const error = `${name}() returns ${result}${errno === undefined ? "" : ` (${errno})`}`;
    if (this.#polledPhys >= 0) this.#say(`${error} after ${this.#pollText()}`);
    else if (this.#phys >= 0) {
      const read = this.#registerText(this.#phys, this.#value, "");
      this.#say(`${error}; the register that it read last is ${read}${this.#beforeText()}`);
    }
    if (this.#nullRead !== null) this.#say(`${error} after it read ${this.#nullRead}`);
    if (this.#properties.size > 0) {
      this.#say(
        `${error} after its node had no ${[...this.#properties].join(", ")}: ` +
          'give what it needs in its block, `properties = "…"`',
      );
    }
    if (this.#stubs.size === 0) return;
    const stubs = [...this.#stubs].map((stub) => `${stub}()`).join(", ");
    this.#say(
      `${error} after the ${this.#stubs.size === 1 ? "stub" : "stubs"} ${stubs}: ` +
        "give what they return in `stubs`, or what they do in a file of `files`",
    );
  }

  /**
   * The stubs that ran in the call, as the end of the message of a `BUG()` or of a null pointer: the code may check
   * or use what they had to return or to set. "" without one.
   */
  stubsBefore(): string {
    if (this.#stubs.size === 0) return "";
    const stubs = [...this.#stubs].slice(0, NAMED).map((name) => `${name}()`).join(", ");
    return `; before it, the ${this.#stubs.size === 1 ? "stub" : "stubs"} ${stubs} ran: ` +
      `give what they return in \`stubs\`, ${NOT_THE_DRIVERS}`;
  }

  /** Called when the call is stopped before it returns. */
  stopped(name: string): void {
    if (this.#polledPhys >= 0) this.#say(`${name}() has not ended after ${this.#pollText()}`);
  }

  /**
   * Called when the call of a driver's function ends with an access that the checker refuses. If this happens
   * on an error path, the value of a register may be the cause.
   */
  crashed(name: string): void {
    if (this.#phys < 0 || this.kernel.machine.faults !== null) return;
    const read = this.#polledPhys >= 0
      ? this.#pollText()
      : `it read ${this.#registerText(this.#phys, this.#value, "")}`;
    this.#say(`${name}() crashes after ${read}${this.#beforeText()}`);
  }

  #beforeText(): string {
    const offsets = [...this.#before].toReversed().map((phys) =>
      hex(phys - (this.#barOf(phys)?.basePhys ?? 0))
    );
    return offsets.length === 0 ? "" : `; before it, ${offsets.join(", ")}`;
  }

  #pollText(): string {
    const reads = `${formatCount(this.#polls, "read")} of `;
    return reads + this.#registerText(this.#polledPhys, this.#polledValue, "each time ");
  }

  /** Describes a register with the value read, and how a scenario can set another value. */
  #registerText(phys: number, read: number, often: string): string {
    const value = `${often}${hex(read)}`;
    const found = this.#barOf(phys);
    if (found !== null) {
      const offset = hex(phys - found.basePhys);
      const number = found.isFirst ? "" : `bar ${found.index} `;
      return `BAR ${found.index} of ${found.owner} at offset ${offset}, ${value}: ` +
        `give what it answers in its block, \`on read ${number}${offset} { return … }\``;
    }
    return `${hex(phys)}, ${value}`;
  }

  #barOf(phys: number) {
    for (const { function: { bars, name: owner } } of this.kernel.context.lab.devices.values()) {
      const found = bars.find((bar) => phys >= bar.basePhys && phys < bar.basePhys + bar.sizeBytes);
      if (found !== undefined) return { ...found, owner, isFirst: found === bars[0] };
    }
    return null;
  }

  #say(text: string): void {
    if (this.#said.has(text)) return;
    this.#said.add(text);
    this.kernel.context.print(`info: ${text}`);
  }
}
