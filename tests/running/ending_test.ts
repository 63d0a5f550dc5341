/** A task that ends at a signal or at a closed pipe ends all that it has started, and leaves no file. */
import { assert, assertEquals } from "@std/assert";
import { processesBelow, runningProcesses, TempFolder } from "@dmalab/tools";
import { join } from "node:path";
import { ROOT } from "../source_text.ts";

const SIGNALS = [["SIGTERM", 143], ["SIGINT", 130], ["SIGHUP", 129]] as const;
/** A task that ends takes some hundredths of a second; a test of the task takes longer than this. */
const PATIENCE_MS = 5000;
const WINDOWS = Deno.build.os === "windows";

interface Task {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The suite of two members, with a process for each. It takes longer than this test. */
const SUITE = (): Task => ({
  command: Deno.execPath(),
  args: [
    ...["run", "-A", "--no-check", join(ROOT, "tests/run_all.ts")],
    ...["extensions/vectors", "extensions/hunt"],
  ],
  env: {},
});

/** `.ci/run` with a Deno that does nothing for a long time. */
function continuous(folder: TempFolder): Task {
  const deno = folder.write(
    "bin/deno",
    '#!/bin/sh\n[ "$1" = --version ] && echo deno 2.9.6 && exit\necho "$@"; sleep 60; :\n',
  );
  Deno.chmodSync(deno, 0o755);
  const PATH = `${folder.at("bin")}:${Deno.env.get("PATH")}`;
  return { command: join(ROOT, ".ci/run"), args: [], env: { PATH } };
}

/**
 * Starts a task, ends it in some way when it has started processes, and checks that nothing is left.
 *
 * @param leaves Closes the pipe instead of sending a signal.
 */
async function checkEnd(
  { args, command, env }: Task,
  end: Deno.Signal | "closed pipe",
  exitCode: number,
): Promise<void> {
  using temporary = new TempFolder();
  const child = new Deno.Command(command, {
    args: [...args],
    cwd: ROOT,
    env: { ...env, TMPDIR: temporary.path },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  let below: readonly number[] = [];
  while (below.length < 2) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    below = processesBelow(child.pid);
  }
  if (end === "closed pipe") await reader.cancel();
  else child.kill(end);
  const late = setTimeout(() => child.kill("SIGKILL"), 30_000);
  const start = performance.now();
  const { code } = await child.status;
  clearTimeout(late);
  const ms = performance.now() - start;
  if (end !== "closed pipe") await reader.cancel();
  // A killed process may take a moment.
  await new Promise((resolve) => setTimeout(resolve, 300));
  const running = runningProcesses();
  const left = below.filter((pid) => running.has(pid));
  for (const pid of left) Deno.kill(pid, "SIGKILL");
  assertEquals({ code, left, files: [...Deno.readDirSync(temporary.path)] }, {
    code: exitCode,
    left: [],
    files: [],
  });
  assert(end === "closed pipe" || ms < PATIENCE_MS, `${end}: ${ms} ms`);
}

for (const [signal, code] of SIGNALS) {
  Deno.test({
    name: `${signal} ends the suite with its processes`,
    ignore: WINDOWS,
    fn: () => checkEnd(SUITE(), signal, code),
  });
  Deno.test({
    name: `${signal} ends .ci/run with its processes`,
    ignore: WINDOWS,
    async fn() {
      using folder = new TempFolder();
      await checkEnd(continuous(folder), signal, code);
    },
  });
}

Deno.test({
  name: "a closed pipe ends the suite with its processes",
  ignore: WINDOWS,
  fn: () => checkEnd(SUITE(), "closed pipe", 141),
});
