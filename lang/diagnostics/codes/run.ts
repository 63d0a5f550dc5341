/** Diagnostic codes of limits (E08..) and what goes wrong while a script runs (E09..). A code is never reused. */
import type { CodeEntry } from "./entry.ts";

export const RUN_CODES = {
  E0801: {
    title: "too many steps",
    explanation:
      "Each test has an instruction limit, so that an endless loop stops. Calls, machine " +
      "activities and operations on large values count as more than one instruction.",
    example: "while true { }     # stops with E0801",
  },
  E0802: {
    title: "too much memory",
    explanation:
      "The memory of a test is limited: its lists, strings and bytes, and what its machines " +
      "take on the host. Memory that is no longer referenced is freed.",
    example: 'let text = "x"\nwhile true { text = "{text}{text}" }     # stops with E0802',
  },
  E0803: {
    title: "calls nested too deeply",
    explanation: "Function calls, recursive ones included, nest only to a limited depth.",
    example: "fn f(n) { return f(n + 1) }     # never returns\nprint f(0)",
  },
  E0804: {
    title: "too much output",
    explanation: "The output of `print`, `show` and `explain` is limited in lines and bytes.",
    example: "while true { print 1 }     # stops with E0804",
  },
  E0805: {
    title: "too many events",
    explanation:
      "The number of events recorded per machine is limited. Later events are not recorded, so " +
      "queries that need them fail. `--limit events` raises the limit.",
    example: "let t = trace { ssd.read(lba: 0, into: buf) }     # after a million events",
  },
  E0806: {
    title: "too much time",
    explanation:
      "A test, or a property with all its cases, has a limit of CPU time and a wall-clock limit " +
      "ten times as long: the instruction limit only estimates the work inside a single call.",
    example: "race { repeat 99 { advance 1s } } and { repeat 99 { advance 1s } }",
  },
  E0807: {
    title: "interrupted",
    explanation:
      "Ctrl-C ended the run. Results up to then are reported; tests not run are counted.",
    example: "while true { }     # and Ctrl-C",
  },
  E0808: {
    title: "address that cannot be represented",
    explanation:
      "In an address space wider than 52 bits dmalab represents the addresses below 2^52 and " +
      "the top 256 TiB, where the kernel allocates first. Allocating an IOVA range between the " +
      "two ends the run.",
    example:
      "machine {\n  iommu { mode = strict, address_bits = 57 }\n  pci { root_port rp0 { nvme ssd { } } }\n}\n" +
      "for n in 1..=3 { dma_iova_try_alloc(ssd, iova_state(), alloc_pages(1), 128TiB) }",
  },
  E0901: {
    title: "assertion failed",
    explanation:
      "The condition of an `assert` is false. The values of its parts are printed below the " +
      "source line.",
    example: "assert 1 + 1 == 3",
  },
  E0902: {
    title: "unexpected error",
    explanation:
      "A kernel function returned an error that the script does not handle. If the error is " +
      "expected, write `fails`, `expect error` or `try`.",
    example:
      "assert dma_iova_try_alloc(ssd, state, phys: 0, size: 8KiB)\ndma_iova_link(ssd, state, phys: 0x800, offset: 4KiB, size: 4KiB, dir: to_device)     # write … fails EIO",
  },
  E0903: {
    title: "expected error did not occur",
    explanation:
      "The call or block was expected to fail with this error; it succeeded, or failed with " +
      "another one.",
    example: "dma_iova_free(ssd, state) fails EINVAL     # it returns nothing and cannot fail",
  },
  E0904: {
    title: "expected fault did not occur",
    explanation: "The call or block was expected to raise this IOMMU fault, but did not.",
    example: "ssd.dma_read(m.addr, 4KiB) faults not_present     # the mapping is there",
  },
  E0905: {
    title: "expected report did not occur",
    explanation: "The call or block was expected to cause this checker report, but did not.",
    example: "dma_unmap_phys(ssd, m, 4KiB, bidirectional) warns unmap_size     # the size is right",
  },
  E0906: {
    title: "events do not match",
    explanation:
      "The pattern must match all events whose names occur in it, from first to last. The " +
      "failure shows the first event that does not match and what the pattern expects there.",
    example:
      "ssd.read(lba: 0, into: buf)\nexpect events [ nvme.submit, nvme.fetch, nvme.submit ] in ssd     # one command",
  },
  E0907: {
    title: "no work pending",
    explanation:
      "`step until` and `wait` run the machine's pending work. None is left and the condition " +
      "is still false: it can no longer become true. Timers fire only when time advances: " +
      "`advance 10ms`.",
    example:
      "let io = ssd.submit(read, lba: 0, into: buf)\nwait io\nstep until not io.done     # never",
  },
  E0908: {
    title: "unexpected reports",
    explanation:
      "A test fails on any checker report or IOMMU fault that it does not expect. Write `warns` or " +
      "`faults` after a call that is meant to, or `expect warning CLASS { … }`, `expect fault REASON " +
      "{ … }` around statements.",
    example:
      'machine { pci { root_port rp0 { nvme ssd { } } } }\ntest "t" with { iommu.mode = strict } {\n  ssd.dma_read(0, 1B)     # write: ssd.dma_read(0, 1B) faults not_present\n}',
  },
  E0909: {
    title: "budget exceeded or expectation not met",
    explanation:
      "`budget` limits how many events the loop of a bench causes, in total or per iteration, and " +
      "there were more; or `expect` compares its cells, and the condition does not hold.",
    example:
      'bench "b" {\n  loop { ssd.read(lba: 0, into: alloc_pages(1)) }\n  budget nvme.doorbell <= 1 per iteration     # there are two\n}',
  },
  E0911: {
    title: "integer too large",
    explanation:
      "Integers, sizes, durations and addresses are exact, from -(2^53 - 1) to 2^53 - 1. A " +
      "result outside this range is an error; it is never rounded.",
    example: "let x = 9_007_199_254_740_991\nprint x + 1",
  },
  E0912: {
    title: "division by zero",
    explanation: "The right operand of `/` or `%` is zero: there is no result.",
    example: "let none_left = 0\nprint 1 / none_left",
  },
  E0913: {
    title: "wrong kind of value",
    explanation:
      "An operator, a condition or a parameter got a value of the wrong kind. The checker finds " +
      "most of these before the run; this one depends on a value of the run.",
    example: "fn double(x) { return x * 2 }\nprint double(ssd)",
  },
  E0914: {
    title: "no such field or method",
    explanation:
      "The value has no field or method of that name. The checker reports this before the run " +
      "where it knows the kind of the value; it does not know the kinds of a function's " +
      "parameters.",
    example: "fn end(range) { return range.end }\nprint end({ start: 1 })",
  },
  E0915: {
    title: "index out of range",
    explanation: "Lists, strings and bytes are indexed from 0 to length - 1.",
    example: "let l = [1, 2]\nprint l[2]",
  },
  E0916: {
    title: "not a function",
    explanation: "Only functions and lambdas can be called.",
    example: "fn call(f) { return f(2) }\nprint call(1)     # write call(x => x + 1)",
  },
  E0917: {
    title: "wrong number of arguments",
    explanation: "A function of the script takes exactly as many arguments as it declares.",
    example: "fn call(f) { return f(1) }\nprint call((a, b) => a + b)",
  },
  E0918: {
    title: "address out of range",
    explanation: "An address is a number from 0 to 2^53 - 1; this one is outside.",
    example: "let below = (0x1000 as phys) - 8KiB",
  },
  E0919: {
    title: "value out of range",
    explanation: "The value has the right kind but is outside the range that is possible here.",
    example: "on cpu 7 { advance 1us }     # on a machine with one CPU",
  },
  E0921: {
    title: "leak on an error path",
    explanation:
      "`inject each` runs its block once per injection point. Page-table entries, IOVAs, bounce " +
      "slots, pool blocks, memory and mappings must all be freed or unmapped when the block " +
      "ends, whether it succeeds or fails.",
    example:
      "inject each {\n  let a = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)\n  let b = dma_map_phys(ssd, 0x20_0000, 4KiB, to_device)     # when this fails, a stays mapped\n  dma_unmap_phys(ssd, b, 4KiB, to_device)\n  dma_unmap_phys(ssd, a, 4KiB, to_device)\n}",
  },
  E0922: {
    title: "run that cannot be repeated",
    explanation:
      "`fork`, `race`, `compare` and `inject each` rerun the test on new machines. A bench and " +
      "a const cannot be rerun.",
    example: "const both = fork { } and { }",
  },
  E0923: {
    title: "invariant broken",
    explanation:
      "An `invariant` is checked when its statement runs, and after every event until the end " +
      "of its block, also in the middle of a call. Its condition was false.",
    example:
      'invariant "one at a time" { iommu.live_mappings <= 1 }\nlet second = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)     # while m is mapped',
  },
  E0924: {
    title: "invariant with side effects",
    explanation:
      "An invariant is evaluated after every event, so its condition must not cause events.",
    example: 'invariant "readable" { ssd.dma_read(m.addr, 1B) != none }',
  },
  E0925: {
    title: "value of another machine",
    explanation:
      "The block of `compare` runs on new machines, from their start. It can use numbers, " +
      "strings, lists and traces from outside; buffers, mappings and requests belong to the " +
      "machine that made them.",
    example:
      "let page = alloc_pages(1)\ncompare { cpus = [1, 2] } { print page.phys }     # make the page inside the block",
  },
  E0926: {
    title: "resources leaked at the end of a test",
    explanation:
      "A test must unmap or free everything by its end: mappings, IOVA ranges, shared memory, pool " +
      "blocks. Write `leaks = allow` for a test of a leak.",
    example:
      'machine { iommu { mode = strict }\n  pci { root_port rp0 { nvme ssd { } } } }\ntest "t" {\n  dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)     # never unmapped\n}',
  },
  E0927: {
    title: "function of a later release",
    explanation:
      "A machine has only the functions and attributes of its kernel release. `kernel` in the machine, or in a " +
      "test's `with`, selects another release.",
    example: 'test "too early" with { kernel = "6.12.117" } {\n' +
      "  dma_iova_try_alloc(ssd, iova_state(), phys: 0x10_0000, size: 8KiB)     # came with 6.16\n}",
  },
  E0928: {
    title: "block that tried nothing",
    explanation:
      "`inject each` and `race` run their block in many ways. In none of them did it come to an " +
      "injection point, or did the condition of an `if` without `else` hold, or did a call whose " +
      "result is not used return anything but false, an errno or an error: what the block is " +
      "about was never tried. Or an `inject` makes its point fail in no run, a `race` has one order, " +
      "because only one of its blocks has statements, or the loop of a bench counts nothing.",
    example:
      "let probed = -12\ninject each {\n  if probed == 0 { ssd.read(lba: 0, into: buf) }     # never; if that is meant, add `else { }`\n}\ndma_unmap_phys(ssd, m, 4KiB, bidirectional)",
  },
  E0931: {
    title: "immutable value",
    explanation:
      "Lists and records that a script makes can be changed. Those of a `const` and those that " +
      "the machine returns are read-only. `.copy()` makes a copy that can be changed.",
    example:
      "let pages = alloc_pages(2).pages\npages.push(0x1000)     # write alloc_pages(2).pages.copy()",
  },
  E0932: {
    title: "circular value",
    explanation:
      "Lists and records are references. One cannot contain itself, directly or through others: " +
      "printing or comparing it would never end.",
    example: "let ring = { next: none }\nring.next = ring     # write ring.copy()",
  },
  E0933: {
    title: "match without a value",
    explanation:
      "A `match` used as a value has the value of the first matching arm. No arm matches here.",
    example:
      "let op = flush\nlet way = match op { read => from_device, write => to_device }     # add `_ => …`",
  },
  E0934: {
    title: "no such branch",
    explanation:
      "`--branch` asks for one run of a `fork`, a `race` or an `inject each`, as a failure prints it. " +
      "The test does not come to that branching, or its block never passes the place: the file has " +
      "changed since, or the seed is another one.",
    example:
      "dmalab test driver.dma --match probe --branch 3:alloc_pages@1     # it has two `inject each`",
  },
  E0999: {
    title: "bug in dmalab",
    explanation:
      "An internal check of dmalab failed; the input is not at fault. Please report it with the " +
      "lines printed, the input and the seed. The exit code is 5.",
    example: "",
  },
} as const satisfies Record<string, CodeEntry>;
