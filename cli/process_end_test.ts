import { assertEquals, assertMatch } from "@std/assert";
import { ProcessScreen } from "./screen.ts";
import { toItsEnd } from "./process_end.ts";
import { invariant } from "@dmalab/runtime";

/** Calls a function that throws. @returns The exit code, and the printed message. */
async function ended(work: () => never): Promise<[exitCode: number, said: string]> {
  const screen = new ProcessScreen();
  let said = "";
  screen.err = (text) => void (said += text);
  return [await toItsEnd(() => Promise.resolve().then(work), screen), said];
}

Deno.test("an uncaught error is a bug: the message has its place and how to report it, but no stack", async () => {
  const [exitCode, said] = await ended(() => {
    invariant(1 > 2, "a range stands in the tree twice");
    throw new Error("it holds");
  });
  assertEquals(exitCode, 5);
  assertMatch(said, /^error\[E0999\]: bug in dmalab: a range stands in the tree twice\n/);
  assertMatch(said, /found at: \S*process_end_test\.ts:\d+\n/);
  assertEquals(said.split("\n").filter((line) => /^\s+at /.test(line)), []);
});

Deno.test("what the system refuses is no bug, and a full disk has an exit code of its own", async () => {
  assertEquals(
    await ended(() => {
      throw new Deno.errors.PermissionDenied("no (os error 13)");
    }),
    [2, "error: A system call failed: the system does not permit it\n"],
  );
  const [exitCode] = await ended(() => {
    throw new Error("No space left on device (os error 28)");
  });
  assertEquals(exitCode, 4);
});
