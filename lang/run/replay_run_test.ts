import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Session } from "../session.ts";
import { DEFAULT_LIMITS } from "../values/limits.ts";
import {
  failureOf,
  machinesOf,
  memoryLoader,
  onlyOutcome,
  printed,
} from "../testing/test_support.ts";

const STRICT = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { queues = 1 } } }
}
`;

function strict(text: string): string {
  return `${STRICT}${text}`;
}

// inject POINT

Deno.test("`inject` makes every passing of its point fail, to the end of its block", () => {
  const text = `
    let page = alloc_pages(1)
    inject dma_map_phys {
      print [try dma_map_phys(ssd, page, 4KiB, to_device), try dma_map_phys(ssd, page, 4KiB, to_device)].map(t => t.error)
    }
    let m = dma_map_phys(ssd, page, 4KiB, to_device)
    print [m.size, counters.inject]
    dma_unmap_phys(ssd, m, 4KiB, to_device)`;
  assertEquals(printed(strict(text)), ["[ENOMEM, ENOMEM]", "[4KiB, 2]"]);
});

Deno.test("a failure that never happens fails its test, unless some run has it (E0928)", () => {
  const CALLS = "alloc_pages(1)\nalloc_pages(1)";
  const failure = (text: string, head = "") => {
    const { failure } = onlyOutcome(strict(`${head}test "t" { ${text} }`));
    return failure === null ? null : `${failure.code} ${failure.message}`;
  };
  const never = (point: string) => `E0928 This \`inject\` never makes \`${point}\` fail`;
  assertEquals(failure(`inject dma_map_sg { ${CALLS} }`), never("dma_map_sg"));
  assertEquals(failure(`inject alloc_pages nth 3 { ${CALLS} }`), never("alloc_pages"));
  assertEquals(
    failure("few()", `fn few() { inject alloc_pages nth 3 { ${CALLS} } }\n`),
    never("alloc_pages"),
  );
  const tried = "expect error ENOMEM {";
  assertEquals(failure(`${tried} inject alloc_pages nth 2 { ${CALLS} } }`), null);
  // One of several runs of the statement is enough, and a statement that does not run asks nothing.
  const loop = `for n in 1..=3 { inject alloc_pages nth n { let _a = try alloc_pages(1) } }`;
  assertEquals(failure(loop), null);
  // Where the failure ends a branch, it has happened in that branch.
  const fails = "inject alloc_pages nth 2 { alloc_pages(1)\nalloc_pages(1) }";
  assertEquals(failure(`let _f = fork { ${fails} } and { advance 1ns }`), null);
  assertEquals(
    failure(`inject alloc_pages nth 1 { let _f = fork { alloc_pages(1) } and { } }`),
    null,
  );
  assertEquals(failure(`let _c = compare { cpus = [1, 2] } { ${fails} }`), null);
  assertEquals(
    failure("let _f = fork { inject dma_map_sg { alloc_pages(1) } } and { advance 1ns }"),
    never("dma_map_sg"),
  );
  assertEquals(failure("if counters.inject > 0 { inject dma_map_sg { alloc_pages(1) } }"), null);
});

Deno.test("an error that leaves the block ends the fault with it", () => {
  const text = `
    let page = alloc_pages(1)
    expect error ENOMEM { inject dma_map_phys { dma_map_phys(ssd, page, 4KiB, to_device) } }
    let m = dma_map_phys(ssd, page, 4KiB, to_device)
    dma_unmap_phys(ssd, m, 4KiB, to_device)
    for k in 0..2 { inject dma_map_phys {
      let _m = try dma_map_phys(ssd, page, 4KiB, to_device)
      break
    } }
    let n = dma_map_phys(ssd, page, 4KiB, to_device)
    dma_unmap_phys(ssd, n, 4KiB, to_device)
    print counters.inject`;
  assertEquals(printed(strict(text)), ["2"]);
});

Deno.test("`nth` below 1 and an empty range are refused", () => {
  const refusal = (nth: string) =>
    failureOf(strict(`let n = ${nth}\ninject dma_map_phys nth n { print 1 }`));
  assertEquals(["0", "5..=2", "0..2"].map(refusal), [
    "E0919 There is no hit number 0",
    "E0919 There are no hits 5..=2",
    "E0919 There is no hit number 0",
  ]);
});

// inject each

Deno.test("`inject each` does not accept a block that leaks by itself", () => {
  assertEquals(
    failureOf(strict("inject each { dma_map_phys(ssd, 0x10_0000, 4KiB, to_device) }")),
    "E0921 The block leaks without an injected failure",
  );
});

Deno.test("a try of `inject each` keeps no events, and is done once more when a line asks for them", () => {
  const sweep = (line: string) =>
    strict(`test "t" {
    inject each {
      let tried = try dma_map_phys(ssd, 0x10_0000, 8KiB, to_device)
      ${line}
      if tried.ok { dma_unmap_phys(ssd, tried.value, 8KiB, to_device) }
    }
  }`);
  const plain = sweep("");
  const asking = sweep("assert events.count(ret.dma_map_phys) == 1");
  for (const text of [plain, asking]) assertEquals(onlyOutcome(text).failure, null);
  // Only the first try is done once more: the later tries keep their events from the beginning.
  assertEquals(machinesOf(asking), machinesOf(plain) + 1);
});

Deno.test("events of an order of a `race` are those of that order, whenever they are asked for", () => {
  const text = `${STRICT}
let r = race {
  dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)
  print events.count(call.dma_map_phys)
} and {
  if events.count(call.dma_map_phys) == 0 { dma_map_phys(ssd, 0x20_0000, 4KiB, to_device) }
}
print r.outcomes.map(o => [o.order, o.outcome.events.events.filter(e => e.name == "iommu.map").map(e => e.phys)])`;
  assertEquals(printed(text), [
    '[["AAB", [0x10_0000]], ["BAAB", [0x10_0000, 0x20_0000]]]',
  ]);
});

Deno.test("a request leaks under a failing link with the defects of 7.2, and not without them", () => {
  const body = `
    let buf = alloc_pages(4, contiguous: false)
    inject each {
      let io = ssd.submit(read, lba: 0, into: buf)
      wait io
    }`;
  const leaks = failureOf(strict(`test "t" { ${body} }`));
  assertEquals(
    leaks,
    "E0921 Leak when `dma_iova_link` fails the 2nd time, in `ssd.submit` at t.dma:8",
  );
  assertEquals(failureOf(strict(`test "t" with { quirks = [none] } { ${body} }`)), null);
  assertEquals(failureOf(strict(`test "t" with { kernel = "6.12.117" } { ${body} }`)), null);
});

const ONE_ORDER =
  "There is only one order in this `race`: at most one of its blocks has statements";

/** Each body has a requirement that no run of its block meets. */
const TRIED_NOTHING: readonly (readonly [body: string, message: string])[] = [
  ["inject each { if probe() == 0 { read() } }", HOLDS("run of `inject each`")],
  [
    "inject each { on cpu 0 { repeat 2 { if fails() { read() } } } }",
    HOLDS("run of `inject each`"),
  ],
  [
    "inject each { let r = try read()\nif r.ok { if probe() == 0 { read() } } }",
    HOLDS("run of `inject each`"),
  ],
  [
    "let queue = 0\ninject each { read()\nif queue == 1 { read() } }",
    HOLDS("run of `inject each`"),
  ],
  ["sweep()", HOLDS("run of `inject each`")],
  ["inject each { fails() }", "This succeeds in no run of `inject each`"],
  ["inject each { let _ = probe() }", "This succeeds in no run of `inject each`"],
  ["inject each { }", "Nothing in this block can fail"],
  ["inject each { let queue = 1\nassert queue == 1 }", "Nothing in this block can fail"],
  ["race { if probe() == 0 { read() } } and { advance 1us }", HOLDS("order of `race`")],
  [
    "let r = race { if fails() { advance 1us } else { advance 2us } } and { if probe() == 0 { read() } }\nassert r.runs > 1",
    HOLDS("order of `race`"),
  ],
  [
    "let used = { n: 0 }\nrace { if used.n == 2 { read() } } and { used.n += 1 }",
    HOLDS("order of `race`"),
  ],
  ["race { read() } and { }", ONE_ORDER],
  ["let r = race { } and { read() }\nassert r.runs == 1", ONE_ORDER],
];

function HOLDS(ways: string): string {
  return `This holds in no ${ways}: its block was never tried`;
}

const TRIAL_FUNCTIONS = `fn probe() {
  dma_free_coherent(ssd, dma_alloc_coherent(ssd, 4KiB))
  return -19
}
fn fails() { return probe() == 0 }
fn read() { ssd.read(lba: 0, into: alloc_pages(1)) }
fn sweep() { inject each { if not (probe() == -19) { read() } } }
`;

Deno.test("a block that never comes to what it is about is not ok (E0928)", () => {
  for (const [body, message] of TRIED_NOTHING) {
    const { failure } = onlyOutcome(strict(`${TRIAL_FUNCTIONS}test "t" { ${body} }`));
    assertEquals(
      failure === null ? null : `${failure.code} ${failure.message}`,
      `E0928 ${message}`,
      body,
    );
  }
});

Deno.test("a test says how many places its `inject each` tried", () => {
  const text = "inject each { let m = dma_map_phys(ssd, alloc_pages(1), 4KiB, to_device)\n" +
    "dma_unmap_phys(ssd, m, 4KiB, to_device) }";
  const { placesTried } = onlyOutcome(strict(text));
  assert(placesTried > 1);
  assertEquals(onlyOutcome(strict(`repeat 2 { ${text} }`)).placesTried > placesTried, true);
});

// fork

Deno.test("an error ends a block of `fork`, and is its outcome", () => {
  const text = `
    let both = fork {
      dma_map_phys(ssd, 0x10_0000, 4KiB, to_device, [cc_shared])
      print "never"
    } and { advance 5us }
    print [both.first.error, both.second.error, both.second.time]`;
  assertEquals(printed(strict(text)), ["[ENOMEM, none, 5us]"]);
});

Deno.test("a failed assertion in a block of `fork` fails the test", () => {
  assertEquals(
    failureOf(strict("let both = fork { assert 1 == 2 } and { }\nprint both")),
    "E0901 Assertion failed",
  );
});

Deno.test("outcomes are equal when memory and what devices see are the same in the end", () => {
  const text = `
    let page = alloc_pages(1)
    let both = fork {
      let m = dma_map_phys(ssd, page, 4KiB, from_device)
      ssd.dma_write(m.addr, bytes"2a")
      dma_unmap_phys(ssd, m, 4KiB, from_device)
    } and {
      page.fill(bytes"2a")
    } and {
      page.fill(bytes"2b")
    }
    print [both.first == both.second, both.first == both.third]
    print same_view(both.first, both.third)`;
  assertEquals(printed(strict(text)), ["[true, false]", "true"]);
});

Deno.test("`fork` inside `fork`, in a loop and in a function reaches the right branch", () => {
  const text = `
    fn deeper(n) {
      let inner = fork { advance n * 1us } and { advance n * 10us }
      return inner.second.time - inner.first.time
    }
    let seen = []
    for n in 1..=3 {
      let outer = fork {
        let difference = deeper(n)
        print difference
        advance difference
      } and { }
      seen += [outer.first.time]
    }
    print seen`;
  assertEquals(printed(strict(text)), ["9us", "18us", "27us", "[9us, 18us, 27us]"]);
});

Deno.test("`fork` takes the case of a property along", () => {
  const text = `
    property "p" forall n in 1..=3 {
      let both = fork { advance n * 1us } and { }
      assert both.first.time == n * 1us
    }`;
  assertEquals(onlyOutcome(text).failure, null);
});

Deno.test("benches and consts are no runs that can be done again", () => {
  assertEquals(
    failureOf("const both = fork { } and { }\nprint both"),
    "E0922 `fork` needs a run that can be repeated: a test, or statements of a file",
  );
});

// compare

Deno.test("what the block of `compare` prints before a `fork` in it is printed once", () => {
  const block = 'print "before"\nfork { print "first" } and { print "second" }\nprint "after"';
  const lines = printed(strict(`let _all = compare { cpus = [1, 2] } {\n${block}\n}`));
  const each = ["before", "first", "second", "after"];
  assertEquals(lines, [...each, ...each]);
});

Deno.test("the memory of an outcome is a sum: what one request freed counts beside the next's", () => {
  const reads = (times: number) =>
    `print compare { iommu.mode = [strict] } {
      repeat ${times} { ssd.read(lba: 0, into: alloc_pages(4, contiguous: false)) }
    }.map(each => each.memory)`;
  assertEquals(printed(strict(reads(1))), ["[256B]"]);
  assertEquals(printed(strict(reads(3))), ["[768B]"]);
});

Deno.test("the value of `compare` is a list of outcomes", () => {
  const text = `
    let all = compare { iommu.mode = [strict, lazy] } {
      let m = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)
      dma_unmap_phys(ssd, m, 4KiB, to_device)
    }
    print [all.length, all[0].invalidations, all[1].invalidations, all[1].machine]`;
  assertEquals(printed(strict(text)), ['[2, 1, 0, "iommu.mode = lazy"]']);
});

Deno.test("a fault names the call that unmapped the address", () => {
  const { incidents: [fault] } = onlyOutcome(strict(`
    let m = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)
    dma_unmap_phys(ssd, m, 4KiB, to_device)
    let addr = m.addr
    ssd.dma_read(addr, 16B)`));
  assertEquals(fault!.name, "not_present");
  assertStringIncludes(fault!.lines.join("\n"), "note: unmapped here\n  --> t.dma:7:");
});

Deno.test("what the checker reports in a try of `inject each` stands beside what leaks there", () => {
  const { failure, incidents: [report] } = onlyOutcome(strict(`
    inject each {
      let a = try dma_map_phys(ssd, 0x20_0000, 4KiB, to_device)
      let b = try dma_map_phys(ssd, 0x30_0000, 4KiB, to_device)
      if b.ok {
        dma_unmap_phys(ssd, b.value, if a.ok { 4KiB } else { 8KiB }, to_device)
        if a.ok { dma_unmap_phys(ssd, a.value, 4KiB, to_device) }
      }
    }`));
  assertEquals(failure!.code, "E0921");
  assertEquals(report!.name, "unmap_size");
  assertStringIncludes(
    report!.text,
    "of `inject each`, such as when `dma_map_phys` at t.dma:7 fails the 1st",
  );
});

Deno.test("things of the machine outside cannot be taken into `compare`", () => {
  assertEquals(
    failureOf(strict("let page = alloc_pages(1)\ncompare { cpus = [1] } { print page.phys }")),
    "E0925 The block runs on other machines, and a buffer belongs to this one",
  );
});

// invariant

Deno.test("an invariant ends with its block, however that is left", () => {
  const text = `
    for k in 0..2 {
      invariant "nothing is mapped" { iommu.live_mappings == 0 }
      if k == 0 { continue }
    }
    let m = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)
    dma_unmap_phys(ssd, m, 4KiB, to_device)
    print 1`;
  assertEquals(printed(strict(text)), ["1"]);
});

Deno.test("an invariant sees the middle of an activity", () => {
  const text = `
    test "t" {
      let io = ssd.submit(read, lba: 0, into: alloc_pages(1))
      invariant "nothing is ever mapped" { iommu.live_mappings == 0 }
      wait io
      assert false, "never reached"
    }`;
  const failure = failureOf(strict(text));
  assert(failure!.startsWith('E0923 Invariant "nothing is ever mapped" does not hold after'));
});

Deno.test("an invariant only looks", () => {
  assertEquals(
    failureOf(strict('invariant "n" { dma_map_phys(ssd, 0x10_0000, 4KiB, to_device) != none }')),
    'E0924 Invariant "n" has a side effect: call.dma_map_phys',
  );
});

// In a session

Deno.test("a session runs forks from its own past, and goes on where it was", () => {
  const lines: string[] = [];
  const session = new Session({ loader: memoryLoader(), onLine: (line) => lines.push(line) });
  const say = (text: string) => {
    const { diagnostics, failure, values } = session.feed(text);
    assertEquals(diagnostics.filter(({ severity }) => severity === "error"), []);
    return failure?.code ?? values.map((value) => value.text).join(" ");
  };
  say(STRICT);
  say("let page = alloc_pages(1)");
  say("let m = dma_map_phys(ssd, page, 4KiB, bidirectional)");
  assertEquals(say("assert false"), "E0901");
  say("print 1");
  say('let both = fork { ssd.dma_write(m.addr, bytes"07")\nprint page[0] } and { }');
  assertEquals(say("both.first.events.count(iommu.translate)"), "1");
  assertEquals(say("page[0]"), "0");
  say("page.fill(9)");
  say("let again = fork { print page[1] } and { }");
  say("let wide = compare { iommu.mode = [off, strict] } { print ssd.name }");
  assertEquals(say("wide.length"), "2");
  assertEquals(lines, ["1", "7", "9", "ssd", "ssd"]);
  session.back(1);
  assertEquals(say("again.first == again.second"), "true");
  assertEquals(lines.length, 5, "going back says nothing");
  assertEquals(
    say(
      "inject each { let n = try dma_map_phys(ssd, page, 4KiB, to_device)\nif n.ok { dma_unmap_phys(ssd, n.value, 4KiB, to_device) } }",
    ),
    "",
  );
  assertEquals(say("inject each { dma_map_phys(ssd, page, 4KiB, to_device) }"), "E0921");
  assertEquals(say('invariant "n" { iommu.live_mappings < 3 }'), "");
  assertEquals(say("let x = dma_map_phys(ssd, page, 4KiB, to_device)"), "E0923");
});

Deno.test("a limit that a compared machine's constants meet is the test's own, wherever it lies", () => {
  const text = strict(`
const doubled = (0..300).map(x => x * 2)
test "t" {
  let all = compare { kernel = ["7.2.12", "7.3.4"] } { show doubled[299] }
}`);
  const ends = new Set<string | undefined>();
  for (let steps = 100_000; steps > 0; steps -= 5_000) {
    ends.add(failureOf(text, { limits: { ...DEFAULT_LIMITS, steps } })?.slice(0, 5));
  }
  assertEquals([...ends], [undefined, "E0801"]);
});
