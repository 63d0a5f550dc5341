/** What an error that a driver returns follows from: a register that it polled in vain, and stubs. */
import { ERRNO, type PhysAddr } from "@dmalab/runtime";
import { formatCount } from "@dmalab/lang/text";
import { type CKernel, hex } from "./c_kernel.ts";

/** A register that is read so often in a row, with the same value each time, is polled. */
const POLLS = 8;
/** Errors as C returns them. */
const MOST_ERRNO = 4095;

export class CFailures {
  readonly #stubs = new Set<string>();
  /** Properties that its node does not have. */
  readonly #properties = new Set<string>();
  /** A pointer of its device that nobody has set, and who would. */
  #nullRead: string | null = null;
  readonly #said = new Set<string>();
  #phys = -1;
  #value = 0;
  #reads = 0;
  /** The last register of the call that was polled; as numbers, since reads are many. */
  #polledPhys = -1;
  #polledValue = 0;
  #polls = 0;

  constructor(readonly kernel: CKernel) {}

  /** A script calls the driver. */
  begin(): void {
    this.#stubs.clear();
    this.#properties.clear();
    this.#nullRead = null;
    this.#phys = this.#polledPhys = -1;
  }

  /** A stub runs for which the script says no number. */
  stubRan(name: string): void {
    this.#stubs.add(name);
  }

  /** C asks for a property of its device's node, which does not have it. */
  propertyMissed(name: string): void {
    this.#properties.add(name);
  }

  nullRead(text: string): void {
    this.#nullRead = text;
  }

  /** C reads a register. */
  registerRead(phys: PhysAddr, value: number): void {
    const isSame = phys === this.#phys && value === this.#value;
    this.#phys = phys;
    this.#value = value;
    this.#reads = isSame ? this.#reads + 1 : 1;
    if (this.#reads < POLLS) return;
    this.#polledPhys = phys;
    this.#polledValue = value;
    this.#polls = this.#reads;
  }

  /** The call ends. An error that the script injects has its reason there. */
  returned(name: string, result: number): void {
    if (result >= 0 || result < -MOST_ERRNO || this.kernel.machine.faults !== null) return;
    const errno = Object.entries(ERRNO).find(([, value]) => value === -result)?.[0];
    const error = `${name}() returns ${result}${errno === undefined ? "" : ` (${errno})`}`;
    if (this.#polledPhys >= 0) this.#say(`${error} after ${this.#pollText()}`);
    else if (this.#phys >= 0) {
      const read = this.#registerText(this.#phys, this.#value, "");
      this.#say(`${error}; the register that it read last is ${read}`);
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

  /** The call is stopped: it does not end. */
  stopped(name: string): void {
    if (this.#polledPhys >= 0) this.#say(`${name}() does not end after ${this.#pollText()}`);
  }

  #pollText(): string {
    const reads = `${formatCount(this.#polls, "read")} of `;
    return reads + this.#registerText(this.#polledPhys, this.#polledValue, "each time ");
  }

  /** A register with what it was read as, and where a scenario says otherwise. */
  #registerText(phys: number, read: number, often: string): string {
    const value = `${often}${hex(read)}`;
    for (const { function: owner } of this.kernel.context.lab.devices.values()) {
      for (const { basePhys, index, sizeBytes } of owner.bars) {
        const offset = phys - basePhys;
        if (offset < 0 || offset >= sizeBytes) continue;
        return `BAR ${index} of ${owner.name} at offset ${hex(offset)}, ${value}: ` +
          `give what it answers in its block, \`on read ${hex(offset)} { return … }\``;
      }
    }
    return `${hex(phys)}, ${value}`;
  }

  #say(text: string): void {
    if (this.#said.has(text)) return;
    this.#said.add(text);
    this.kernel.context.print(`info: ${text}`);
  }
}
