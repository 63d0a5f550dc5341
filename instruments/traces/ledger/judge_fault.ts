/**
 * Whose fault a refused access was: the lives of its page, at the time of the access.
 *
 * @see behaviour/traces.md T.62, T.63
 */
import type { KernelLogEntry } from "../kernel_log/entry.ts";
import { allows, type Device, type Life, PAGE_BYTES, pageEnd, pageOf } from "./life.ts";
import type { PageHistory } from "./page_history.ts";

export interface FaultVerdict {
  /** `use_after_unmap`, `wrong_direction`, `past_end`, `never_mapped` … */
  readonly kind: string;
  readonly life: Life | null;
  /** The page table and the line do not contradict it. */
  readonly isConsistent: boolean;
}

/** An access as the log has it. */
export interface LoggedAccess {
  readonly entry: KernelLogEntry;
  readonly device: Device | null;
  readonly page: number;
  readonly access: "read" | "write" | null;
  /** What the dump of the page table says, or null. */
  readonly mapped: boolean | null;
}

/** A fault is printed by an interrupt: what was born this shortly before cannot have caused it. */
const REACTION_SECONDS = 0.0002;

/** @param seconds When the line was printed, by the trace's clock. */
export function judgeFault(
  access: LoggedAccess,
  history: PageHistory,
  seconds: number,
): FaultVerdict {
  const { device, mapped, page } = access;
  const lives = history.at(page).filter((life) =>
    isOf(life, device) && life.born.seconds <= seconds
  );
  const alive = lives.filter((life) => isAlive(life, seconds));
  const refused = alive.find((life) => !permits(life, access));
  const dead = newest(lives.filter((life) => !isAlive(life, seconds)));
  if (alive.length > 0) {
    const life = refused ?? alive.at(-1)!;
    const isTooYoung = seconds - life.born.seconds < REACTION_SECONDS;
    if (dead !== null && (refused === undefined || isTooYoung)) {
      return { kind: "use_after_unmap", life: dead, isConsistent: isTooYoung && mapped !== true };
    }
    if (refused !== undefined) {
      return { kind: "wrong_direction", life, isConsistent: mapped !== false };
    }
    return { kind: "access_allowed", life, isConsistent: false };
  }
  const before = history.at(page - PAGE_BYTES).findLast((life) =>
    isOf(life, device) && isAlive(life, seconds) && pageEnd(life.addr, life.sizeBytes) === page &&
    permits(life, access) && (dead === null || seconds - life.born.seconds >= REACTION_SECONDS)
  );
  if (before !== undefined && (dead === null || dead.died!.seconds < before.born.seconds)) {
    return { kind: "past_end", life: before, isConsistent: mapped !== true };
  }
  if (dead !== null) {
    return { kind: "use_after_unmap", life: dead, isConsistent: mapped !== true };
  }
  const other = history.at(page).find((life) => life.device !== null && isAlive(life, seconds));
  if (other !== undefined && device !== null) {
    return { kind: "other_device", life: other, isConsistent: mapped !== true };
  }
  return { kind: "never_mapped", life: null, isConsistent: mapped !== true };
}

function isOf(life: Life, device: Device | null): boolean {
  return life.device === null || life.device === device;
}

function isAlive(life: Life, seconds: number): boolean {
  return life.born.seconds <= seconds && (life.died === null || life.died.seconds > seconds);
}

function permits(life: Life, { access }: LoggedAccess): boolean {
  return access === null || allows(life.dir, access);
}

function newest(lives: readonly Life[]): Life | null {
  let found: Life | null = null;
  for (const life of lives) {
    if (found === null || life.died!.seconds >= found.died!.seconds) found = life;
  }
  return found;
}

/** Times at which something changed at the pages of accesses, with those of the page before. */
export function changesAt(access: LoggedAccess, history: PageHistory): number[] {
  return [access.page, pageOf(access.page - 1)].flatMap((page) =>
    history.at(page).flatMap(({ born, died }) =>
      died === null ? [born.seconds] : [born.seconds, died.seconds]
    )
  );
}
