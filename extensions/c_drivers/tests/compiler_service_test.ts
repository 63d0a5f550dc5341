/** The compiler's process: it is kept, and is replaced when it hangs, grows or is killed. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { SUPPORT } from "@dmalab/cli";
import { ROOT } from "@dmalab/tests";
import { TempFolder } from "@dmalab/tools";
import { compileC } from "../compiler/compile_drivers.ts";
import { CompilerService } from "../compiler/compiler_service.ts";

const SUPPORT_FILE = `include/${SUPPORT}`;
const SUPPORT_TEXT = Deno.readTextFileSync(`${ROOT}/extensions/c_drivers/include/${SUPPORT}`);

/** Compiles one file. @returns The module's size in bytes, or the error. */
async function compile(
  service: CompilerService,
  text = "int one(void) { return 1; }\n",
  timeMs = 60_000,
): Promise<number | string> {
  const files = { "one.c": text, [SUPPORT_FILE]: SUPPORT_TEXT };
  const job = { source: "one.c", support: SUPPORT_FILE, files };
  let made: number | string = 0;
  const problem = await compileC(
    [job],
    (_job, { module, said }) => void (made = module?.length ?? said),
    timeMs,
    service,
  );
  return problem?.problem ?? made;
}

Deno.test("one process compiles one file after the other, and a new one takes its place when it was killed or stopped", async () => {
  const told: string[] = [];
  const service = new CompilerService(undefined, undefined, (line) => told.push(line));
  const sizeBytes = await compile(service);
  assert(typeof sizeBytes === "number" && sizeBytes > 0, `${sizeBytes}`);
  const first = service.pid!;
  // A text with an error, then two jobs at once.
  assertMatch(`${await compile(service, "int one(void) { return; }\n")}`, /error: non-void/);
  assertEquals(await Promise.all([compile(service), compile(service)]), [sizeBytes, sizeBytes]);
  assertEquals([service.pid, told], [first, []]);

  Deno.kill(first, "SIGKILL");
  assertEquals(await compile(service), sizeBytes);
  assertEquals(told.splice(0), ["The C compiler was ended by SIGKILL; starting it again"]);
  const second = service.pid!;
  assert(second !== first);

  // A limit of no time at all: the job is stopped and not retried.
  const stopped = await compile(service, undefined, 0);
  assertMatch(
    `${stopped}`,
    /^The C compiler was stopped after 0 s of processor time, .* in one\.c$/,
  );
  assertEquals([service.pid, told], [null, []]);
  assertEquals(await compile(service), sizeBytes);
  assertEquals(told, ["The C compiler was stopped at its limit of time; starting it again"]);
  await service.close();
  assertEquals(service.pid, null);
});

/**
 * Shell programs that take the place of the compiler, started one after the other, and the answer
 * that each file must get.
 */
const PROGRAMS: readonly {
  readonly name: string;
  readonly programs: readonly string[];
  readonly answers: readonly (string | number | RegExp)[];
  readonly told: readonly string[];
}[] = [
  {
    name: "a process that does not answer is killed, and the next file has another one",
    programs: ["read o; exec sleep 100", "GOOD"],
    answers: [/^The C compiler was stopped after 300 s, before it read a file$/, 1],
    told: ["The C compiler did not answer; starting it again"],
  },
  {
    name: "a process that hangs in a file is killed, and the file is not tried again",
    programs: ["ANSWER; BEGIN; exec sleep 100", "GOOD"],
    answers: [1, /^The C compiler was stopped after 300 s, in one\.c$/, 1],
    told: ["The C compiler did not answer; starting it again"],
  },
  {
    name:
      "a process that reaches its limit of memory after other files leaves the file to a new one",
    programs: ['ANSWER; BEGIN; echo \'{"stopped":"memory"}\'', "GOOD"],
    answers: [1, 1],
    told: ["The C compiler was stopped at its limit of memory; starting it again"],
  },
  {
    name: "a file that takes too much memory in a new process is refused, and tried once",
    programs: ['BEGIN; echo \'{"stopped":"memory"}\'', "GOOD"],
    answers: [/^The C compiler was stopped at 1GiB of memory, in one\.c$/, 1],
    told: ["The C compiler was stopped at its limit of memory; starting it again"],
  },
  {
    name:
      "a process that ends in a file is an error of the file, with the first line of its errors",
    programs: ["ANSWER; BEGIN; echo >&2; echo broken >&2; exit 3", "GOOD"],
    answers: [1, /^The C compiler ends with 3, in one\.c: broken$/, 1],
    told: ["The C compiler ends with 3; starting it again"],
  },
  {
    name: "a process that ends in the middle of an answer has not answered",
    programs: ["BEGIN; printf '{\"made\":'; kill -9 $$", "GOOD"],
    answers: [/^The C compiler was ended by SIGKILL, in one\.c: it printed no error$/, 1],
    told: ["The C compiler was ended by SIGKILL; starting it again"],
  },
  {
    name: "a process that ends before it reads is an error, and does not go round in circles",
    programs: ["exit 1", "exit 1", "GOOD"],
    answers: [
      /^The C compiler ends with 1, before it read a file: it printed no error$/,
      /^The C compiler ends with 1, before it read a file: it printed no error$/,
      1,
    ],
    told: [
      "The C compiler ends with 1; starting it again",
      "The C compiler ends with 1; starting it again",
    ],
  },
];

const BEGIN = `read o; echo '{"begun":true}'`;
const ANSWER = `${BEGIN}; echo '{"made":{"module":"AA==","said":""}}'`;

/** Runs the programs one after the other, each in place of the compiler, and checks the answers. */
async function checkPrograms({ answers, programs, told }: typeof PROGRAMS[number]): Promise<void> {
  const left = [...programs];
  const lines: string[] = [];
  const start = () => {
    const program = left.shift()!
      .replaceAll("GOOD", `while true; do ${ANSWER} || exit 0; done`)
      .replaceAll("ANSWER", ANSWER).replaceAll("BEGIN", BEGIN);
    const args = ["-c", program.replaceAll("read o", "read -r o || exit 0")];
    const stdio = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
    return new Deno.Command("sh", { args, ...stdio }).spawn();
  };
  const service = new CompilerService(start, 4000, (line) => lines.push(line));
  for (const answer of answers) {
    const made = await compile(service);
    if (answer instanceof RegExp) assertMatch(`${made}`, answer);
    else assertEquals(made, answer);
  }
  assertEquals(lines, told);
  await service.close();
}

Deno.test({
  name: "a process that hangs, ends or takes too much memory is an error of at most one file",
  ignore: Deno.build.os === "windows",
  async fn(t) {
    // The steps run at the same time, because a process that hangs is killed only after seconds.
    // The whole test checks that no process and no timer is left.
    const unchecked = { sanitizeExit: false, sanitizeOps: false, sanitizeResources: false };
    await Promise.all(
      PROGRAMS.map((each) =>
        t.step({ name: each.name, fn: () => checkPrograms(each), ...unchecked })
      ),
    );
  },
});

/** Process ids of the children of a process. */
function childrenOf(pid: number): readonly number[] {
  const { stdout } = new Deno.Command("ps", { args: ["-o", "pid=", "--ppid", `${pid}`] })
    .outputSync();
  return new TextDecoder().decode(stdout).trim().split(/\s+/).filter((each) => each !== "")
    .map(Number);
}

function isAlive(pid: number): boolean {
  try {
    Deno.kill(pid, "SIGCONT");
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof TypeError) return false;
    throw error;
  }
}

Deno.test({
  name: "the compiler ends with the program that started it, also when that is killed",
  ignore: Deno.build.os !== "linux",
  async fn() {
    using folder = new TempFolder({
      "d.dma": 'machine { }\ndriver d = c "d.c"\ntest "one" { assert d.one() == 1 }\n',
      "d.c": "int one(void) { return 1; }\n",
    });
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", `${ROOT}/bin/main.ts`, "test", "--watch", "d.dma"],
      cwd: folder.path,
      env: { XDG_CACHE_HOME: folder.at("cache"), DENO_DIR: denoFolder() },
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    let text = "";
    for await (const bytes of child.stdout.values({ preventCancel: true })) {
      text += new TextDecoder().decode(bytes);
      if (text.includes("watching for changes")) break;
    }
    const [compiler, ...more] = childrenOf(child.pid);
    assert(compiler !== undefined, text);
    assertEquals(more, []);
    child.kill("SIGKILL");
    await child.status;
    await child.stdout.cancel();
    for (let tries = 0; isAlive(compiler); tries++) {
      assert(tries < 200, "the compiler outlives its caller");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  },
});

/** Deno's folder of packages; with another folder Deno would download them. */
function denoFolder(): string {
  const { DENO_DIR, HOME, XDG_CACHE_HOME } = Deno.env.toObject();
  return DENO_DIR ?? `${XDG_CACHE_HOME ?? `${HOME}/.cache`}/deno`;
}
