/**
 * A driver in C: the devices that it is bound to, and the function that removes it from these devices. `remove
 * each` and `unplug each` use this interface.
 */
export interface DriverModule {
  /**
   * Whether one of the driver's functions is running. The module is not removed before that
   * function returns.
   */
  readonly isRunning: boolean;
  /** Names of the devices that the driver is bound to or is probing, the oldest first. */
  readonly devices: readonly string[];
  /**
   * The event after which the driver's init function succeeded; null while the driver is not
   * loaded.
   */
  readonly loadedSeq: number | null;
  /** Calls the driver's remove function for a device, and releases managed resources. */
  unbind(device: string): void;
  /** Calls the driver's exit function. */
  unload(): void;
  /**
   * Called when nothing runs on the driver's machine or inspects that machine any more: the
   * driver's memory may be reused.
   */
  retire(): void;
}
