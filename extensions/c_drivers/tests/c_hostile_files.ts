/**
 * Hostile drivers in C, each a file of its own, made from a seed: what it does ends badly, and in many
 * of them it is known in which line.
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

/** A file, and how it must end. */
export interface HostileFile {
  readonly name: string;
  readonly text: string;
  /** What it does, in a few words. */
  readonly kind: string;
  /** The line that must be reported; null where any line of the file will do. */
  readonly line: number | null;
}

/** What is done to the host. */
interface Act {
  readonly kind: string;
  /** Lines before it, of which none goes wrong. */
  readonly before?: readonly string[];
  readonly line: string;
  /** Whether it is this very line that is reported. */
  readonly exact: boolean;
  /** Functions that it needs. */
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

class Draw {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  below(limit: number): number {
    return this.#random.below(limit);
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  /** An address where nothing is, or nothing that may be touched. */
  wild(): string {
    const high = (0x100 + this.below(WILD_LOW - 0x100)).toString(16);
    return `0x${high}${this.below(WILD_LOW).toString(16).padStart(8, "0")}UL`;
  }
}

/** A pointer that leads to nothing, with what must be done before. */
interface BadPointer {
  readonly kind: string;
  readonly before: readonly string[];
  /** An expression of type `char *`. */
  readonly at: string;
}

const BAD_POINTERS: readonly ((draw: Draw) => BadPointer)[] = [
  (draw) => ({ kind: "a stray pointer", before: [], at: `(char *)${draw.wild()}` }),
  (draw) => ({ kind: "a null pointer", before: [], at: `(char *)${draw.below(4000)}UL` }),
  (draw) => {
    const size = 1 + draw.below(1900);
    const at = size + draw.below(16);
    return {
      kind: "behind a block",
      before: [`char *p = kmalloc(${size}, GFP_KERNEL);`],
      at: `(p + ${at})`,
    };
  },
  (draw) => {
    const size = 16 + draw.below(1900);
    return {
      kind: "after kfree",
      before: [`char *p = kmalloc(${size}, GFP_KERNEL);`, "kfree(p);"],
      at: `(p + ${draw.below(size - 8)})`,
    };
  },
  (draw) => ({
    kind: "after __free_pages",
    before: [
      "struct page *page = alloc_pages(GFP_KERNEL, 1);",
      "char *p = page_address(page);",
      "__free_pages(page, 1);",
    ],
    at: `(p + ${draw.below(8000)})`,
  }),
  (draw) => ({
    kind: "inside a struct page",
    before: ["struct page *page = alloc_page(GFP_KERNEL);"],
    at: `((char *)page + ${draw.below(56)})`,
  }),
  (draw) => {
    const size = 8 + draw.below(4000);
    return {
      kind: "behind shared memory",
      before: [
        "dma_addr_t handle;",
        `char *p = dma_alloc_coherent(dev, ${size}, &handle, GFP_KERNEL);`,
      ],
      at: `(p + ${size} + ${draw.below(16)})`,
    };
  },
  (draw) => ({
    kind: "after dma_pool_free",
    before: [
      "dma_addr_t handle;",
      'struct dma_pool *pool = dma_pool_create("x", dev, 64, 64, 0);',
      "char *p = dma_pool_alloc(pool, GFP_KERNEL, &handle);",
      "dma_pool_free(pool, p, handle);",
    ],
    at: `(p + ${draw.below(56)})`,
  }),
  (draw) => ({
    kind: "a request that has ended",
    before: ["char *p = (char *)req;", "blk_mq_end_request(req, BLK_STS_IOERR);"],
    at: `(p + ${draw.below(80)})`,
  }),
  (draw) => ({ kind: "registers", before: [], at: `((char *)regs + ${draw.below(4000)})` }),
  (draw) => ({
    kind: "behind a static variable",
    before: [],
    at: `(area + 48 + ${draw.below(16)})`,
  }),
];

/** What is done with it; `at` is a `char *`. */
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
  const { at, before, kind } = draw.of(BAD_POINTERS)(draw);
  return { kind, before, line: draw.of(ACCESSES)(at, draw), exact: true };
}

const LOOPS: readonly ((draw: Draw) => Act)[] = [
  () => ({ kind: "for ever", line: "for (;;) seen = seen * 3 + 1;", exact: true }),
  () => ({ kind: "while it holds", line: "while (scratch[0] == 0) seen++;", exact: true }),
  () => ({ kind: "goto", line: "again: seen += 2; if (seen != 1) goto again;", exact: true }),
  () => ({
    kind: "calls for ever",
    line: "for (;;) kfree(kmalloc(64, GFP_KERNEL));",
    exact: true,
  }),
  () => ({
    kind: "maps for ever",
    before: ["char *p = kmalloc(64, GFP_KERNEL);"],
    line:
      "for (;;) dma_unmap_single(dev, dma_map_single(dev, p, 64, DMA_TO_DEVICE), 64, DMA_TO_DEVICE);",
    exact: true,
  }),
  (draw) => ({
    kind: "a list that is a circle",
    before: ["struct list_head *at = &nodes;"],
    line: `for (at = nodes.next; at != (void *)${draw.wild()}; at = at->next) seen++;`,
    exact: true,
  }),
  () => ({ kind: "prints for ever", line: 'for (;;) dev_err(dev, "again\\n");', exact: true }),
  () => ({
    kind: "takes memory until there is none",
    line: "while (kmalloc(4096, GFP_KERNEL)) seen++;",
    exact: false,
  }),
];

const RECURSIONS: readonly ((draw: Draw) => Act)[] = [
  () => ({
    kind: "calls itself",
    helpers: ["static long deep(long n) { return n ? deep(n - 1) + n : 0; }"],
    line: "seen = deep(1L << 40);",
    exact: false,
  }),
  (draw) => ({
    kind: "calls itself with a large frame",
    helpers: [
      `static long deep(long n) { volatile char room[${
        256 + draw.below(2000)
      }]; room[n & 255] = 1; return n ? deep(n - 1) + room[3] : 0; }`,
    ],
    line: "seen = deep(1L << 40);",
    exact: false,
  }),
  () => ({
    kind: "two call each other",
    helpers: [
      "static long other(long n);",
      "static long deep(long n) { return n ? other(n - 1) + n : 0; }",
      "static long other(long n) { return n ? deep(n - 1) - n : 1; }",
    ],
    line: "seen = deep(1L << 40);",
    exact: false,
  }),
  () => ({
    kind: "calls itself by a pointer",
    helpers: [
      "static long (*volatile again)(long);",
      "static long deep(long n) { return n ? again(n - 1) + n : 0; }",
    ],
    before: ["again = deep;"],
    line: "seen = again(1L << 40);",
    exact: false,
  }),
  () => ({
    kind: "calls itself as a tree",
    helpers: ["static long deep(long n) { return n < 2 ? n : deep(n - 1) + deep(n - 2); }"],
    line: "seen = deep(70);",
    exact: false,
  }),
];

const FATALS: readonly ((draw: Draw) => Act)[] = [
  () => ({
    kind: "divides by zero",
    line: "seen = 7 / (long)*(volatile char *)(scratch + 1);",
    exact: true,
  }),
  () => ({ kind: "BUG", line: "BUG();", exact: true }),
  () => ({ kind: "BUG_ON", line: "BUG_ON(scratch[2] == 0);", exact: true }),
  () => ({ kind: "a trap", line: "__builtin_trap();", exact: true }),
  (draw) => ({
    kind: "calls what is no function",
    line: `((void (*)(void))${draw.wild()})();`,
    exact: true,
  }),
  () => ({
    kind: "takes a lock twice",
    before: ["spin_lock(&guard);"],
    line: "spin_lock(&guard);",
    exact: true,
  }),
  () => ({ kind: "unlocks a lock twice", line: "spin_unlock(&guard);", exact: true }),
  () => ({
    kind: "frees memory twice",
    before: ["char *p = kmalloc(48, GFP_KERNEL);", "kfree(p);"],
    line: "kfree(p);",
    exact: true,
  }),
  () => ({
    kind: "takes a mutex twice",
    before: ["mutex_lock(&gate);"],
    line: "mutex_lock(&gate);",
    exact: true,
  }),
  (draw) => ({
    kind: "frees what is no block",
    before: ["char *p = kmalloc(48, GFP_KERNEL);"],
    line: `kfree(p + ${1 + draw.below(40)});`,
    exact: true,
  }),
  () => ({
    kind: "ends a request twice",
    before: ["blk_mq_end_request(req, BLK_STS_OK);"],
    line: "blk_mq_end_request(req, BLK_STS_OK);",
    exact: true,
  }),
  () => ({
    kind: "deletes from a list twice",
    before: ["struct list_head node;", "list_add(&node, &nodes);", "list_del(&node);"],
    line: "list_del(&node);",
    exact: true,
  }),
];

const HUGE: readonly ((draw: Draw) => Act)[] = [
  (draw) => ({
    kind: "a huge kmalloc",
    before: [`char *p = kmalloc(1UL << ${23 + draw.below(40)}, GFP_KERNEL);`],
    line: "p[0] = 1;",
    exact: true,
  }),
  (draw) => ({
    kind: "a kcalloc that overflows",
    before: [`u64 *p = kcalloc(1UL << ${40 + draw.below(24)}, 1UL << 30, GFP_KERNEL);`],
    line: "p[1] = 1;",
    exact: true,
  }),
  (draw) => ({
    kind: "pages of a huge order",
    before: [`char *p = (char *)__get_free_pages(GFP_KERNEL, ${11 + draw.below(100)});`],
    line: "p[2] = 1;",
    exact: true,
  }),
  (draw) => ({
    kind: "huge shared memory",
    before: [
      "dma_addr_t handle;",
      `char *p = dma_alloc_coherent(dev, 1UL << ${34 + draw.below(18)}, &handle, GFP_KERNEL);`,
    ],
    line: "p[3] = 1;",
    exact: true,
  }),
];

/** An argument that may be anything. */
function argumentOf(type: CType, draw: Draw): string {
  if (isPointer(type)) {
    const known = type.text === "struct device *"
      ? ["dev", "dev"]
      : type.text === "struct request *"
      ? ["req", "req"]
      : ["scratch", "area", "block"];
    return `(${type.text})${
      draw.of([
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
  return `(${type.text})(${draw.of(numbers)})`;
}

function callOf({ prototype: { name, parameters } }: CCall, draw: Draw): string {
  return `(void)${name}(${parameters.map(({ type }) => argumentOf(type, draw)).join(", ")});`;
}

/** Calls with arguments of every kind; what survives them touches what is not there. */
function callsAct(first: CCall, draw: Draw): Act {
  const more = Array.from({ length: draw.below(3) }, () => draw.of(CALLS));
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

/** In what the act is wrapped, so that it lies in another function, a loop or a branch. */
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
    ...draw.of(act.before === undefined ? WRAPS : WRAPS.filter((_wrap, at) => at !== 2))(act.line),
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

/** So many files; each kernel call is the first of some. */
export function hostileFiles(count: number, seed: number): readonly HostileFile[] {
  const draw = new Draw(seed);
  return Array.from({ length: count }, (_, index) => {
    const act = index % 2 === 0
      ? callsAct(CALLS[index / 2 % CALLS.length]!, draw)
      : index % 4 === 1
      ? memoryAct(draw)
      : draw.of(draw.of([LOOPS, RECURSIONS, FATALS, HUGE]))(draw);
    return fileOf(index, act, draw);
  });
}
