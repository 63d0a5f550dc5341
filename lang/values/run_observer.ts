import type { MachineEvent } from "@dmalab/runtime";

/**
 * Follows what a script reads of its run, and can answer in place of the model: assertions are then
 * judged on the facts of a real kernel.
 * @internal
 */
export interface RunObserver {
  /**
   * A field of a thing is read.
   * @param type The name of the thing's type, such as `request`.
   * @returns What answers: the thing itself, or an object with other values in some of its properties.
   */
  field(type: string, thing: object, name: string): object;
  /** A method of a thing is called, or with null a builtin function. */
  call(type: string | null, name: string, args: readonly unknown[]): void;
  /**
   * A query for the events of a request.
   * @param request Its number.
   * @returns Null for those of the model.
   */
  eventsOf(request: number): readonly MachineEvent[] | null;
  /** `expect events` looks for events of these names, with these of their fields. */
  pattern(events: readonly PatternEvents[]): void;
  /** An assertion does not hold. @returns True lets the run go on behind it. */
  failed(error: Error): boolean;
}

/**
 * Events that an item of a pattern takes.
 * @internal
 */
export interface PatternEvents {
  readonly names: ReadonlySet<string>;
  /** Fields that the item compares. */
  readonly fields: readonly string[];
}
