import type { MachineEvent } from "@dmalab/runtime";

/**
 * Observes the data that a script reads from its run, and can replace the model's values.
 * Assertions are then evaluated on the facts of a real kernel.
 * @internal
 */
export interface RunObserver {
  /**
   * Called when a field of a handle is read.
   * @param type The name of the handle's type, such as `request`.
   * @returns The object to read from: `thing` itself, or an object with other values in some
   *   properties.
   */
  field(type: string, thing: object, name: string): object;
  /** Called for a method of a handle, or with a null type for a builtin function. */
  call(type: string | null, name: string, args: readonly unknown[]): void;
  /**
   * Called when the events of a request are read.
   * @param request The number of the request.
   * @returns The events to use instead; null to use the model's events.
   */
  eventsOf(request: number): readonly MachineEvent[] | null;
  /** Called when `expect events` searches events with these names, comparing these fields. */
  pattern(events: readonly PatternEvents[]): void;
  /**
   * Called when an assertion fails.
   * @returns True to continue the run after the failed assertion.
   */
  failed(error: Error): boolean;
}

/**
 * Events that an item of a pattern can match.
 * @internal
 */
export interface PatternEvents {
  readonly names: ReadonlySet<string>;
  /** Fields that the item compares. */
  readonly fields: readonly string[];
}
