/**
 * What the words that begin declarations, statements and blocks mean: one entry for each. Help in
 * the REPL and `dmalab explain` come from here; the whole language is in docs/language.md.
 */

export interface StatementSpec {
  /** The word it begins with, or that makes it what it is. */
  readonly word: string;
  /** How it is written. */
  readonly form: string;
  /** One sentence, then as many as it needs. */
  readonly doc: string;
  /** A script that shows it, and runs by itself. */
  readonly example: string;
}

/** A machine with a disk behind an IOMMU, for the examples. */
const DISK = "machine { iommu { mode = strict }\n  pci { root_port rp0 { nvme ssd { } } } }\n";

export const STATEMENT_SPECS: readonly StatementSpec[] = [
  {
    word: "machine",
    form: "machine { key = value  block { … } }",
    doc: "Describes the machine that the file's statements and tests run on.",
    example: `${DISK}print ssd.name`,
  },
  {
    word: "const",
    form: "const NAME = e",
    doc: "A value that functions and tests see, worked out when a machine is ready.",
    example: "const pages = 4\nprint pages",
  },
  {
    word: "fn",
    form: "fn NAME(a, b) { … }",
    doc: "A function. It sees consts, functions and the names of the machine.",
    example: "fn double(n) { return n * 2 }\nprint double(4)",
  },
  {
    word: "use",
    form: 'use "file"',
    doc: "Takes the consts, functions and the machine of another file, relative to this one.",
    example: '# use "lib/patterns.dma"',
  },
  {
    word: "test",
    form: 'test "name" with { … } matrix { … } { … }',
    doc: "A test, on a fresh machine of its own.",
    example: 'test "sizes" { assert 4KiB * 2 == 8KiB }',
  },
  {
    word: "property",
    form: 'property "name" forall a in 0..8, b in list { … }',
    doc: "A test that is tried with many values, each case on a fresh machine.",
    example: 'property "doubling" forall n in 0..8 { assert n + n == 2 * n }',
  },
  {
    word: "bench",
    form: 'bench "name" { setup { … } loop { … } budget event <= n per iteration }',
    doc: "Counts what happens in the turns of its loop, and holds it against budgets.",
    example: `${DISK}bench "reads" {\n  setup { let page = alloc_pages(1) }\n` +
      "  loop { ssd.read(lba: 0, into: page) }\n}\nprint 1",
  },
  {
    word: "with",
    form: "with { iommu.mode = lazy }",
    doc: "After a test's name: changes the machine for it.",
    example: 'test "two CPUs" with { cpus = 2 } { on cpu 1 { advance 1us } }',
  },
  {
    word: "matrix",
    form: "matrix { iommu.mode = [strict, lazy] }",
    doc: "After a test's name: makes a test for each combination of the values.",
    example: 'test "on any number" matrix { cpus = [1, 2] } { advance 1us }',
  },
  {
    word: "skip",
    form: 'skip test "name" { … }',
    doc: "Leaves a test out, counted.",
    example: 'skip test "later" { assert false }\ntest "now" { assert true }',
  },
  {
    word: "let",
    form: "let x = e",
    doc: "Binds a variable in its block; `x = e` and `x += e` give it another value.",
    example: "let n = 1\nn += 2\nprint n",
  },
  {
    word: "if",
    form: "if e { … } else if e { … } else { … }",
    doc: "Runs one of its blocks. A condition is true or false, nothing else.",
    example: "if 2 > 1 { print 2 } else { print 1 }",
  },
  {
    word: "while",
    form: "while e { … }",
    doc: "Runs its block as long as the condition holds.",
    example: "let n = 0\nwhile n < 3 { n += 1 }\nprint n",
  },
  {
    word: "for",
    form: "for x in e { … }",
    doc: "Walks a range, a list or bytes.",
    example: "for n in 0..3 { print n }",
  },
  {
    word: "repeat",
    form: "repeat n { … }",
    doc: "Runs its block a number of times.",
    example: "repeat 3 { advance 1us }\nprint now()",
  },
  {
    word: "match",
    form: "match e { 0 => …  1..4 => …  _ => … }",
    doc: "Takes the first arm whose literal, constant or range fits; `_` fits everything.",
    example: 'match 3 {\n  0 => print "none"\n  1..=4 => print "few"\n  _ => print "many"\n}',
  },
  {
    word: "return",
    form: "return e",
    doc: "Leaves a function or a test.",
    example: "fn first(list) { for x in list { return x } }\nprint first([7, 8])",
  },
  {
    word: "break",
    form: "break",
    doc: "Leaves the innermost loop.",
    example: "for n in 0..9 { if n == 2 { break }; print n }",
  },
  {
    word: "continue",
    form: "continue",
    doc: "Goes on with the next turn of the innermost loop.",
    example: "for n in 0..3 { if n == 1 { continue }\n  print n }",
  },
  {
    word: "assert",
    form: 'assert e, "message"',
    doc: "Fails the test when the condition is false, and shows the value of each of its parts.",
    example: 'assert 1 + 1 == 2, "arithmetic holds"',
  },
  {
    word: "expect",
    form: "expect error CODE { … } · expect fault REASON { … } · expect warning CLASS { … } · " +
      "expect events [ … ] in x",
    doc: "Wants an error, a fault or a report from a block, or a pattern of events from a thing.",
    example: `${DISK}expect fault not_present { ssd.dma_read(0x1000, 1B) }`,
  },
  {
    word: "fails",
    form: "CALL fails EINVAL",
    doc: "Wants this error of the call.",
    example: `${DISK}let s = iova_state()\nassert dma_iova_try_alloc(ssd, s, 0, 8KiB)\n` +
      "dma_iova_link(ssd, s, 0x800, 4KiB, 2KiB, to_device) fails EIO\ndma_iova_free(ssd, s)",
  },
  {
    word: "faults",
    form: "CALL faults not_present",
    doc: "Wants a fault of the IOMMU for this reason from the call.",
    example: `${DISK}ssd.dma_read(0x1000, 1B) faults not_present`,
  },
  {
    word: "warns",
    form: "CALL warns unmap_size",
    doc: "Wants a report of this class from the call.",
    example: `${DISK}let m = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)\n` +
      "dma_unmap_phys(ssd, m, 2KiB, to_device) warns unmap_size",
  },
  {
    word: "try",
    form: "try e",
    doc: "A value with `.ok`, `.value` and `.error` instead of an error.",
    example: `${DISK}let tried = try dma_set_mask(ssd, 32)\nprint tried.ok`,
  },
  {
    word: "step",
    form: "step · step n · step until e",
    doc: "Runs activities: one event further, n events further, or until a condition holds.",
    example: `${DISK}let io = ssd.submit(read, lba: 0, into: alloc_pages(1))\nstep until io.done`,
  },
  {
    word: "wait",
    form: "wait x",
    doc: "Runs activities until an io, a request, or all of a list are done.",
    example: `${DISK}let io = ssd.submit(read, lba: 0, into: alloc_pages(1))\nwait io`,
  },
  {
    word: "advance",
    form: "advance 10ms",
    doc: "Moves virtual time; timers fire on the way.",
    example: "advance 10ms\nprint now()",
  },
  {
    word: "on",
    form: "on cpu n { … }",
    doc: "Runs its block on that CPU.",
    example: "on cpu 0 { print 1 }",
  },
  {
    word: "trace",
    form: "trace { … }",
    doc: "A value: the events that the block caused.",
    example: `${DISK}let t = trace { ssd.read(lba: 0, into: alloc_pages(1)) }\nprint t.length`,
  },
  {
    word: "fail",
    form: "fail POINT { … } · fail POINT nth 3 with ENOMEM { … } · fail each { … }",
    doc: "Makes a point of the machine fail in its block, each time or at one occurrence. " +
      "`fail each` runs its block once for every place where something can fail, and checks that " +
      "nothing leaks.",
    example: `${DISK}fail dma_map_phys {\n` +
      "  dma_map_phys(ssd, 0x10_0000, 4KiB, to_device) fails ENOMEM\n}",
  },
  {
    word: "fork",
    form: "fork { … } and { … }",
    doc:
      "Runs each block from the state before it, on a machine of its own, and gives a record of " +
      "their outcomes: `.first`, `.second`.",
    example: "let both = fork { advance 1us } and { advance 2us }\nprint both.second.time",
  },
  {
    word: "race",
    form: "race { … } and { … }",
    doc:
      "Runs the statements of its blocks in every order there is, and what follows after each; " +
      "as a value it counts the orders, what failed in them and how they end.",
    example: "let n = 0\nrace { n += 1 } and { n += 1 }\nassert n == 2",
  },
  {
    word: "compare",
    form: "compare { key = [ … ] } { … }",
    doc: "Runs its block on a machine for each combination of settings, and shows them side by " +
      "side; its value is the list of the outcomes.",
    example: `${DISK}compare { iommu.mode = [strict, lazy] } {\n` +
      "  ssd.read(lba: 0, into: alloc_pages(4))\n}",
  },
  {
    word: "invariant",
    form: 'invariant "name" { e }',
    doc: "Holds a condition true to the end of its block, after every single event.",
    example: `${DISK}invariant "one request at a time" { ssd.mappings.length <= 1 }\n` +
      "ssd.read(lba: 0, into: alloc_pages(2))",
  },
  {
    word: "print",
    form: "print e",
    doc: "Writes a value as text.",
    example: 'print "a page is {4KiB}"',
  },
  {
    word: "show",
    form: "show e",
    doc: "Draws a value as the table or picture that fits it.",
    example: "show alloc_pages(2)",
  },
  {
    word: "explain",
    form: "explain e",
    doc: "Tells the decisions that led to a value.",
    example: `${DISK}let m = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)\nexplain m\n` +
      "dma_unmap_phys(ssd, m, 4KiB, to_device)",
  },
];
