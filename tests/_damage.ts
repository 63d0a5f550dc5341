/** Damages texts in ways that pasting does, and in worse ones; the same for the same seed. */

export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** 0 to `sides` - 1. */
  roll(sides: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor(this.#state / 2 ** 32 * sides);
  }
}

const SCRAPS = [
  "\n",
  "\r",
  "\t",
  " ",
  "> ",
  "|",
  "+-",
  "\\-",
  "-[",
  "]",
  "[",
  "<",
  ">",
  ":",
  ".",
  "\x1b[",
  "\0",
  "ffff",
  "00:00.0 ",
  "0000:",
  "Capabilities: [",
  "ACSCtl:\t",
  "Region 9: Memory at ",
  "🙂",
  "\ud800",
  "Bus: primary=ff, secondary=ff, subordinate=ff",
  "secondary=03",
  "100: ff ff ff",
  "-+-[0000:00]-+-",
  "((((((((",
];

/** Cuts, moves, doubles and overwrites parts, and turns digits into others. */
export function damage(text: string, dice: Dice): string {
  let damaged = text;
  for (let times = dice.roll(6) + 1; times > 0; times--) {
    const at = dice.roll(damaged.length + 1);
    const end = Math.min(damaged.length, at + dice.roll(dice.roll(4) === 0 ? 2000 : 12));
    const scrap = SCRAPS[dice.roll(SCRAPS.length)]!;
    const other = dice.roll(damaged.length + 1);
    switch (dice.roll(9)) {
      case 0:
        damaged = damaged.slice(0, at);
        break;
      case 1:
        damaged = damaged.slice(0, at) + damaged.slice(end);
        break;
      case 2:
        damaged = damaged.slice(0, at) + scrap + damaged.slice(at);
        break;
      case 3:
        damaged = damaged.slice(0, at) + scrap + damaged.slice(end);
        break;
      case 4:
        damaged = damaged.slice(0, at) + damaged.slice(other, other + 1500) + damaged.slice(at);
        break;
      case 5:
        damaged = damaged.slice(at) + damaged.slice(0, at);
        break;
      default: {
        // Addresses and bus numbers are digits: most of these texts are still listings.
        const digit = damaged.slice(at).search(/[0-9a-f]/);
        if (digit < 0) break;
        damaged = damaged.slice(0, at + digit) + dice.roll(16).toString(16) +
          damaged.slice(at + digit + 1);
      }
    }
  }
  return damaged;
}
