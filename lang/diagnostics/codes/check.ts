/** Diagnostic codes of names, calls, kinds, and files used (E03.., E04.., E07.., W..). A code is never reused. */
import type { CodeEntry } from "./entry.ts";

export const CHECK_CODES = {
  E0301: {
    title: "unknown name",
    explanation:
      "A name must be bound before it is used: by `let`, `const`, `for`, a parameter, or the `machine` block. Functions " +
      "and tests see consts, functions and the machine's names, but no top-level `let`: each test runs on a machine of its own.",
    example: 'const blocks = 8\ntest "sizes" { assert bloks == 8 }     # did you mean blocks?',
  },
  E0302: {
    title: "name already taken",
    explanation:
      "A name is bound once in a block, and the names at the top of a file and of the machine are all different. A `let` " +
      "in an inner block may hide an outer name.",
    example: "let a = 1\nlet a = 2     # write a = 2",
  },
  E0303: {
    title: "unknown function",
    explanation: "The call names no function. Functions of the kernel keep their exact spelling.",
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
    explanation: "One parameter gets its value once, by position or by name.",
    example: "print alloc_pages(4, n: 5)     # n is 4 already",
  },
  E0307: {
    title: "function used as a value",
    explanation: "Functions are called. To pass one to `map` or `filter`, write a lambda.",
    example: "print [buf].map(phys_of)     # write x => phys_of(x)",
  },
  E0308: {
    title: "cannot assign",
    explanation:
      "Only what `let` or a parameter binds can get another value; consts, functions, devices and constants cannot.",
    example: "const n = 1\nn = 2     # n is a const",
  },
  E0309: {
    title: "statement in the wrong place",
    explanation: "`return` stands in functions and tests, `break` and `continue` in loops.",
    example: "if true { break }     # break leaves a loop: while true { break }",
  },
  E0310: {
    title: "unknown event",
    explanation:
      "A pattern names events of the vocabulary (docs/events.md), a group such as `iommu.*`, or a kernel function.",
    example: "expect events [ iommu.maps ] in ssd     # did you mean iommu.map?",
  },
  E0311: {
    title: "unknown field of an event",
    explanation:
      "The event carries no field of that name. Names of fields end in their unit, as in `size_bytes`.",
    example: "expect events [ iova.alloc(size: 4KiB) ] in ssd     # did you mean size_bytes?",
  },
  E0312: {
    title: "pattern too large",
    explanation:
      "Repetitions are written out, so `{1000}` of a group of ten costs ten thousand places.",
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
    explanation: "Consts are worked out before anything runs, so none may need itself.",
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
      "The values of the machine block, of `with`, `matrix` and `forall` are evaluated before the machine is built: they are " +
      "made of literals, constants, consts and operators, and call nothing.",
    example: "machine { seed = random(0..10) }",
  },
  E0317: {
    title: "too many combinations",
    explanation: "Each combination of a matrix is a test of its own; a thousand are the limit.",
    example:
      'const n = 1..=11     # a list of eleven, three times, makes 1331 tests\nconst list = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]\ntest "t" matrix { seed = list, cpus = list, swiotlb.areas = list } { print n }',
  },
  E0318: {
    title: "matrix without choices",
    explanation: "Each key of `matrix` takes a list of the values to try, with one value at least.",
    example:
      'test "t" matrix { iommu.mode = strict } { }     # write [strict, lazy], or with { … }',
  },
  E0319: {
    title: "variable in a pattern",
    explanation:
      "The patterns of `match` are literals, constants, consts and ranges of them. A variable is refused, because it " +
      "would look as if the pattern gave it a value.",
    example: "let n = 1\nmatch 2 { n => print n }     # write if 2 == n",
  },
  E0320: {
    title: "unknown injection point",
    explanation:
      "`inject` names a function of the kernel that can fail, an allocation inside one, or a device's access.",
    example:
      "inject dma_iova_lnk { ssd.read(lba: 0, into: buf) }     # did you mean dma_iova_link?",
  },
  E0321: {
    title: "impossible error for this injection point",
    explanation:
      "A point fails with the errors that a kernel's function has there. `inject each` tries every place with its own " +
      "error, and takes no further word.",
    example: "inject dma_map_phys with EIO { }     # the error value says ENOMEM, and nothing else",
  },
  E0322: {
    title: "too many blocks",
    explanation: "`fork` and `race` have two blocks, and up to four.",
    example: "let all = fork { } and { } and { } and { } and { }",
  },
  E0323: {
    title: "word that is not in the field's set",
    explanation:
      "The pattern compares the field with a word that it never holds: it would match nothing, and `!` of it would always " +
      "hold. docs/events.md lists the words of each field.",
    example:
      "expect events [ !iova.alloc(source: depot) ] in ssd     # rcache, tree, tree_after_flush",
  },
  E0324: {
    title: "driver declaration that the hunt cannot use",
    explanation:
      "`driver` names the functions of a driver and what they are tried with: `map(buf)` returns the handle that `unmap(buf, handle)` " +
      "takes, both may have the direction as a further parameter, and the other keys say what buffers there are.",
    example: 'fn fill(buf) { return buf }\ndriver "ring" { map = fill }     # unmap is missing',
  },
  E0325: {
    title: "tests of one name",
    explanation:
      "A test with a table is a test for each of its rows. Their names must differ, so that `--match` finds each, and the " +
      "report says which one failed.",
    example: 'test "size" for size in [4KiB, 8KiB] { }     # write test "size {size}"',
  },
  E0401: {
    title: "kinds do not mix",
    explanation:
      "Ints, sizes, durations, physical addresses and device addresses are different kinds. Sizes add to sizes and to " +
      "addresses, the difference of two addresses is a size, and a plain int takes the kind wanted.",
    example: "print 4KiB + 10ns     # 4KiB + 512B is a size",
  },
  E0402: {
    title: "wrong kind of argument",
    explanation:
      "The parameter wants another kind. A physical address is not a device address: where it is meant, `as dma` and " +
      "`as phys` say so.",
    example: "ssd.dma_read(buf.phys, 512B)     # write buf.phys as dma",
  },
  E0403: {
    title: "condition that is not a bool",
    explanation: "Conditions, `assert`, `not`, `and` and `or` take true or false and nothing else.",
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
      "`repeat` and `step` take an int, `advance` a duration, `for` a range, a list or bytes, `wait` what has `.done`.",
    example: "advance 4KiB     # write advance 4us",
  },
  E0406: {
    title: "cast that is not possible",
    explanation: "`as phys` and `as dma` read an int, a size or an address as an address.",
    example: "print ssd as dma     # write ssd.name, or an address as dma",
  },
  E0407: {
    title: "function without a result used as a value",
    explanation:
      "The value of a call is used, but the function has no `return` with a value: its result is always none.",
    example: "fn two() { alloc_pages(2) }     # write return alloc_pages(2)\nprint two().phys",
  },
  E0408: {
    title: "type mismatch inferred from uses",
    explanation:
      "What a name is bound to, or what a function returns, is of the wrong kind for most of its uses. The mistake is " +
      "likelier here than in all of them; the notes show two.",
    example: "let page = (1)     # write alloc_pages(1)\nprint page.phys\nprint page.segments",
  },
  E0701: {
    title: "file not found",
    explanation: "The path of `use` is relative to the file it stands in.",
    example: 'use "lib/pattern.dma"',
  },
  E0702: {
    title: "file outside the root",
    explanation:
      "A script reads files only under its root: the nearest folder at or above the file that was started that has a " +
      "`deno.json` or `package.json`, else that file's own folder. Links are resolved first.",
    example: 'use "/etc/passwd"     # write a path below the root, relative to this file',
  },
  E0703: {
    title: "circular `use`",
    explanation:
      "A file that is used may not use the file that uses it, directly or by way of others.",
    example: 'use "b.dma"     # and b.dma uses this file',
  },
  E0704: {
    title: "more than one machine",
    explanation:
      "A file declares one machine at most, and takes one from the files it uses only if it has none.",
    example: "machine { cpus = 1 }\nmachine { cpus = 2 }",
  },
  E0705: {
    title: "name from two files",
    explanation: "Two files used here declare the same name.",
    example: 'use "a.dma"\nuse "b.dma"     # both declare scattered',
  },
  E0706: {
    title: "file not readable",
    explanation: "The file is there, but could not be read.",
    example: 'use "private.dma"     # there, and not to be read',
  },
  E0707: {
    title: "file of data without a name",
    explanation:
      "A file of data is a constant of the run: it is read before anything runs, so that its name is a text that " +
      "stands in the call, without a value in it.",
    example: 'let name = "lib"\nprint read_lines("{name}.dma")     # write read_lines("lib.dma")',
  },
  E0708: {
    title: "mistake in a file of data",
    explanation:
      "What `read_json`, `read_csv` and `read_lines` read must be what they say: JSON, a table of comma-separated " +
      "values whose first row has the names, text. Integers must be exact, which they are up to 2^53; a file has at " +
      "most 1,000,000 values, and at most 100 lists and records stand in each other.",
    example: 'print read_json("lib.dma")     # lib.dma is no JSON',
  },
  E0709: {
    title: "too many files",
    explanation:
      "Files may use one another up to 100 deep; a program has at most 1000 files, of 4194304 characters together.",
    example: 'use "next.dma"     # which uses another, and so on, a hundred times',
  },
  E0710: {
    title: "not compiled",
    explanation:
      "A driver in C is compiled when a command of `dmalab` loads the file; a session, and a program that is only read, has no compiler.",
    example: 'driver ring = c "ring.c"     # typed in at the prompt',
  },
  E0711: {
    title: "error in C source",
    explanation:
      "The compiler's message, with its line. Functions missing from the machine's kernel release are not declared.",
    example: 'driver ring = c "ring.c"     # which calls dma_iova_link(), on 6.12',
  },
  W0308: {
    title: "warning in C source",
    explanation: "The compiler's warning, with its line; the source is compiled.",
    example: 'driver ring = c "ring.c"     # in which a variable is never used',
  },
  W0301: {
    title: "unused name",
    explanation:
      "The name is bound and never used. A name that begins with an underscore says that this is meant.",
    example: "let a = 1     # nothing reads a; _a says that this is meant",
  },
  W0302: {
    title: "unreachable code",
    explanation: "Nothing after a `return`, `break` or `continue` in the same block is ever run.",
    example: "fn f() {\n  return 1\n  print 2     # never\n}\nprint f()",
  },
  W0303: {
    title: "statement of a used file",
    explanation:
      "`use` takes the consts, functions and machine of a file; its statements and tests do not run.",
    example: 'use "lib.dma"     # says print 1, and nothing is printed',
  },
  W0304: {
    title: "lambda keeps the old value",
    explanation:
      "A lambda takes the values of the variables around it when it is made; assigning to them later does not change it.",
    example: "let n = 1\nlet f = x => x + n\nn = 2\nprint f(1)     # 2",
  },
  W0305: {
    title: "two tests of one name",
    explanation: "`--match` and the report tell tests apart by their names.",
    example: 'test "a" { }\ntest "a" { }',
  },
  W0306: {
    title: "more warnings",
    explanation:
      "Of one file the first 50 warnings are shown. This line says how many more there are.",
    example: "let unused = 1     # and the same with a hundred names",
  },
} as const satisfies Record<string, CodeEntry>;
