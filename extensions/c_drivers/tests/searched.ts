/** Checks that the search finds a device for small drivers, and that none of them probes without it. */
import { assertEquals, assertMatch } from "@std/assert";
import { HostLoader, loadCompiled } from "@dmalab/cli";
import { join } from "node:path";
import { dmalab, ROOT } from "@dmalab/tests";
import { TempFolder } from "@dmalab/tools";
import { type FoundAnswers, searchAnswers } from "../out_of_tree/register_search.ts";
import { isProbed, runSelected } from "../out_of_tree/selected_tests.ts";
import { type SearchedDriver, searchedSource } from "./searched_drivers.ts";

/** Number of tries within which each of the drivers probes. */
const TRIES = 400;

/** The scenario without the rules that the search has written. */
function withoutRules(scenario: string): string {
  const [before = "", rest = ""] = scenario.split(/^ *# Values that a search has found.*\n/m);
  return before + rest.replace(/^[^]*?^ {6}\}\n/m, "      }\n");
}

/** A kernel tree of a few headers. */
const MINI = join(ROOT, "extensions/kernel_tree/tests/tree/mini");

/** @param kernel Options that name a kernel tree; none for dmalab's own headers. */
async function checkModule(source: string, kernel: readonly string[]): Promise<void> {
  using folder = new TempFolder({
    "module/card.c": source,
    "module/Makefile": "obj-m += card.o\n",
  });
  const words = ["init", folder.at("out"), "--driver", folder.at("module"), ...kernel];
  const made = await dmalab(...words);
  assertMatch(made.output, /^report \| it compiles, probes and is removed/m, made.errors);
  assertMatch(made.output, /^what the search assumes about the device; check it:$/m);
  const path = folder.at("out/driver.dma");
  const scenario = withoutRules(Deno.readTextFileSync(path));
  assertEquals(/on (?:read|write)|properties/.test(scenario), false, scenario);
  Deno.writeTextFileSync(path, scenario);
  const opened = HostLoader.open(path);
  if (typeof opened === "string") throw new Error(opened);
  const { program } = await loadCompiled(opened.entry, opened.loader);
  const search = (tries: number, before?: FoundAnswers) =>
    searchAnswers(program!, {
      ...before !== undefined && { before },
      isProbed,
      pathOf: (name) => name,
      run: () => runSelected(program!, (number) => number === 0, {})[0]!,
      tries,
    })!;
  assertEquals(search(1).hasProbed, false, "it probes without a search");
  const [one, other] = [search(TRIES), search(TRIES)];
  assertEquals(one.hasProbed, true, `${one.tries} tries`);
  assertEquals([one.rules, one.tries], [other.rules, other.tries], "two searches differ");
  const next = search(TRIES, one);
  assertEquals(
    [next.rules, next.bars, next.tries, next.hasProbed],
    [one.rules, one.bars, one.tries + 1, true],
    "a search from the rules of an earlier one tries more than these",
  );
}

/** Checks a small driver, which is compiled with dmalab's own headers. */
export function checkSearched(driver: SearchedDriver): Promise<void> {
  return checkModule(searchedSource(driver), []);
}

/** Checks the source of a driver that needs a kernel tree. */
export function checkWithTree(source: string): Promise<void> {
  return checkModule(source, ["--kernel", MINI]);
}
