/**
 * When a line of a kernel's log was printed, in whichever form the log was taken: by the kernel's own
 * clock, as a difference to the line before, or as wall-clock time, often in whole seconds only.
 *
 * @see rules/traces.md T.56
 */

export interface LogTime {
  /** By the log's own clock: since boot, since the log's first line, or since 1970 or another year. */
  readonly seconds: number;
  /** The line was printed at most this much later. */
  readonly resolutionSeconds: number;
}

/** Where the time of a line is sought. */
const PREFIX_LENGTH = 96;
/** `[ 4711.128456]`, `[+0.000012]`. */
const BRACKETS = /\[ *([+-]?)(\d+\.\d+)\]/;
/** `2024-03-04T10:12:07,128456+01:00`, `2024-03-04 10:12:07`. */
const ISO = /\b(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?/;
/** `Mar  4 10:12:07.128456 host`, `[Mon Mar  4 10:12:07 2024]`. */
const MONTH = /\b([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?: (\d{4})\])?/;
/** `1709543527.128456 host kernel:`. */
const UNIX = /^(\d{9,11})\.(\d+) /;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/** Where the year is not written. A leap year: every day has a date. */
const SOME_YEAR = 2000;
/** More cannot be since boot. */
const WALL_SECONDS = 1e8;

/** Whether a time is of the wall clock, which no clock of a trace is near to. */
export function isWallTime(seconds: number): boolean {
  return seconds > WALL_SECONDS;
}

/** Reads the time of each line, in order. */
export class LogClock {
  #sumMicros = 0;

  read(line: string): LogTime | null {
    const text = line.slice(0, PREFIX_LENGTH);
    const brackets = BRACKETS.exec(text);
    if (brackets !== null) {
      const [, sign, digits] = brackets;
      const seconds = Number(digits);
      if (sign === "") return { seconds, resolutionSeconds: 0 };
      // The clock may have stepped back.
      this.#sumMicros += Math.round(seconds * 1e6) * (sign === "-" ? -1 : 1);
      return { seconds: this.#sumMicros / 1e6, resolutionSeconds: 0 };
    }
    const unix = UNIX.exec(text);
    if (unix !== null) return timeOf(Number(unix[1]), unix[2]);
    const iso = ISO.exec(text);
    if (iso !== null) {
      const [, year, month, day, hours, minutes, seconds, fraction] = iso;
      const whole = secondsOf(Number(year), Number(month) - 1, Number(day), [
        hours,
        minutes,
        seconds,
      ]);
      return timeOf(whole, fraction);
    }
    const named = MONTH.exec(text);
    const month = MONTHS.indexOf(named?.[1] ?? "");
    if (named === null || month < 0) return null;
    const [, , day, hours, minutes, seconds, fraction, year = SOME_YEAR] = named;
    return timeOf(secondsOf(Number(year), month, Number(day), [hours, minutes, seconds]), fraction);
  }
}

/** Since the beginning of 1970. @param month From 0. */
function secondsOf(
  year: number,
  month: number,
  day: number,
  time: readonly (string | undefined)[],
): number {
  // Years from March on: the leap day is the last.
  const years = month < 2 ? year - 1 : year;
  const months = (month + 10) % 12;
  const leapDays = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400);
  const days = years * 365 + leapDays + Math.floor((months * 153 + 2) / 5) + day - 719469;
  const [hours = 0, minutes = 0, seconds = 0] = time.map(Number);
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
}

/** A fraction to the microsecond is exact; a coarser one was cut off. */
function timeOf(whole: number, fraction = ""): LogTime {
  const resolutionSeconds = fraction.length >= 6 ? 0 : 10 ** -fraction.length;
  return { seconds: whole + Number(`0.${fraction}0`), resolutionSeconds };
}
