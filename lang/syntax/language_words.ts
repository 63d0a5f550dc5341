/**
 * The language's own words, one row for each word.
 *
 * Lexer, parser, hints, completion, help and tests use these rows. If the grammar uses a word
 * without a row, it does not compile. If the grammar does not use a row, or docs/language.md does
 * not name it, a test fails.
 */
import { hard, type KeywordSpec, soft } from "./word_row.ts";

/** A machine with a disk behind an IOMMU, for the examples. */
const DISK = "machine { iommu { mode = strict }\n  pci { root_port rp0 { nvme ssd { } } } }\n";

const ROWS = {
  machine: hard(
    "statement",
    "block",
    "Describes the machine that the file's statements and tests run on.",
    { form: "machine { key = value  block { … } }", example: `${DISK}print ssd.name` },
  ),
  const: hard(
    "statement",
    "value",
    "A constant that functions and tests see, evaluated when the machine is ready.",
    { form: "const NAME = e", example: "const pages = 4\nprint pages" },
  ),
  fn: hard(
    "statement",
    "head and block",
    "A function. It sees consts, functions and the names of the machine.",
    { form: "fn NAME(a, b) { … }", example: "fn double(n) { return n * 2 }\nprint double(4)" },
  ),
  use: hard(
    "statement",
    "value",
    "Imports the consts, functions and machine of another file, with a path relative to this one.",
    { form: 'use "file"', example: '# use "lib/patterns.dma"' },
  ),
  test: hard(
    "statement",
    "text and block",
    "A test, which runs on a new machine; with a table, one test per row.",
    {
      form:
        'test "name" with { … } matrix { … } { … } · test "name" for c in cases, n in 1..=8 { … }',
      example: 'test "sizes" { assert 4KiB * 2 == 8KiB }\n' +
        'test "{n} pages" for n in 1..=3 { assert alloc_pages(n).size == n * 4KiB }',
    },
  ),
  property: hard(
    "statement",
    "text and block",
    "A test that runs with many values, each case on a new machine.",
    {
      form: 'property "name" forall a in 0..8, b in list { … }',
      example: 'property "doubling" forall n in 0..8 { assert n + n == 2 * n }',
    },
  ),
  bench: hard(
    "statement",
    "text and block",
    "Counts the events of its loop per iteration, and checks budgets.",
    {
      form: 'bench "name" for n in 1..=8 matrix { … } { setup { … } loop { … } }',
      example: `${DISK}bench "reads" matrix { iommu.mode = [strict, lazy] } {\n` +
        "  baseline = strict\n  setup { let page = alloc_pages(1) }\n" +
        "  loop { ssd.read(lba: 0, into: page) }\n" +
        "  expect lazy.invalidations < 0.1 * strict.invalidations\n}\nprint 1",
    },
  ),
  driver: soft(
    "statement",
    "text and block",
    "Declares functions as a driver's map and unmap, which `dmalab hunt` then tests.",
    {
      form: 'driver "name" { map = fn, unmap = fn, pieces = 1..=4 }',
      example:
        `${DISK}fn map_one(buf) { return dma_map_phys(ssd, buf.phys, buf.size, to_device) }\n` +
        "fn unmap_one(buf, m) { dma_unmap_phys(ssd, m, buf.size, to_device) }\n" +
        'driver "one piece" { map = map_one, unmap = unmap_one, pieces = 1 }\nprint ssd.name',
    },
  ),
  with: soft(
    "clause",
    "block",
    "After a test's name: changes the machine for that test. After a record: a copy with other values.",
    {
      form: "with { iommu.mode = lazy } · record with { key: e }",
      example: 'test "two CPUs" with { cpus = 2 } { on cpu 1 { advance 1us } }',
    },
  ),
  matrix: soft(
    "clause",
    "block",
    "After a test's name: one test for each combination of the values.",
    {
      form: "matrix { iommu.mode = [strict, lazy] }",
      example: 'test "on any number" matrix { cpus = [1, 2] } { advance 1us }',
    },
  ),
  forall: soft("clause", "value", "After a property's name: the values to try."),
  skip: soft("statement", "statement", "Skips a test; the summary counts it.", {
    form: 'skip test "name" { … }',
    example: 'skip test "later" { assert false }\ntest "now" { assert true }',
  }),
  setup: soft("bench", "block", "In a bench: runs once, before the loop."),
  loop: soft(
    "bench",
    "block or count and block",
    "In a bench: the code to measure, repeated; `loop 8 { … }` repeats it 8 times, none to warm up.",
  ),
  teardown: soft("bench", "block", "In a bench: runs once, after the loop; it is not counted."),
  baseline: soft(
    "bench",
    "= and value",
    "In a bench: the value of an axis whose cells the others are compared with, `baseline = strict`.",
  ),
  budget: soft(
    "bench",
    "value",
    "In a bench: a limit on events and figures; the name of an event is its count.",
  ),
  per: soft(
    { before: "iteration" },
    "nothing",
    "After a budget: it applies to one iteration of the loop.",
  ),
  iteration: soft(
    { after: "per" },
    "nothing",
    "`per iteration`: a budget for one iteration of the loop.",
  ),
  let: hard(
    "statement",
    "value",
    "Binds a variable in its block; `x = e` and `x += e` assign to it. `r.key = e` and " +
      "`l[i] = e` change the record or list itself, also under its other names.",
    {
      form: "let x = e",
      example: "let n = 1\nn += 2\nlet ring = { head: n }\nring.head += 1\nprint ring",
    },
  ),
  if: hard(
    "statement",
    "value and block",
    "Runs one of its blocks; used as a value, each contains one expression. A condition is " +
      "true or false.",
    {
      form: "if e { … } else if e { … } else { … }",
      example: "if 2 > 1 { print 2 } else { print 1 }",
    },
  ),
  else: hard("clause", "block", "After the block of an `if`: runs when the condition is false."),
  while: hard("statement", "value and block", "Runs its block while the condition is true.", {
    form: "while e { … }",
    example: "let n = 0\nwhile n < 3 { n += 1 }\nprint n",
  }),
  for: hard(
    "statement",
    "head and block",
    "Iterates over a range, a list or bytes; after a test's name, over its table.",
    {
      form: "for x in e { … }",
      example: "for n in 0..3 { print n }",
    },
  ),
  in: hard(
    "clause",
    "value and block",
    "Before the values of `for` and `forall`, and before the subject of `expect events`.",
  ),
  repeat: soft("statement", "value and block", "Runs its block a number of times.", {
    form: "repeat n { … }",
    example: "repeat 3 { advance 1us }\nprint now()",
  }),
  match: hard(
    "statement",
    "value and block",
    "Takes the first arm whose literal, constant or range matches; `_` matches everything. Used " +
      "as a value, an arm is an expression.",
    {
      form: "match e { 0 => …  1..4 => …  _ => … }",
      example: 'match 3 {\n  0 => print "none"\n  1..=4 => print "few"\n  _ => print "many"\n}',
    },
  ),
  return: hard("statement", "value or nothing", "Returns from a function or a test.", {
    form: "return e",
    example: "fn first(list) { for x in list { return x } }\nprint first([7, 8])",
  }),
  break: soft("statement", "nothing", "Leaves the innermost loop.", {
    form: "break",
    example: "for n in 0..9 { if n == 2 { break }; print n }",
  }),
  continue: soft(
    "statement",
    "nothing",
    "Continues with the next iteration of the innermost loop.",
    {
      form: "continue",
      example: "for n in 0..3 { if n == 1 { continue }\n  print n }",
    },
  ),
  assert: hard(
    "statement",
    "value",
    "Fails the test if the condition is false, and prints the value of each of its parts.",
    { form: 'assert e, "message"', example: 'assert 1 + 1 == 2, "arithmetic holds"' },
  ),
  expect: hard(
    "statement",
    "head and block",
    "Expects an error, a fault or a report from a block, or a pattern of events from a value.",
    {
      form: "expect error CODE { … } · expect fault REASON { … } · expect warning CLASS { … } · " +
        "expect events [ … ] in x",
      example: `${DISK}expect fault not_present { ssd.dma_read(0x1000, 1B) }`,
    },
  ),
  error: soft(
    { after: "expect" },
    "head and block",
    "`expect error CODE { … }`: the block must end with this error.",
    { family: "outcome noun" },
  ),
  fault: soft(
    { after: "expect" },
    "head and block",
    "`expect fault REASON { … }`: the block must raise this fault.",
    { family: "outcome noun" },
  ),
  warning: soft(
    { after: "expect" },
    "head and block",
    "`expect warning CLASS { … }`: the block must cause this checker report.",
    { family: "outcome noun" },
  ),
  events: soft(
    { after: "expect" },
    "value",
    "The events of x whose names the pattern contains must match it from first to last.",
    {
      form: "expect events [ … ] in x",
      example: `${DISK}let io = ssd.submit(read, lba: 0, into: alloc_pages(1))\nwait io\n` +
        "expect events [ iommu.map+, !iommu.fault ] in io",
    },
  ),
  fails: soft("infix", "value", "The call must return this error.", {
    family: "outcome verb",
    form: "CALL fails EINVAL",
    example: `${DISK}let s = iova_state()\nassert dma_iova_try_alloc(ssd, s, 0, 8KiB)\n` +
      "dma_iova_link(ssd, s, 0x800, 4KiB, 2KiB, to_device) fails EIO\ndma_iova_free(ssd, s)",
  }),
  faults: soft("infix", "value", "The call must raise an IOMMU fault with this reason.", {
    family: "outcome verb",
    form: "CALL faults not_present",
    example: `${DISK}ssd.dma_read(0x1000, 1B) faults not_present`,
  }),
  warns: soft("infix", "value", "The call must cause a checker report of this class.", {
    family: "outcome verb",
    form: "CALL warns unmap_size",
    example: `${DISK}let m = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)\n` +
      "dma_unmap_phys(ssd, m, 2KiB, to_device) warns unmap_size",
  }),
  try: soft(
    "prefix",
    "value",
    "The result as a value with `.ok`, `.value` and `.error`; an error does not end the test.",
    {
      form: "try e",
      example: `${DISK}let tried = try dma_set_mask(ssd, 32)\nprint tried.ok`,
    },
  ),
  step: soft(
    "statement",
    "value or nothing",
    "Runs pending work: one event, n events, or until a condition is true.",
    {
      form: "step · step n · step until e",
      example: `${DISK}let io = ssd.submit(read, lba: 0, into: alloc_pages(1))\nstep until io.done`,
    },
  ),
  until: soft(
    { after: "step" },
    "value",
    "`step until e`: to the end of the activity in which the condition is true after some event.",
  ),
  wait: soft(
    "statement",
    "value",
    "Runs pending work until an io, a request, or all items of a list are done.",
    {
      form: "wait x",
      example: `${DISK}let io = ssd.submit(read, lba: 0, into: alloc_pages(1))\nwait io`,
    },
  ),
  advance: soft(
    "statement",
    "value",
    "Advances the virtual time of all CPUs and devices; timers fire on the way.",
    {
      form: "advance 10ms",
      example: "advance 10ms\nprint now()",
    },
  ),
  on: soft(
    "statement",
    "head and block",
    "Runs its block on that CPU, or when a register is accessed.",
    {
      form:
        "on cpu n { … } · in an endpoint on write 0x10 { … } · on read 0x14 { return e } · on read bar 2 0x14 { return e }",
      example: "machine { pci { root_port rp0 {\n" +
        "  endpoint nic { bar = 4KiB, on read 4 { return 7 } }\n" +
        "} } }\n" +
        "on cpu 0 { assert readl(nic.bar.at + 4B) == 7 }",
    },
  ),
  cpu: soft({ after: "on" }, "value and block", "`on cpu n { … }`: the number of a CPU."),
  write: soft(
    { after: "on" },
    "value and block",
    "Runs when the CPU writes `value` to this register.",
  ),
  read: soft(
    { after: "on" },
    "value and block",
    "Returns the value that the CPU reads from this register.",
  ),
  bar: soft(
    { after: ["write", "read"] },
    "number, value and block",
    "`on read bar 2 0x14 { … }`: the number of the register's BAR; without it, the BAR that the block lists first.",
  ),
  trace: soft(
    "block value",
    "block",
    "Runs the block; its value is the list of events that the block caused.",
    {
      form: "trace { … }",
      example: `${DISK}let t = trace { ssd.read(lba: 0, into: alloc_pages(1)) }\nprint t.length`,
    },
  ),
  inject: soft(
    "statement",
    "head and block",
    "Makes an injection point fail in its block, each time it is reached or at one hit. " +
      "`inject each` runs its block once per injection point, and checks that " +
      "nothing leaks.",
    {
      form: "inject POINT { … } · inject POINT nth 3 with ENOMEM { … } · inject each { … }",
      example: `${DISK}inject dma_map_phys {\n` +
        "  dma_map_phys(ssd, 0x10_0000, 4KiB, to_device) fails ENOMEM\n}",
    },
  ),
  remove: soft(
    "statement",
    "head and block",
    "`remove each` runs its block once for each moment at which the driver in C can be removed, " +
      "removes it there, and checks that nothing leaks, faults or is used after it was freed. " +
      "The block after `and` is what the device does meanwhile: it runs at each call of the " +
      "removal, and after it.",
    {
      family: "removal",
      form: "remove each { … } · remove each { … } and { … }",
      example: "# remove each { if d.probe(nic) == 0 { d.start(nic) } } and { nic_works() }",
    },
  ),
  unplug: soft(
    "statement",
    "head and block",
    "`unplug each` runs its block once for each event, pulls the device out right after it, removes " +
      "the driver in C as soon as its call returns, and checks the same as `remove each`.",
    {
      family: "removal",
      form: "unplug each { … }",
      example: "# unplug each { if d.probe(nic) == 0 { d.start(nic) } }",
    },
  ),
  each: soft(
    { after: ["inject", "remove", "unplug"] },
    "block",
    "`inject each { … }`: every injection point, one after the other; `remove each`, `unplug each`: " +
      "every moment of a removal.",
  ),
  nth: soft(
    "clause",
    "value",
    "After an injection point: which hits fail, a number or a range.",
  ),
  fork: soft(
    "block value",
    "block",
    "Runs each block on its own copy of the machine, from the current state. Its value is a record of " +
      "the outcomes: `.first`, `.second`.",
    {
      family: "branching",
      form: "fork { … } and { … }",
      example: "let both = fork { advance 1us } and { advance 2us }\nprint both.second.time",
    },
  ),
  race: soft(
    "block value",
    "block",
    "Runs the statements of its blocks in every possible order, then the rest of the test after each; " +
      "used as a value it counts the orders, the failures and the different ends.",
    {
      family: "branching",
      form: "race { … } and { … }",
      example: "let n = 0\nrace { n += 1 } and { n += 1 }\nassert n == 2",
    },
  ),
  compare: soft(
    "block value",
    "block",
    "Runs its block on a new machine for each combination of settings, and prints them side by " +
      "side; its value is the list of the outcomes.",
    {
      form: "compare { key = [ … ] } { … }",
      example: `${DISK}compare { iommu.mode = [strict, lazy] } {\n` +
        "  ssd.read(lba: 0, into: alloc_pages(4))\n}",
    },
  ),
  invariant: soft(
    "statement",
    "text and block",
    "Checks a condition after every event, to the end of its block.",
    {
      form: 'invariant "name" { e }',
      example: `${DISK}invariant "one request at a time" { ssd.mappings.length <= 1 }\n` +
        "ssd.read(lba: 0, into: alloc_pages(2))",
    },
  ),
  print: soft("statement", "value", "Prints a value as text.", {
    family: "output verb",
    form: "print e",
    example: 'print "a page is {4KiB}"',
  }),
  show: soft("statement", "value", "Prints a value as a table or a picture.", {
    family: "output verb",
    form: "show e",
    example: "show alloc_pages(2)",
  }),
  explain: soft("statement", "value", "Prints the decisions that led to a value.", {
    family: "output verb",
    form: "explain e",
    example: `${DISK}let m = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)\nexplain m\n` +
      "dma_unmap_phys(ssd, m, 4KiB, to_device)",
  }),
  as: soft(
    "infix",
    "nothing",
    "`e as dma`, `e as phys`: converts a number to an address of that kind.",
  ),
  not: hard("prefix", "value", "Negates a condition."),
  and: hard(
    "infix",
    "value",
    "True if both sides are; between two blocks of `fork` and `race`, the separator.",
  ),
  or: hard("infix", "value", "True if one of both sides is."),
  true: hard("literal", "nothing", "The true value."),
  false: hard("literal", "nothing", "The false value."),
  none: hard("literal", "nothing", "No value: the content of a field that has none."),
};

export type LanguageWord = keyof typeof ROWS;

type WordOf<C extends KeywordSpec["class"]> = {
  [W in LanguageWord]: typeof ROWS[W]["class"] extends C ? W : never;
}[LanguageWord];

/** Words that are never names, except after `.` and before `:`. */
export type HardWord = WordOf<"hard">;
/** Words that have a special meaning only at certain places and are names elsewhere. */
export type SoftWord = WordOf<"soft">;

export const LANGUAGE_WORDS: Readonly<Record<LanguageWord, KeywordSpec<LanguageWord>>> = ROWS;

export function wordRow(word: string): KeywordSpec | undefined {
  return Object.hasOwn(ROWS, word) ? LANGUAGE_WORDS[word as LanguageWord] : undefined;
}

const WORDS = Object.keys(ROWS) as LanguageWord[];

/** The words of the selected rows, in the order of the table. */
export function keywordsWhere(isAsked: (row: KeywordSpec) => boolean): readonly LanguageWord[] {
  return WORDS.filter((word) => isAsked(LANGUAGE_WORDS[word]));
}

export const HARD_WORDS = keywordsWhere((row) => row.class === "hard") as readonly HardWord[];
export const SOFT_WORDS = keywordsWhere((row) => row.class === "soft") as readonly SoftWord[];
