/** The words of trouble and of denial, on lines of our own and on every text of the tests. */
import { assertEquals } from "@std/assert";
import { actIn, mayTrouble } from "./line_acts.ts";

const TEXTS = new URL("../../tests/texts/", import.meta.url);

Deno.test("no line with words of trouble is left out by the quick test", () => {
  const lines = [...Deno.readDirSync(TEXTS)].filter(({ name }) => name.endsWith(".txt"))
    .flatMap(({ name }) => Deno.readTextFileSync(new URL(name, TEXTS)).split("\n"));
  const troubles = lines.filter((line) => {
    const act = actIn(line);
    return act.text !== "" && act.groups !== null;
  });
  assertEquals(troubles.filter((line) => !mayTrouble(line)), []);
});

const SAID: Readonly<Record<string, string>> = {
  "none of the rings was started": "denied",
  "legacy ring not created": "denied",
  "it cannot be created": "failed",
  "runs without a clock": "denied",
  "the ring isn't up": "denied",
  "self test: 0 errors": "values",
  "errors: 0, drops: 0": "values",
  "errors: 12": "error",
  "error recovery failed": "failed",
  "timeout: 30 s": "values",
  "ring timeout: 0x11": "timed out",
  "stuck being busy": "stuck",
  "its table is broken": "trouble",
  "the ring is up": "values",
  "retries=3": "values",
  "tx_timeout: 1": "values",
  "all_unreclaimable? no": "values",
  "all_unreclaimable? yes": "values",
  "registration failed, it may be caused by invalid parameters": "failed",
  "clock configuration is inconsistent, reconfiguring": "set anew",
  "clock configuration is inconsistent": "not valid",
  "Kernel panic - not syncing: memory would be corrupted": "kernel panic",
  "panic=30": "values",
  "Assertion `ring != NULL' failed.": "assertion failed",
  '#4  0x00007f00000012 in __assert_fail (assertion="ring") at a.c:1': "assertion failed",
  "thread 'main' panicked at src/main.rs:4:9:": "thread panicked",
  "Program terminated with signal SIGABRT, Aborted.": "killed by a signal",
  "Segmentation fault (core dumped)": "killed by a signal",
  "the signal of the link is lost": "stopped or lost",
};

Deno.test("a denial is no success and no error, and a setting is no event", () => {
  for (const [line, name] of Object.entries(SAID)) assertEquals(actIn(line).name, name, line);
});
