/**
 * Whose work is being done: the CPU, device and request that events name, and the statement of the
 * script that led to them.
 *
 * An activity or a timer carries the context where it was posted or armed, and restores the
 * previous one when it ends, however it ends; only its CPU a timer finds where it expires. Work for
 * another origin in between is entered and left. No code assigns a device or a request, so that none
 * can be left set after an early return or an error.
 */

/** Where an event comes from. A request is one itself. */
export interface EventOrigin {
  readonly cpu: number;
  /** The device concerned, by name, or null. */
  readonly device: string | null;
  /** The request concerned, by number, or null. */
  readonly request: number | null;
  /** The script's statement that led to it, as a number its owner understands, or null. */
  readonly site: number | null;
}

export class EventContext implements EventOrigin {
  /** The CPU that runs. `Machine.cpu` sets it, as a script's `on cpu` does. */
  cpu = 0;
  /** The interpreter of a script sets it before each statement. */
  site: number | null = null;
  #device: string | null = null;
  #request: number | null = null;

  get device(): string | null {
    return this.#device;
  }

  get request(): number | null {
    return this.#request;
  }

  /** Work for a request, or for a device alone, from here on. The result goes to `leave`. */
  enter({ cpu, device, request, site }: EventOrigin): EventOrigin {
    const before = this.#copy();
    this.become(cpu, device, request, site);
    return before;
  }

  /** A device's own work from here on. The result goes to `leave`. */
  enterWork(device: string, request: number | null = null): EventOrigin {
    const before = this.#copy();
    this.#device = device;
    this.#request = request;
    return before;
  }

  /** Things are as they were before, whatever was entered since and never left. */
  leave({ cpu, device, request, site }: EventOrigin): void {
    this.become(cpu, device, request, site);
  }

  /**
   * All four words at once. For what is done for each request: the caller keeps the words that were
   * there in locals, and restores them in the same way.
   */
  become(cpu: number, device: string | null, request: number | null, site: number | null): void {
    this.cpu = cpu;
    this.#device = device;
    this.#request = request;
    this.site = site;
  }

  /**
   * Work for a device from here on, whatever the request. For what is done for each page: only one
   * word is kept, and the caller keeps it.
   * @returns What goes to `leaveDevice`.
   */
  enterDevice(device: string | null): string | null {
    const outer = this.#device;
    this.#device = device;
    return outer;
  }

  leaveDevice(outer: string | null): void {
    this.#device = outer;
  }

  /** Does something as work for a device, whatever the request, and however it ends. */
  asDevice<T>(device: string | null, act: () => T): T {
    const outer = this.enterDevice(device);
    try {
      return act();
    } finally {
      this.leaveDevice(outer);
    }
  }

  /**
   * Work for a request from here on, whatever the device; an activity need not leave it.
   * @returns What goes to `leaveRequest`.
   */
  enterRequest(request: number | null): number | null {
    const outer = this.#request;
    this.#request = request;
    return outer;
  }

  leaveRequest(outer: number | null): void {
    this.#request = outer;
  }

  /** Nothing has happened yet: the machine has just come up. The CPU stays. */
  reset(): void {
    this.become(this.cpu, null, null, null);
  }

  #copy(): EventOrigin {
    return { cpu: this.cpu, device: this.#device, request: this.#request, site: this.site };
  }
}
