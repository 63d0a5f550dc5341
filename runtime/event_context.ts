/**
 * The context of the current work: the CPU, device and request that events name, and the script
 * statement that led to the work.
 *
 * An activity or a timer has the context in which it was posted or armed. When it ends, even with
 * an error, the previous context is restored. Exception: a timer runs on the CPU where it expires.
 * Code that does work for another origin enters that origin first and leaves it afterwards. No code
 * assigns a device or a request directly, so neither can stay set after an early return or an
 * error.
 */

/** The origin of an event. A request is an origin itself. */
export interface EventOrigin {
  readonly cpu: number;
  /** The device concerned, by name, or null. */
  readonly device: string | null;
  /** The request concerned, by number, or null. */
  readonly request: number | null;
  /**
   * The script's statement that led to the event, as a number that the statement's owner
   * understands, or null.
   */
  readonly site: number | null;
}

export class EventContext implements EventOrigin {
  /** The current CPU. `Machine.cpu` sets it, as a script's `on cpu` does. */
  cpu = 0;
  /** The current statement. A script's interpreter sets it before each statement. */
  site: number | null = null;
  #device: string | null = null;
  #request: number | null = null;

  get device(): string | null {
    return this.#device;
  }

  get request(): number | null {
    return this.#request;
  }

  /** Starts work for a request, or for a device alone. Pass the result to `leave`. */
  enter({ cpu, device, request, site }: EventOrigin): EventOrigin {
    const before = this.#copy();
    this.become(cpu, device, request, site);
    return before;
  }

  /** Starts a device's own work. Pass the result to `leave`. */
  enterWork(device: string, request: number | null = null): EventOrigin {
    const before = this.#copy();
    this.#device = device;
    this.#request = request;
    return before;
  }

  /** Restores a previous context. This also leaves every context that was entered since then. */
  leave({ cpu, device, request, site }: EventOrigin): void {
    this.become(cpu, device, request, site);
  }

  /**
   * Sets all four fields at once. For work that is done for each request: the caller saves the
   * previous values in local variables, and calls this method again to restore them.
   */
  become(cpu: number, device: string | null, request: number | null, site: number | null): void {
    this.cpu = cpu;
    this.#device = device;
    this.#request = request;
    this.site = site;
  }

  /**
   * Starts work for a device and keeps the request. For work that is done for each page: only the
   * device changes, and the caller saves the previous device.
   * @returns The argument for `leaveDevice`.
   */
  enterDevice(device: string | null): string | null {
    const outer = this.#device;
    this.#device = device;
    return outer;
  }

  leaveDevice(outer: string | null): void {
    this.#device = outer;
  }

  /**
   * Runs a function as work for a device, and keeps the request. Restores the previous device even
   * after an error.
   */
  asDevice<T>(device: string | null, act: () => T): T {
    const outer = this.enterDevice(device);
    try {
      return act();
    } finally {
      this.leaveDevice(outer);
    }
  }

  /**
   * Starts work for a request and keeps the device. An activity need not call `leaveRequest`,
   * because its context is restored when it ends.
   * @returns The argument for `leaveRequest`.
   */
  enterRequest(request: number | null): number | null {
    const outer = this.#request;
    this.#request = request;
    return outer;
  }

  leaveRequest(outer: number | null): void {
    this.#request = outer;
  }

  /** Resets the context of a machine that has just started. The CPU stays. */
  reset(): void {
    this.become(this.cpu, null, null, null);
  }

  #copy(): EventOrigin {
    return { cpu: this.cpu, device: this.#device, request: this.#request, site: this.site };
  }
}
