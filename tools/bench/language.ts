/** Speed of checking scripts, and of running them. */
import { checkProgram, loadProgram, SourceFile } from "@dmalab/lang";
import { LoadError, type SourceLoader } from "@dmalab/lang/syntax";
import { type Program, runProgramWith } from "@dmalab/lang/run";
import { type Benchmark, benchResult, plainBenchmark } from "./benchmark.ts";
import { medianOf } from "@dmalab/cli/bench";
import { measureInChild, ONE_THREAD } from "./child.ts";
import { secondsOf } from "./cpu_time.ts";

/** Numbers of measured rounds, and of rounds before them in which V8 optimises the code. */
const ROUNDS = 15;
const WARM_UPS = 6;

/** Number of lines of the checked file. */
const LINES = 10_000;

/** A function and a test like those of the examples; the checked file repeats this text. */
const PIECE = `
# What the disk makes of a scattered buffer, number N.
fn total_N(sizes, extra) {
  let sum = 0B
  for size in sizes { sum += size }
  return sum + extra
}

test "32 scattered pages become one IOVA range, number N" {
  let buf = alloc_pages(32, contiguous: false)
  let req = ssd.submit(read, lba: N * 8, into: buf)
  step until req.mapped
  assert req.iova.size == 128KiB
  if req.command.format == sgl {
    assert req.command.sgl[0].address == req.iova.start, "one for {buf.pages.length} pages"
  }
  expect events [ iova.alloc, iommu.map+, iommu.sync_map ] in req
  wait req
  let state = iova_state()
  if dma_iova_try_alloc(ssd, state, phys: 0x10_0000, size: 64KiB) {
    dma_iova_link(ssd, state, phys: 0x20_0800, offset: 4KiB, size: 4KiB, dir: to_device) fails EIO
    dma_iova_free(ssd, state)
  }
  assert total_N([4KiB, 8KiB], 4KiB) == 16KiB and iommu.live_mappings == 0
  match ssd.queues {
    0 => print "none"
    1..=4 => { let few = ssd.queues * 2; print "few: {few}" }
    _ => print "many"
  }
}
`;

const MACHINE = `machine {
  cpus = 2
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { queues = 2, sgl = true } } }
}
`;

/** A file of exactly `lines` lines. The lines are as long as lines of the examples. */
export function longFile(lines: number = LINES): string {
  const pieceLines = PIECE.split("\n").length - 1;
  const pieces = Math.floor((lines - MACHINE.split("\n").length) / pieceLines);
  const text = MACHINE +
    Array.from({ length: pieces }, (_, number) => PIECE.replaceAll("N", String(number))).join("");
  return text + "# The end.\n".repeat(lines - text.split("\n").length) + "# The end.";
}

const ALONE: SourceLoader = {
  load: () => new LoadError("not_found", "The bench uses no file"),
};

/** Reads, checks and compiles a file that uses no other. @throws {Error} When it is wrong. */
export function readProgram(text: string): Program {
  const { diagnostics, program } = loadProgram(new SourceFile("bench.dma", text), ALONE);
  if (program === null) throw new Error(diagnostics[0]?.message);
  return program;
}

/** Milliseconds for reading and checking 10,000 lines. */
export function measureParse(rounds: number = ROUNDS, warmUps: number = WARM_UPS): number {
  const source = new SourceFile("bench.dma", longFile());
  const read = () => {
    const [problem] = checkProgram(source, ALONE);
    if (problem !== undefined) throw new Error(problem.message);
  };
  return medianOf(rounds, warmUps, () => 1000 * secondsOf(read));
}

/**
 * The text that is repeated to make each broken file. The mistakes are: only the end of the block
 * is missing; each line has a mistake; each line opens a bracket; the blocks become ever deeper.
 */
const BROKEN_LINES = [
  "  let m = dma_map_phys(ssd, p, 4KiB, to_device)\n",
  "  let m = = dma_map_phys(ssd, p\n",
  "a = (b\n",
  "if a {\n b = [c\n",
];

/**
 * Time for a file of broken lines, divided by the time for a correct file with as many characters.
 */
export function measureBroken(): number {
  const right = longFile();
  const ratioOf = (line: string) => {
    const broken = 'test "x" {\n' + line.repeat(right.length / line.length);
    const checked = (text: string) =>
      secondsOf(() => checkProgram(new SourceFile("bench.dma", text), ALONE));
    return medianOf(ROUNDS, WARM_UPS, () => checked(broken) / checked(right));
  };
  return Math.max(...BROKEN_LINES.map(ratioOf));
}

/** Number of turns of the loop in one run. The run stays within the limits that scripts have. */
export const TURNS = 2_000_000;
/**
 * Average number of statements of one turn: 15 of 16 turns run five statements, the other turn runs
 * six.
 */
const STATEMENTS_PER_TURN = 5 + 1 / 16;

/** Assignments, a binding and a condition on ints: the parts of a loop of a script. */
export const LOOP = `
let sum = 1
let rare = 0
let turn = 0
while turn < ${TURNS} {
  let twice = sum * 2
  sum = (twice + turn) % 65521
  if turn % 16 == 3 { rare = rare + sum }
  sum = sum + 1
  turn += 1
}
print sum + rare
`;

/** The same loop as `LOOP`, in TypeScript. */
export function loopHere(turns: number): number {
  let sum = 1;
  let rare = 0;
  let turn = 0;
  while (turn < turns) {
    const twice = sum * 2;
    sum = (twice + turn) % 65521;
    if (turn % 16 === 3) rare = rare + sum;
    sum = sum + 1;
    turn += 1;
  }
  return sum + rare;
}

/** Runs the loop once, as any script is run. @returns What it printed. */
export function loopInScript(program: Program): number {
  const lines: string[] = [];
  const report = runProgramWith(null, program, { onLine: (line) => lines.push(line) });
  const failure = report.outcomes[0]?.failure;
  if (failure != null) throw new Error(failure.message);
  return Number(lines[0]);
}

/** Statements a second. */
export function measureLoop(
  where: "script" | "typescript",
  rounds: number = ROUNDS,
  warmUps: number = WARM_UPS,
): number {
  const program = readProgram(LOOP);
  let seen = 0;
  const loop = () => {
    seen += where === "script" ? loopInScript(program) : loopHere(TURNS);
  };
  const rate = medianOf(rounds, warmUps, () => STATEMENTS_PER_TURN * TURNS / secondsOf(loop));
  if (!(seen > 0)) throw new Error("The loop was not run");
  return rate;
}

const LANG_LOOP: Benchmark = {
  name: "lang.loop",
  doc: "simple statements of a script's loop, against the same loop in TypeScript",
  run() {
    const script = measureInChild(measureLoop, ["script"], ONE_THREAD);
    const typescript = measureInChild(measureLoop, ["typescript"], ONE_THREAD);
    const to = "the same loop in TypeScript";
    return benchResult(LANG_LOOP.name, script, "statements/s", script / typescript, to);
  },
};

export const LANGUAGE: readonly Benchmark[] = [
  plainBenchmark(
    "lang.parse10k",
    "ms",
    "parse and check 10,000 lines, warm",
    () => measureInChild(measureParse, [], ONE_THREAD),
  ),
  plainBenchmark(
    "lang.broken",
    "times",
    "check a file of broken lines, by the time for one of the same length without a mistake: the worst of four",
    () => measureInChild(measureBroken, [], ONE_THREAD),
  ),
  LANG_LOOP,
];
