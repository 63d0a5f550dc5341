import { assertEquals } from "@std/assert";
import { MemoryScreen } from "./memory_screen.ts";
import { refuse } from "./print_error.ts";

const PROBLEM = '"a/long/folder/x.dma" is a scenario: `dmalab run a/long/folder/x.dma` runs it';

Deno.test("on a terminal, an error is broken at spaces, and a command in it stays whole", () => {
  const screen = new MemoryScreen(40);
  refuse(PROBLEM, screen);
  assertEquals(screen.errors.split("\n"), [
    'error: "a/long/folder/x.dma" is a',
    "  scenario:",
    "  `dmalab run a/long/folder/x.dma` runs",
    "  it",
    "",
  ]);
});

Deno.test("without a terminal, an error is one line", () => {
  const screen = new MemoryScreen();
  refuse(PROBLEM, screen);
  assertEquals(screen.errors, `error: ${PROBLEM}\n`);
});
