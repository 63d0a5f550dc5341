/**
 * Diagnostic codes of names, calls, kinds, and used files (E03.., E04.., E07.., W..). A code is
 * never reused.
 */
import type { CodeEntry } from "./entry.ts";

export const CHECK_CODES = {
  E0301: {
    title: "unknown name",
    explanation:
      "A name must be bound before use: by `let`, `const`, `for`, a parameter, or the `machine` " +
      "block. Functions and tests see consts, functions and the names of the machine, but no " +
      "top-level `let`: each test runs on its own machine.",
    example: 'const blocks = 8\ntest "sizes" { assert bloks == 8 }     # did you mean blocks?',
  },
  E0302: {
    title: "name already taken",
    explanation:
      "A block binds a name once, and all names at the top level of a file and in its machine " +
      "differ. A `let` in an inner block can hide an outer name.",
    example: "let a = 1\nlet a = 2     # write a = 2",
  },
  E0303: {
    title: "unknown function",
    explanation: "There is no function of that name. Kernel functions are spelt as in the kernel.",
    example: "dma_iova_fre(ssd, state)     # did you mean dma_iova_free?",
  },
  E0304: {
    title: "missing or surplus arguments",
    explanation: "The call has too few arguments for the function, or too many.",
    example: "dma_iova_free(ssd)     # is missing argument state: dma_iova_free(ssd, state)",
  },
  E0305: {
    title: "unknown argument name",
    explanation: "The function has no parameter of that name.",
    example: "print alloc_pages(4, contigous: false)     # did you mean contiguous?",
  },
  E0306: {
    title: "argument given twice",
    explanation: "A parameter takes one value, by position or by name.",
    example: "print alloc_pages(4, n: 5)     # n is 4 already",
  },
  E0307: {
    title: "function used as a value",
    explanation: "A function can only be called. To pass one to `map` or `filter`, write a lambda.",
    example: "print [buf].map(phys_of)     # write x => phys_of(x)",
  },
  E0308: {
    title: "cannot assign",
    explanation:
      "Only names bound by `let` or as a parameter can be assigned; consts, functions, devices " +
      "and constants cannot.",
    example: "const n = 1\nn = 2     # n is a const",
  },
  E0309: {
    title: "statement in the wrong place",
    explanation: "`return` is allowed in functions and tests, `break` and `continue` in loops.",
    example: "if true { break }     # break leaves a loop: while true { break }",
  },
  E0310: {
    title: "unknown event",
    explanation:
      "A pattern names events (docs/events.md), a group such as `iommu.*`, or a kernel " +
      "function.",
    example: "expect events [ iommu.maps ] in ssd     # did you mean iommu.map?",
  },
  E0311: {
    title: "unknown field of an event",
    explanation:
      "The event has no field of that name. Field names end in their unit, as in `size_bytes`.",
    example: "expect events [ iova.alloc(size: 4KiB) ] in ssd     # did you mean size_bytes?",
  },
  E0312: {
    title: "pattern too large",
    explanation:
      "A repetition counts as that many copies: `{1000}` of a group of ten is 10,000 steps. Use " +
      "`*` or `+` for many.",
    example:
      "expect events [ (iommu.map, iommu.unmap){100000} ] in ssd     # write (iommu.map, iommu.unmap)*",
  },
  E0313: {
    title: "unknown error, fault or report",
    explanation:
      "`fails` takes an errno or a block status, `faults` a reason of the event iommu.fault, `warns` a class of the event dma.report.",
    example: "dma_iova_free(ssd, state) fails EINVALID     # did you mean EINVAL?",
  },
  E0314: {
    title: "constant depends on itself",
    explanation: "Consts are evaluated before the run, so their definitions cannot be circular.",
    example: "const a = b + 1\nconst b = a + 1",
  },
  E0315: {
    title: "no such field or method",
    explanation: "The value has no field or method of that name.",
    example: "print iommu.live_maping     # did you mean live_mappings?",
  },
  E0316: {
    title: "not a constant",
    explanation:
      "The values of the machine block, `with`, `matrix` and `forall` are evaluated before the " +
      "machine is built. They consist of literals, constants, consts and operators, without " +
      "calls.",
    example: "machine { seed = random(0..10) }",
  },
  E0317: {
    title: "too many combinations",
    explanation: "Each combination of a matrix is a separate test, at most 1000 in all.",
    example:
      'const n = 1..=11     # a list of eleven, three times, makes 1331 tests\nconst list = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]\ntest "t" matrix { seed = list, cpus = list, swiotlb.areas = list } { print n }',
  },
  E0318: {
    title: "matrix without choices",
    explanation: "Each key of `matrix` takes a list with at least one value.",
    example:
      'test "t" matrix { iommu.mode = strict } { }     # write [strict, lazy], or with { … }',
  },
  E0319: {
    title: "variable in a pattern",
    explanation:
      "The patterns of `match` are literals, constants, consts and ranges of them. A variable " +
      "is an error, because it would look like a binding.",
    example: "let n = 1\nmatch 2 { n => print n }     # write if 2 == n",
  },
  E0320: {
    title: "unknown injection point",
    explanation:
      "`inject` names a kernel function that can fail, an allocation in one, or a device " +
      "access.",
    example:
      "inject dma_iova_lnk { ssd.read(lba: 0, into: buf) }     # did you mean dma_iova_link?",
  },
  E0321: {
    title: "impossible error for this injection point",
    explanation:
      "An injection point fails only with the errors that the kernel function returns there. " +
      "`inject each` uses each point's own error and takes no `with`.",
    example: "inject dma_map_phys with EIO { }     # the error value says ENOMEM, and nothing else",
  },
  E0322: {
    title: "too many blocks",
    explanation: "`fork` and `race` take two to four blocks.",
    example: "let all = fork { } and { } and { } and { } and { }",
  },
  E0323: {
    title: "value that the field never has",
    explanation:
      "The field never has the value that the pattern compares it with: the pattern would never " +
      "match, and `!` of it would always hold. docs/events.md lists the values of each field.",
    example:
      "expect events [ !iova.alloc(source: depot) ] in ssd     # rcache, tree, tree_after_flush",
  },
  E0324: {
    title: "invalid driver declaration",
    explanation:
      "`driver` names the functions of a driver: `map(buf)` returns the handle that `unmap(buf, " +
      "handle)` takes, and both can take the direction as another parameter. The other keys " +
      "describe the buffers to try.",
    example: 'fn fill(buf) { return buf }\ndriver "ring" { map = fill }     # unmap is missing',
  },
  E0325: {
    title: "tests with the same name",
    explanation:
      "A test with a table runs once per row. The names must differ, so that `--match` can " +
      "select each one and the report can name the one that failed. A name without `{…}` gets the " +
      "values behind it.",
    example:
      'test "large: {size > 4KiB}" for size in [8KiB, 16KiB] { }     # write test "size {size}"',
  },
  E0326: {
    title: "no such cell of a bench",
    explanation:
      "`baseline` and `expect` of a bench name cells by a value of one axis, which no other axis " +
      "has: a value of its `for` or of its `matrix`, a text in quotes.",
    example: 'bench "b" matrix { iommu.mode = [strict, lazy] } {\n  loop { alloc_pages(1) }\n' +
      "  expect lasy.time < strict.time     # did you mean lazy?\n}",
  },
  E0327: {
    title: "pattern that always matches",
    explanation:
      "A pattern examines only the events that it names. `x*` therefore matches whatever happens, and so does " +
      "`...` alone: the statement would check nothing.",
    example: "expect events [ iommu.map* ] in ssd     # iommu.map+ needs at least one",
  },
  E0401: {
    title: "kinds do not mix",
    explanation:
      "Ints, sizes, durations, physical addresses and device addresses are different kinds. " +
      "Sizes add to sizes and to addresses, and the difference of two addresses is a size. A " +
      "plain int converts to any of them.",
    example: "print 4KiB + 10ns     # 4KiB + 512B is a size",
  },
  E0402: {
    title: "wrong kind of argument",
    explanation:
      "The parameter takes another kind. A physical address is not a device address; `as dma` " +
      "and `as phys` convert one to the other explicitly.",
    example: "ssd.dma_read(buf.phys, 512B)     # write buf.phys as dma",
  },
  E0403: {
    title: "condition that is not a bool",
    explanation: "Conditions, `assert`, `not`, `and` and `or` take only true or false.",
    example: "if buf.size { print 1 }     # write buf.size > 0",
  },
  E0404: {
    title: "never equal",
    explanation: "Values of these kinds can never be equal.",
    example: "assert buf.phys == m.addr     # write buf.phys as dma == m.addr",
  },
  E0405: {
    title: "wrong kind of value in a statement",
    explanation:
      "`repeat` and `step` take an int, `advance` a duration, `for` a range, a list or bytes, " +
      "`wait` a value with `.done`.",
    example: "advance 4KiB     # write advance 4us",
  },
  E0406: {
    title: "impossible cast",
    explanation: "`as phys` and `as dma` convert an int, a size or an address to an address.",
    example: "print ssd as dma     # write ssd.name, or an address as dma",
  },
  E0407: {
    title: "function without a result used as a value",
    explanation:
      "The script uses the result of the call, but the function has no `return` with a value: " +
      "its result is always none.",
    example: "fn two() { alloc_pages(2) }     # write return alloc_pages(2)\nprint two().phys",
  },
  E0408: {
    title: "type mismatch inferred from uses",
    explanation:
      "The value that a name is bound to, or that a function returns, has the wrong kind for " +
      "most of its uses. The mistake is therefore probably here and not in the uses; the notes " +
      "show two of them.",
    example: "let page = (1)     # write alloc_pages(1)\nprint page.phys\nprint page.segments",
  },
  E0701: {
    title: "file not found",
    explanation: "The path of `use` is relative to the file that contains it.",
    example: 'use "lib/pattern.dma"',
  },
  E0702: {
    title: "file outside the root",
    explanation:
      "A script reads files only below its root: the nearest folder at or above the file given " +
      "on the command line that has a `deno.json` or `package.json`, or else the folder of that " +
      "file. Symbolic links are resolved first.",
    example: 'use "/etc/passwd"     # write a path below the root, relative to this file',
  },
  E0703: {
    title: "circular `use`",
    explanation: "Files cannot use each other in a circle, directly or through other files.",
    example: 'use "b.dma"     # and b.dma uses this file',
  },
  E0704: {
    title: "more than one machine",
    explanation:
      "A file declares at most one machine. It takes the machine of a file it uses only if it " +
      "has none.",
    example: "machine { cpus = 1 }\nmachine { cpus = 2 }",
  },
  E0705: {
    title: "name from two files",
    explanation: "Two of the used files declare the same name.",
    example: 'use "a.dma"\nuse "b.dma"     # both declare scattered',
  },
  E0706: {
    title: "file not readable",
    explanation:
      "The host does not let dmalab read the file, or it is not what is wanted: `use` takes scenarios (`.dma`), " +
      "a driver sources and headers in C, and none takes a file under a name that begins with a dot.",
    example: 'use "private.dma"     # there, and not to be read',
  },
  E0707: {
    title: "data file without a literal name",
    explanation:
      "Data files are read before the run, so their name must be a string literal in the call, " +
      "without `{…}`.",
    example: 'let name = "lib"\nprint read_lines("{name}.dma")     # write read_lines("lib.dma")',
  },
  E0708: {
    title: "error in a data file",
    explanation:
      "The file is not what the call expects: valid JSON for `read_json`; for `read_csv` " +
      "comma-separated values with a header row; text for `read_lines`. Integers must be at " +
      "most 2^53. A file has at most 1,000,000 values, nested at most 100 deep.",
    example: 'print read_json("lib.dma")     # lib.dma is not JSON',
  },
  E0709: {
    title: "too many files",
    explanation:
      "A program has at most 1000 files and 4194304 characters in total. `use` nests at most " +
      "100 deep.",
    example: 'use "next.dma"     # which uses another, and so on, a hundred times',
  },
  E0710: {
    title: "C driver not compiled",
    explanation:
      "C drivers are compiled when a `dmalab` command loads the file, and that command may start " +
      "processes. The REPL's prompt, the page, and commands that only read the file do not compile.",
    example: 'driver ring = c "ring.c"     # typed in at the prompt',
  },
  E0712: {
    title: "wrong setting of a C driver",
    explanation:
      "A driver's block has the settings `tree`, `module`, `files`, `flags` and `stubs`. Paths are texts without " +
      "values in them, because they are read before anything runs.",
    example: 'driver ring = c "ring.c" { trees = "../linux" }',
  },
  E0713: {
    title: "kernel tree does not fit",
    explanation:
      "The kernel tree is incomplete, has another release than the machine, or does not compile " +
      "with the settings that dmalab needs. The message names the folder, the file or the symbol " +
      "that is missing.",
    example: 'driver ring = c "ring.c" { tree = "../linux-6.12" }     # on a machine of 7.2',
  },
  E0714: {
    title: "C compiler stopped",
    explanation:
      "The compiler reached its limit of time (`--limit time-seconds`) or memory (1 GiB), did not answer, " +
      "or ended by itself. The file may be right all the same. The next file starts a new " +
      "compiler.",
    example: 'driver ring = c "ring.c"     # with data that the compiler has no memory for',
  },
  E0711: {
    title: "error in C source",
    explanation:
      "The compiler's message and line. Functions that the machine's kernel release lacks are " +
      "not declared.",
    example: 'driver ring = c "ring.c"     # which calls dma_iova_link(), on 6.12',
  },
  W0308: {
    title: "warning in C source",
    explanation: "The compiler's warning and line. The source is compiled all the same.",
    example: 'driver ring = c "ring.c"     # in which a variable is never used',
  },
  W0301: {
    title: "unused name",
    explanation:
      "The name is bound but never used. Begin it with an underscore if that is intended.",
    example: "let a = 1     # nothing reads a; _a says that this is meant",
  },
  W0302: {
    title: "unreachable code",
    explanation: "Code after `return`, `break` or `continue` in the same block never runs.",
    example: "fn f() {\n  return 1\n  print 2     # never\n}\nprint f()",
  },
  W0303: {
    title: "statement in a used file",
    explanation: "`use` imports the consts, functions and machine of a file; it does not run its " +
      "statements and tests.",
    example: 'use "lib.dma"     # says print 1, and nothing is printed',
  },
  W0304: {
    title: "lambda keeps the old value of a variable",
    explanation:
      "A lambda captures the values of outer variables when it is created; a later assignment " +
      "does not change them.",
    example: "let n = 1\nlet f = x => x + n\nn = 2\nprint f(1)     # 2",
  },
  W0305: {
    title: "tests with the same name",
    explanation: "`--match` and the report identify a test by its name.",
    example: 'test "a" { }\ntest "a" { }',
  },
  W0306: {
    title: "more warnings",
    explanation: "Only the first 50 warnings of a file are shown. This line counts the others.",
    example: "let unused = 1     # and the same with a hundred names",
  },
} as const satisfies Record<string, CodeEntry>;
