/**
 * Brings a controller's registers from power-on to ready.
 *
 * @see rules/nvme.md 5.1
 */
import { KernelError, type Machine, type Nanoseconds, realHigh } from "@dmalab/runtime";
import type { NvmeRegisterPort } from "../../register_port.ts";
import {
  ADMIN_DEPTH,
  ALL_ONES,
  CC_ENABLE,
  CC_SETTINGS,
  CSTS_READY,
  REGISTER,
} from "../protocol.ts";

/** Poll interval while waiting for the controller. */
const POLL_NS: Nanoseconds = 1_000_000;
/** CAP.TO counts half seconds. */
const TIMEOUT_UNIT_NS: Nanoseconds = 500_000_000;

/** What the capabilities register says. */
export interface ControllerCapabilities {
  /** Most entries of an I/O queue. */
  readonly maxQueueEntries: number;
  /** Bytes between two doorbells. */
  readonly doorbellStrideBytes: number;
  /** Smallest page size as a power of two of 4 KiB. */
  readonly minPageExponent: number;
  readonly timeoutNs: Nanoseconds;
  /** Major, minor and tertiary version in 16, 8 and 8 bits. */
  readonly version: number;
}

/**
 * Reads what the controller can do.
 * @throws {KernelError} ENODEV when nothing answers.
 */
export function readCapabilities(
  registers: NvmeRegisterPort,
  name: string,
): ControllerCapabilities {
  if (registers.read32(REGISTER.CSTS) === ALL_ONES) {
    throw new KernelError("ENODEV", `${name} does not answer`);
  }
  const low = registers.read32(REGISTER.CAP);
  const high = registers.read32(REGISTER.CAP + 4);
  return {
    maxQueueEntries: (low & 0xffff) + 1,
    timeoutNs: (low >>> 24) * TIMEOUT_UNIT_NS,
    doorbellStrideBytes: 4 << (high & 0xf),
    minPageExponent: (high >>> 16) & 0xf,
    version: registers.read32(REGISTER.VS),
  };
}

/**
 * Disables the controller and waits until it is. One that does not obey has its function reset, and
 * is disabled once more.
 *
 * @throws {KernelError} ENODEV when it stays ready, or is not there.
 * @see rules/nvme.md 5.1, row 5
 */
export function disableController(
  machine: Machine,
  registers: NvmeRegisterPort,
  capabilities: ControllerCapabilities,
  name: string,
): void {
  clearEnable(registers);
  if (becomesReady(machine, registers, capabilities, 0, name)) return;
  registers.resetFunction();
  clearEnable(registers);
  waitReady(machine, registers, capabilities, 0, name);
}

function clearEnable(registers: NvmeRegisterPort): void {
  const settings = registers.read32(REGISTER.CC);
  registers.write32(REGISTER.CC, (settings & ~CC_ENABLE) >>> 0);
}

/**
 * Points the controller at its admin queues, enables it and waits until it is ready.
 *
 * @throws {KernelError} ENODEV when its smallest page is above 4 KiB, or it does not get ready.
 */
export function enableController(
  machine: Machine,
  registers: NvmeRegisterPort,
  capabilities: ControllerCapabilities,
  adminQueues: { readonly sqDma: number; readonly cqDma: number },
  name: string,
): void {
  registers.write32(REGISTER.AQA, (ADMIN_DEPTH - 1) * 0x1_0001);
  write64(registers, REGISTER.ASQ, adminQueues.sqDma);
  write64(registers, REGISTER.ACQ, adminQueues.cqDma);
  if (capabilities.minPageExponent > 0) {
    throw new KernelError("ENODEV", `${name} has no pages of 4 KiB`);
  }
  registers.write32(REGISTER.CC, CC_SETTINGS);
  registers.write32(REGISTER.CC, CC_SETTINGS + CC_ENABLE);
  waitReady(machine, registers, capabilities, CSTS_READY, name);
}

function write64(registers: NvmeRegisterPort, offset: number, value: number): void {
  registers.write32(offset, value % 2 ** 32);
  registers.write32(offset + 4, realHigh(Math.floor(value / 2 ** 32)));
}

function waitReady(
  machine: Machine,
  registers: NvmeRegisterPort,
  capabilities: ControllerCapabilities,
  wanted: number,
  name: string,
): void {
  if (becomesReady(machine, registers, capabilities, wanted, name)) return;
  const what = wanted === 0 ? "disabled" : "ready";
  throw new KernelError("ENODEV", `${name} did not get ${what} in time`);
}

/** Waits for CSTS.RDY as long as the controller says that it may take. False when it took longer. */
function becomesReady(
  machine: Machine,
  registers: NvmeRegisterPort,
  capabilities: ControllerCapabilities,
  wanted: number,
  name: string,
): boolean {
  const deadlineNs = machine.clock.nowNs + capabilities.timeoutNs;
  for (;;) {
    const status = registers.read32(REGISTER.CSTS);
    if (status === ALL_ONES) throw new KernelError("ENODEV", `${name} has gone`);
    if ((status & CSTS_READY) === wanted) return true;
    if (machine.clock.nowNs >= deadlineNs) return false;
    if (!machine.runNextActivity()) machine.advance(POLL_NS);
  }
}
