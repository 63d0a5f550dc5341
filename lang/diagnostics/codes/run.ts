/** Diagnostic codes of limits (E08..) and what goes wrong while a script runs (E09..). A code is never reused. */
import type { CodeEntry } from "./entry.ts";

export const RUN_CODES = {
  E0801: {
    title: "too many steps",
    explanation:
      "A script may execute only so many instructions, so that a loop without an end stops by itself. " +
      "Calls, the machine's activities, and whatever walks a large value count for more than a plain statement.",
    example: "while true { }     # stops with E0801",
  },
  E0802: {
    title: "too much memory",
    explanation:
      "Lists, strings and bytes that a script holds, and what its machines take of the host, are limited together. " +
      "Memory that it no longer references is freed.",
    example: 'let text = "x"\nwhile true { text = "{text}{text}" }     # stops with E0802',
  },
  E0803: {
    title: "calls nested too deeply",
    explanation: "Functions may call each other, and themselves, only to a certain depth.",
    example: "fn f(n) { return f(n + 1) }     # never returns\nprint f(0)",
  },
  E0804: {
    title: "too much output",
    explanation: "What `print`, `show` and `explain` may write is limited to a number of lines.",
    example: "while true { print 1 }     # stops with E0804",
  },
  E0805: {
    title: "too many events",
    explanation:
      "Only so many events of one machine are kept. Queries beyond that point would be silently incomplete, so they fail. " +
      "`--max-events` keeps more.",
    example: "let t = trace { ssd.read(lba: 0, into: buf) }     # after a million events",
  },
  E0806: {
    title: "too much time",
    explanation:
      "A test, or a property with all its cases, may take only so much processor time, and ten times as much by the " +
      "clock: steps alone do not say how much work a single call is.",
    example: "race { repeat 99 { advance 1s } } and { repeat 99 { advance 1s } }",
  },
  E0807: {
    title: "interrupted",
    explanation:
      "Ctrl-C ended the run. What was found before is reported; tests not run are counted.",
    example: "while true { }     # and Ctrl-C",
  },
  E0808: {
    title: "address that cannot be represented",
    explanation:
      "Of an address space wider than 52 bits dmalab has the last 256 TiB, where a kernel allocates first, beside all " +
      "addresses below 2^52. Allocating a range between the two ends the run.",
    example:
      "machine {\n  iommu { mode = strict, address_bits = 57 }\n  pci { root_port rp0 { nvme ssd { } } }\n}\n" +
      "for n in 1..=3 { dma_iova_try_alloc(ssd, iova_state(), alloc_pages(1), 128TiB) }",
  },
  E0901: {
    title: "assertion failed",
    explanation:
      "The condition of an `assert` was false. The value of each part is printed below the source line.",
    example: "assert 1 + 1 == 3",
  },
  E0902: {
    title: "unexpected error",
    explanation:
      "A kernel function returned an error that the script does not handle. If the error is expected, take it with `fails`, " +
      "`expect error` or `try`.",
    example:
      "assert dma_iova_try_alloc(ssd, state, phys: 0, size: 8KiB)\ndma_iova_link(ssd, state, phys: 0x800, offset: 4KiB, size: 4KiB, dir: to_device)     # write … fails EIO",
  },
  E0903: {
    title: "expected error did not occur",
    explanation:
      "The call or block was expected to fail with this error; it succeeded or failed with another.",
    example: "dma_iova_free(ssd, state) fails EINVAL     # it returns nothing and cannot fail",
  },
  E0904: {
    title: "expected fault did not occur",
    explanation: "The call or block was expected to raise this IOMMU fault, and did not.",
    example: "ssd.dma_read(m.addr, 4KiB) faults not_present     # the mapping is there",
  },
  E0905: {
    title: "expected report did not occur",
    explanation: "The call or block was expected to cause this checker report, and did not.",
    example: "dma_unmap_phys(ssd, m, 4KiB, bidirectional) warns unmap_size     # the size is right",
  },
  E0906: {
    title: "events do not match",
    explanation:
      "The pattern must match all events whose names occur in it, from the first to the last. The failure " +
      "shows which event came where the pattern wanted another.",
    example:
      "ssd.read(lba: 0, into: buf)\nexpect events [ nvme.submit, nvme.fetch, nvme.submit ] in ssd     # one command",
  },
  E0907: {
    title: "no work pending",
    explanation:
      "`step until` and `wait` run the machine's activities. All have run, and the condition was not met: a deadlock " +
      "where nothing else can run. Timers fire when time moves: `advance 10ms`.",
    example:
      "let io = ssd.submit(read, lba: 0, into: buf)\nwait io\nstep until not io.done     # never",
  },
  E0908: {
    title: "unexpected reports",
    explanation:
      "With `checker = fail` or `strict`, a report of the checker or a fault of the IOMMU that no statement expects fails the test.",
    example:
      'machine { checker = fail\n  pci { root_port rp0 { nvme ssd { } } } }\ntest "t" with { iommu.mode = strict } {\n  ssd.dma_read(0, 1B)     # write: ssd.dma_read(0, 1B) faults not_present\n}',
  },
  E0909: {
    title: "budget exceeded",
    explanation:
      "A bench counts events in the turns of its loop; `budget` says how many there may be, in all or per iteration.",
    example:
      'bench "b" {\n  loop { ssd.read(lba: 0, into: alloc_pages(1)) }\n  budget nvme.doorbell <= 1 per iteration     # there are two\n}',
  },
  E0911: {
    title: "integer too large",
    explanation:
      "Integers, sizes, durations and addresses are exact, from -(2^53 - 1) to 2^53 - 1. A result outside is an " +
      "error, never a rounding.",
    example: "let x = 9_007_199_254_740_991\nprint x + 1",
  },
  E0912: {
    title: "division by zero",
    explanation: "The right side of `/` or `%` is zero, and no number would be the result.",
    example: "let none_left = 0\nprint 1 / none_left",
  },
  E0913: {
    title: "wrong kind of value",
    explanation:
      "An operator, a condition or a parameter got a value of a kind it does not take. The checker finds most of " +
      "these before the run; this one depended on a value.",
    example: "fn double(x) { return x * 2 }\nprint double(ssd)",
  },
  E0914: {
    title: "no such field or method",
    explanation:
      "The value has no field or method of that name. Where the checker knows the value it says so before the " +
      "run; what a function gets it does not know.",
    example: "fn end(range) { return range.end }\nprint end({ start: 1 })",
  },
  E0915: {
    title: "index out of range",
    explanation: "Lists, strings and bytes are indexed from 0 to their length - 1.",
    example: "let l = [1, 2]\nprint l[2]",
  },
  E0916: {
    title: "not a function",
    explanation: "Only functions and lambdas can be called.",
    example: "fn call(f) { return f(2) }\nprint call(1)     # write call(x => x + 1)",
  },
  E0917: {
    title: "wrong number of arguments",
    explanation: "A function of the script takes exactly the arguments it declares.",
    example: "fn call(f) { return f(1) }\nprint call((a, b) => a + b)",
  },
  E0918: {
    title: "address out of range",
    explanation: "An address is a number from 0 to 2^53 - 1; this one would be negative.",
    example: "let below = (0x1000 as phys) - 8KiB",
  },
  E0919: {
    title: "value out of range",
    explanation: "The value has the right kind, but lies outside what is possible there.",
    example: "on cpu 7 { advance 1us }     # on a machine with one CPU",
  },
  E0921: {
    title: "leak on an error path",
    explanation:
      "`inject each` runs its block once for every place where something can fail. Page-table entries, IOVAs, " +
      "bounce slots, pool blocks, memory and mappings must all be freed or unmapped when the block ends, on success or failure.",
    example:
      "inject each {\n  let a = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)\n  let b = dma_map_phys(ssd, 0x20_0000, 4KiB, to_device)     # when this fails, a stays mapped\n  dma_unmap_phys(ssd, b, 4KiB, to_device)\n  dma_unmap_phys(ssd, a, 4KiB, to_device)\n}",
  },
  E0922: {
    title: "run that cannot be repeated",
    explanation:
      "`fork`, `race`, `compare` and `inject each` repeat the test on new machines. A bench and a const " +
      "cannot be repeated.",
    example: "const both = fork { } and { }",
  },
  E0923: {
    title: "invariant broken",
    explanation:
      "The condition of an `invariant` is checked where it begins and after every event from there to the end of its " +
      "block, in the middle of a call too.",
    example:
      'invariant "one at a time" { iommu.live_mappings <= 1 }\nlet second = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)     # while m is mapped',
  },
  E0924: {
    title: "invariant with side effects",
    explanation: "An invariant is evaluated after every event and must not cause events itself.",
    example: 'invariant "readable" { ssd.dma_read(m.addr, 1B) != none }',
  },
  E0925: {
    title: "value of another machine",
    explanation:
      "The block of `compare` runs on machines of its own, from their beginning. Numbers, text, lists and traces may be " +
      "taken along; buffers, mappings and requests belong to the machine they were made on.",
    example:
      "let page = alloc_pages(1)\ncompare { cpus = [1, 2] } { print page.phys }     # make the page inside the block",
  },
  E0926: {
    title: "resources leaked at the end of a test",
    explanation:
      "With `leaks = fail`, and with `strict`, a test must unmap or free everything by its end: " +
      "mappings, ranges of the two-step API, shared memory, blocks of pools. `leaks = allow` is for a test that is about a leak.",
    example:
      'machine { leaks = fail\n  iommu { mode = strict }\n  pci { root_port rp0 { nvme ssd { } } } }\ntest "t" {\n  dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)     # never unmapped\n}',
  },
  E0927: {
    title: "function of a later release",
    explanation:
      "A machine's kernel has the functions of its release and no others: a driver for it could not call this one. " +
      "`kernel` in the machine, or in a test's `with`, chooses another release.",
    example: 'test "too early" with { kernel = "6.12.117" } {\n' +
      "  dma_iova_try_alloc(ssd, iova_state(), phys: 0x10_0000, size: 8KiB)     # came with 6.16\n}",
  },
  E0931: {
    title: "immutable value",
    explanation:
      "Lists and records that a script makes change in place. Those of a `const` never do, nor do those that the machine " +
      "returns: they are read-only snapshots. `.copy()` gives one that changes.",
    example:
      "let pages = alloc_pages(2).pages\npages.push(0x1000)     # write alloc_pages(2).pages.copy()",
  },
  E0932: {
    title: "circular value",
    explanation:
      "A list or record is one thing, however many names it has. It cannot be put into itself, nor into what it holds: " +
      "printing or comparing it would never end.",
    example: "let ring = { next: none }\nring.next = ring     # write ring.copy()",
  },
  E0933: {
    title: "match without a value",
    explanation:
      "A `match` that stands for a value takes that of the first arm that fits. When none does it has no value.",
    example:
      "let op = flush\nlet way = match op { read => from_device, write => to_device }     # add `_ => …`",
  },
  E0999: {
    title: "bug in dmalab",
    explanation:
      "A rule of dmalab itself is broken; nothing in the input is at fault. Please report it with the lines that " +
      "were printed, the input and the seed. The exit code is 5.",
    example: "",
  },
} as const satisfies Record<string, CodeEntry>;
