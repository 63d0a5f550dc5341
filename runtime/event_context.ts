/**
 * Whose work is being done: the CPU, device and request that events name, and the statement of the
 * script that led to them.
 *
 * An activity or a timer carries what was true where it was posted or armed, and gives back what it
 * found when it ends, however it ends. Only its CPU a timer finds where it expires. Work for somebody else in between is entered and left. Nobody
 * assigns a device or a request, so that none can be forgotten behind an early return or an error.
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

/** A copy of an origin, in a place that is used again and again. */
export class SavedOrigin implements EventOrigin {
  cpu = 0;
  device: string | null = null;
  request: number | null = null;
  site: number | null = null;

  save(origin: EventOrigin): this {
    this.cpu = origin.cpu;
    this.device = origin.device;
    this.request = origin.request;
    this.site = origin.site;
    return this;
  }
}

export class EventContext implements EventOrigin {
  /** The CPU that runs. `Machine.cpu` sets it, as a script's `on cpu` does. */
  cpu = 0;
  /** Whoever runs a script says before each statement where it is. */
  site: number | null = null;
  #device: string | null = null;
  #request: number | null = null;
  /** What `enter` has put aside, outermost first. Places above the depth are there to be used again. */
  readonly #saved: SavedOrigin[] = [];
  #depth = 0;

  get device(): string | null {
    return this.#device;
  }

  get request(): number | null {
    return this.#request;
  }

  /** Everything is of this origin from here on; what is returned goes to `leave`. */
  enter(origin: EventOrigin): number {
    const before = this.#save();
    this.#become(origin);
    return before;
  }

  /** A device's own work from here on; what is returned goes to `leave`. */
  enterWork(device: string, request: number | null = null): number {
    const before = this.#save();
    this.#device = device;
    this.#request = request;
    return before;
  }

  /** Things are as they were before. Whatever was entered since and never left is left too. */
  leave(before: number): void {
    this.#become(this.#saved[before]!);
    this.#depth = before;
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

  /** Nothing has happened yet: the machine has just come up. */
  reset(): void {
    this.#device = null;
    this.#request = null;
    this.site = null;
    this.#depth = 0;
  }

  #save(): number {
    (this.#saved[this.#depth] ??= new SavedOrigin()).save(this);
    return this.#depth++;
  }

  #become(origin: EventOrigin): void {
    this.cpu = origin.cpu;
    this.#device = origin.device;
    this.#request = origin.request;
    this.site = origin.site;
  }
}
