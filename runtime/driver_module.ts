/**
 * A driver in C: the devices that it is bound to, and the function that removes it from them. `remove each` and
 * `unplug each` use it.
 */
export interface DriverModule {
  /** Whether one of its functions is running: the module is not removed before that returns. */
  readonly isRunning: boolean;
  /** Names of the devices that the driver is bound to or is probing, the oldest first. */
  readonly devices: readonly string[];
  /** The event after which its init function succeeded; null while it is not loaded. */
  readonly loadedSeq: number | null;
  /** Calls its remove function for a device, and releases managed resources. */
  unbind(device: string): void;
  /** Calls its exit function. */
  unload(): void;
  /** Nothing runs on its machine or inspects it any more: its memory may be reused. */
  retire(): void;
}
