/**
 * `deno task record-machines [MACHINES] [SEED]`: the tables of recordings against ten thousand random
 * machines. Prints what was compared; the first row that differs ends it, with exit code 1.
 */
import { readWholeNumber } from "../../cli/numbers.ts";
import { compareRandomMachines } from "./random_machines.ts";

const MACHINES = 10_000;
const TOLD_EVERY = 1000;

const [machines = MACHINES, seed = 1] = Deno.args.map((word) => readWholeNumber(word) ?? NaN);
if (Number.isNaN(machines) || Number.isNaN(seed)) {
  console.error("error: deno task record-machines [MACHINES] [SEED] takes whole numbers");
  Deno.exit(2);
}
const { events, looks, rows, machines: compared } = compareRandomMachines(
  machines,
  seed,
  ({ machines }) => {
    if (machines % TOLD_EVERY === 0) console.log(`${machines} machines`);
  },
);
console.log(
  `${compared} machines of seed ${seed}: ${events} events, ${looks} looks at every table, ` +
    `${rows} rows of the machines compared, none differs`,
);
