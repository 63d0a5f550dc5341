/** The search of a device's answers, with a few drivers; `device_search_long_test.ts` has the others. */
import { withKeptCompiler } from "./c_together.ts";
import { checkSearched } from "./searched.ts";
import { SEARCHED_DRIVERS } from "./searched_drivers.ts";

/** What the drivers of this file want of their devices. */
const WANTS: readonly string[] = [
  "a reset bit that clears itself",
  "a table behind an index register, with its checksum",
  "a value that is kept and tested later",
  "a flash behind an address and a command, which is read twice",
  "registers of three BARs",
  "a completion in mapped memory, read after it is unmapped",
  "a done bit in mapped memory, which is synced at each poll",
  "an address of a card, which is read before registers that decide nothing",
  "bits that a table knows, and then a word",
  "negative numbers of a byte and of a half in coherent memory",
];

Deno.test("a search finds the answers of a device", (t) =>
  withKeptCompiler(
    t,
    Object.fromEntries(
      SEARCHED_DRIVERS.filter(({ wants }) => WANTS.includes(wants))
        .map((driver) => [driver.wants, () => checkSearched(driver)]),
    ),
  ));
