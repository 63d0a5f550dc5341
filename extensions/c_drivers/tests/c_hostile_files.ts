/**
 * Generates hostile drivers in C from a seed, each in a separate file. Each of them fails, and for
 * many of them the failing line is known.
 */
import { C_CALLS, type CCall } from "../calls.ts";
import { type CType, isPointer } from "../prototype.ts";
import { resolveKernel } from "@dmalab/runtime/kernels";
import { Random } from "@dmalab/runtime";

/** The release that the files are compiled for. */
export const HOSTILE_KERNEL = "7.2.12";

const CALLS = C_CALLS.filter(({ isIn }) =>
  isIn === undefined || isIn(resolveKernel({ kernel: HOSTILE_KERNEL, quirks: null }))
);

/** A file, and its expected failure. */
export interface HostileFile {
  readonly name: string;
  readonly text: string;
  /** A short description of the action. */
  readonly kind: string;
  /** The line that must be reported; null if any line of the file is accepted. */
  readonly line: number | null;
}

/** A hostile action. */
interface Act {
  readonly kind: string;
  /** Lines before the action's line, none of which fails. */
  readonly before?: readonly string[];
  readonly line: string;
  /** Whether the reported line must be exactly `line`. */
  readonly exact: boolean;
  /** Functions that the action needs. */
  readonly helpers?: readonly string[];
}

const WILD_LOW = 2 ** 32;
const INCLUDES = [
  "blk-mq-dma",
  "completion",
  "delay",
  "dma-mapping",
  "dmapool",
  "hmm-dma",
  "interrupt",
  "io",
  "list",
  "mutex",
  "pci",
  "pci-p2pdma",
  "slab",
  "spinlock",
  "timer",
  "wait",
  "workqueue",
];

class Draw extends Random {
  /** An address without memory, or with memory that may not be accessed. */
  wild(): string {
    const high = (0x100 + this.below(WILD_LOW - 0x100)).toString(16);
    return `0x${high}${this.below(WILD_LOW).toString(16).padStart(8, "0")}UL`;
  }
}

/** An invalid pointer, with the statements that prepare it. */
interface BadPointer {
  readonly kind: string;
  /** An expression of type `char *`. */
  readonly at: string;
  readonly before: readonly string[];
}

function bad(kind: string, at: string, ...before: readonly string[]): BadPointer {
  return { kind, at, before };
}

const BAD_POINTERS: readonly ((draw: Draw) => BadPointer)[] = [
  (draw) => bad("a stray pointer", `(char *)${draw.wild()}`),
  (draw) => bad("a null pointer", `(char *)${draw.below(4000)}UL`),
  (draw) => {
    const size = 1 + draw.below(1900);
    const at = size + draw.below(16);
    return bad("behind a block", `(p + ${at})`, `char *p = kmalloc(${size}, GFP_KERNEL);`);
  },
  (draw) => {
    const size = 16 + draw.below(1900);
    return bad(
      "after kfree",
      `(p + ${draw.below(size - 8)})`,
      `char *p = kmalloc(${size}, GFP_KERNEL);`,
      "kfree(p);",
    );
  },
  (draw) =>
    bad(
      "after __free_pages",
      `(p + ${draw.below(8000)})`,
      "struct page *page = alloc_pages(GFP_KERNEL, 1);",
      "char *p = page_address(page);",
      "__free_pages(page, 1);",
    ),
  (draw) =>
    bad(
      "inside a struct page",
      `((char *)page + ${draw.below(56)})`,
      "struct page *page = alloc_page(GFP_KERNEL);",
    ),
  (draw) => {
    const size = 8 + draw.below(4000);
    return bad(
      "behind shared memory",
      `(p + ${size} + ${draw.below(16)})`,
      "dma_addr_t handle;",
      `char *p = dma_alloc_coherent(dev, ${size}, &handle, GFP_KERNEL);`,
    );
  },
  (draw) =>
    bad(
      "after dma_pool_free",
      `(p + ${draw.below(56)})`,
      "dma_addr_t handle;",
      'struct dma_pool *pool = dma_pool_create("x", dev, 64, 64, 0);',
      "char *p = dma_pool_alloc(pool, GFP_KERNEL, &handle);",
      "dma_pool_free(pool, p, handle);",
    ),
  (draw) =>
    bad(
      "a request that has ended",
      `(p + ${draw.below(80)})`,
      "char *p = (char *)req;",
      "blk_mq_end_request(req, BLK_STS_IOERR);",
    ),
  (draw) => bad("registers", `((char *)regs + ${draw.below(4000)})`),
  (draw) => bad("behind a static variable", `(area + 48 + ${draw.below(16)})`),
];

/** Accesses through the pointer; `at` is a `char *`. */
const ACCESSES: readonly ((at: string, draw: Draw) => string)[] = [
  (at) => `seen += *(volatile char *)${at};`,
  (at) => `*(volatile char *)${at} = 1;`,
  (at) => `seen += READ_ONCE(*(u32 *)${at});`,
  (at) => `WRITE_ONCE(*(u64 *)${at}, 7);`,
  (at, draw) => `memset(${at}, 1, ${1 + draw.below(64)});`,
  (at, draw) => `memcpy(scratch, ${at}, ${1 + draw.below(64)});`,
  (at, draw) => `memcpy(${at}, scratch, ${1 + draw.below(64)});`,
  (at) => `seen += (long)strlen(${at});`,
  (at) => `seen += ((volatile struct sg_table *)${at})->nents;`,
  (at) => `list_add((struct list_head *)${at}, &nodes);`,
];

function memoryAct(draw: Draw): Act {
  const { at, before, kind } = draw.pick(BAD_POINTERS)(draw);
  return { kind, before, line: draw.pick(ACCESSES)(at, draw), exact: true };
}

/**
 * An action for which exactly the line `line` must be reported.
 * @param before Lines before `line`. Without such lines, more kinds of surrounding code are
 *   possible.
 */
function exactly(kind: string, line: string, ...before: readonly string[]): Act {
  return { kind, ...before.length === 0 ? {} : { before }, line, exact: true };
}

const LOOPS: readonly ((draw: Draw) => Act)[] = [
  () => exactly("for ever", "for (;;) seen = seen * 3 + 1;"),
  () => exactly("while it holds", "while (scratch[0] == 0) seen++;"),
  () => exactly("goto", "again: seen += 2; if (seen != 1) goto again;"),
  () => exactly("calls for ever", "for (;;) kfree(kmalloc(64, GFP_KERNEL));"),
  () =>
    exactly(
      "maps for ever",
      "for (;;) dma_unmap_single(dev, dma_map_single(dev, p, 64, DMA_TO_DEVICE), 64, DMA_TO_DEVICE);",
      "char *p = kmalloc(64, GFP_KERNEL);",
    ),
  (draw) =>
    exactly(
      "a list that is a circle",
      `for (at = nodes.next; at != (void *)${draw.wild()}; at = at->next) seen++;`,
      "struct list_head *at = &nodes;",
    ),
  () => exactly("prints for ever", 'for (;;) dev_err(dev, "again\\n");'),
  () => ({
    ...exactly("takes memory until there is none", "while (kmalloc(4096, GFP_KERNEL)) seen++;"),
    exact: false,
  }),
];

/** An action that fails through recursion. @param line The line that starts the recursion. */
function recursion(kind: string, line: string, ...helpers: readonly string[]): Act {
  return { kind, helpers, line, exact: false };
}

const RECURSIONS: readonly ((draw: Draw) => Act)[] = [
  () =>
    recursion(
      "calls itself",
      "seen = deep(1L << 40);",
      "static long deep(long n) { return n ? deep(n - 1) + n : 0; }",
    ),
  (draw) =>
    recursion(
      "calls itself with a large frame",
      "seen = deep(1L << 40);",
      `static long deep(long n) { volatile char room[${
        256 + draw.below(2000)
      }]; room[n & 255] = 1; return n ? deep(n - 1) + room[3] : 0; }`,
    ),
  () =>
    recursion(
      "two call each other",
      "seen = deep(1L << 40);",
      "static long other(long n);",
      "static long deep(long n) { return n ? other(n - 1) + n : 0; }",
      "static long other(long n) { return n ? deep(n - 1) - n : 1; }",
    ),
  () => ({
    ...recursion(
      "calls itself by a pointer",
      "seen = again(1L << 40);",
      "static long (*volatile again)(long);",
      "static long deep(long n) { return n ? again(n - 1) + n : 0; }",
    ),
    before: ["again = deep;"],
  }),
  () =>
    recursion(
      "calls itself as a tree",
      "seen = deep(70);",
      "static long deep(long n) { return n < 2 ? n : deep(n - 1) + deep(n - 2); }",
    ),
];

const FATALS: readonly ((draw: Draw) => Act)[] = [
  () => exactly("divides by zero", "seen = 7 / (long)*(volatile char *)(scratch + 1);"),
  () => exactly("BUG", "BUG();"),
  () => exactly("BUG_ON", "BUG_ON(scratch[2] == 0);"),
  () => exactly("a trap", "__builtin_trap();"),
  (draw) => exactly("calls what is no function", `((void (*)(void))${draw.wild()})();`),
  () => exactly("takes a lock twice", "spin_lock(&guard);", "spin_lock(&guard);"),
  () => exactly("unlocks a lock twice", "spin_unlock(&guard);"),
  () =>
    exactly(
      "frees memory twice",
      "kfree(p);",
      "char *p = kmalloc(48, GFP_KERNEL);",
      "kfree(p);",
    ),
  () => exactly("takes a mutex twice", "mutex_lock(&gate);", "mutex_lock(&gate);"),
  (draw) =>
    exactly(
      "frees what is no block",
      `kfree(p + ${1 + draw.below(40)});`,
      "char *p = kmalloc(48, GFP_KERNEL);",
    ),
  () =>
    exactly(
      "ends a request twice",
      "blk_mq_end_request(req, BLK_STS_OK);",
      "blk_mq_end_request(req, BLK_STS_OK);",
    ),
  () =>
    exactly(
      "deletes from a list twice",
      "list_del(&node);",
      "struct list_head node;",
      "list_add(&node, &nodes);",
      "list_del(&node);",
    ),
];

const HUGE: readonly ((draw: Draw) => Act)[] = [
  (draw) =>
    exactly(
      "a huge kmalloc",
      "p[0] = 1;",
      `char *p = kmalloc(1UL << ${23 + draw.below(40)}, GFP_KERNEL);`,
    ),
  (draw) =>
    exactly(
      "a kcalloc that overflows",
      "p[1] = 1;",
      `u64 *p = kcalloc(1UL << ${40 + draw.below(24)}, 1UL << 30, GFP_KERNEL);`,
    ),
  (draw) =>
    exactly(
      "pages of a huge order",
      "p[2] = 1;",
      `char *p = (char *)__get_free_pages(GFP_KERNEL, ${11 + draw.below(100)});`,
    ),
  (draw) =>
    exactly(
      "huge shared memory",
      "p[3] = 1;",
      "dma_addr_t handle;",
      `char *p = dma_alloc_coherent(dev, 1UL << ${34 + draw.below(18)}, &handle, GFP_KERNEL);`,
    ),
];

/** An argument with an arbitrary value. */
function argumentOf(type: CType, draw: Draw): string {
  if (isPointer(type)) {
    const known = type.text === "struct device *"
      ? ["dev", "dev"]
      : type.text === "struct request *"
      ? ["req", "req"]
      : ["scratch", "area", "block"];
    return `(${type.text})${
      draw.pick([
        ...known,
        "NULL",
        `${draw.wild()}`,
        "freed",
        "regs",
        "((char *)dev + 8)",
        "(area + 3)",
      ])
    }`;
  }
  const numbers = type.wire === "int"
    ? ["0", "1", "-1", "2", "4096", "0x7fffffff", "(int)0x80000000", `${draw.below(WILD_LOW)}u`]
    : ["0", "1", "4095", "4096", "-1L", "1UL << 53", "1UL << 63", "65536", draw.wild()];
  return `(${type.text})(${draw.pick(numbers)})`;
}

function callOf({ prototype: { name, parameters } }: CCall, draw: Draw): string {
  return `(void)${name}(${parameters.map(({ type }) => argumentOf(type, draw)).join(", ")});`;
}

/** Calls with arbitrary arguments, followed by an invalid access in case they all succeed. */
function callsAct(first: CCall, draw: Draw): Act {
  const more = Array.from({ length: draw.below(3) }, () => draw.pick(CALLS));
  const voidless = ({ prototype: { result } }: CCall) => result.wire !== "none";
  const lines = [first, ...more].map((call) => {
    const text = callOf(call, draw);
    return voidless(call) ? text : text.slice("(void)".length);
  });
  return {
    kind: `calls ${first.prototype.name}() with anything`,
    before: [
      "char *block = kmalloc(40, GFP_KERNEL);",
      "char *freed = kmalloc(40, GFP_KERNEL);",
      "kfree(freed);",
    ],
    line: lines.join(" "),
    exact: false,
  };
}

/** Surrounding code for the action: another function, a loop or a branch. */
const WRAPS: readonly ((line: string) => readonly string[])[] = [
  (line) => [line],
  (line) => ["if (scratch[3] == 0) {", line, "}"],
  (line) => ["int turn;", "for (turn = 0; turn < 3; turn++) {", line, "}"],
  (line) => ["switch (scratch[4]) {", "case 0: {", line, "}", "}"],
  (line) => ["do {", line, "} while (0);"],
];

function fileOf(index: number, act: Act, draw: Draw): HostileFile {
  const name = `h${index}`;
  const parameters = "struct device *dev, void __iomem *regs, struct request *req";
  const lines = [
    `/* ${act.kind} */`,
    ...INCLUDES.map((header) => `#include <linux/${header}.h>`),
    ...["area", "seen", "scratch", "nodes", "guard", "gate", "deep", "other", "again"].map((own) =>
      `#define ${own} ${own}_${index}`
    ),
    "static char area[48];",
    "static volatile char scratch_bytes_" + `${index}[64];`,
    `static char *const scratch = (char *)scratch_bytes_${index};`,
    "static volatile long seen;",
    "static LIST_HEAD(nodes);",
    "static DEFINE_SPINLOCK(guard);",
    "static DEFINE_MUTEX(gate);",
    ...act.helpers ?? [],
    `static long ${name}_inner(${parameters})`,
    "{",
    "(void)dev; (void)regs; (void)req; (void)area; (void)guard; (void)gate; (void)nodes;",
    ...act.before ?? [],
    ...draw.pick(act.before === undefined ? WRAPS : WRAPS.filter((_wrap, at) => at !== 2))(
      act.line,
    ),
    `return *(volatile long *)${draw.wild()};`,
    "}",
    `long ${name}(${parameters}) { return ${name}_inner(dev, regs, req); }`,
  ];
  return {
    name: `${name}.c`,
    kind: act.kind,
    line: act.exact ? lines.lastIndexOf(act.line) + 1 : null,
    text: `${lines.join("\n")}\n`,
  };
}

/** Generates `count` files; each kernel call is the first call in some of them. */
export function hostileFiles(count: number, seed: number): readonly HostileFile[] {
  const draw = new Draw(seed);
  return Array.from({ length: count }, (_, index) => {
    const act = index % 2 === 0
      ? callsAct(CALLS[index / 2 % CALLS.length]!, draw)
      : index % 4 === 1
      ? memoryAct(draw)
      : draw.pick(draw.pick([LOOPS, RECURSIONS, FATALS, HUGE]))(draw);
    return fileOf(index, act, draw);
  });
}
