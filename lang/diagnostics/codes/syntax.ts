/** Diagnostic codes of text, tokens and syntax (E01.., E02..). A code is never reused. */
import type { CodeEntry } from "./entry.ts";

export const SYNTAX_CODES = {
  // Text and tokens
  E0101: {
    title: "invalid character",
    explanation:
      "Outside strings and comments a script contains only ASCII letters, digits and the signs " +
      "of the language. Typographic quotes, dashes and no-break spaces often come with text " +
      "copied from a web page or a mail; the message names the character.",
    example: 'print “hello”      # typographic quotes\nprint "hello"      # right',
  },
  E0102: {
    title: "unterminated string or bytes literal",
    explanation:
      'A string begins and ends with `"` on the same line. Write a quote inside it as `\\"` and ' +
      "a line break as `\\n`.",
    example: 'print "one sync\nprint "one sync"   # right',
  },
  E0103: {
    title: "malformed number",
    explanation:
      "Numbers are decimal (`4096`), hexadecimal (`0xffff_f000`) or binary (`0b1010`), with " +
      "single `_` between digits. Decimals such as `1.5` are ratios and take no unit. There are " +
      "no exponents and no octal numbers.",
    example: "let pages = 1__024\nlet pages = 1_024   # right",
  },
  E0104: {
    title: "unknown unit",
    explanation:
      "Sizes end in B, KiB, MiB, GiB or TiB, durations in ns, us, ms or s. `4K` is an error, " +
      "because it means 4096 to some tools and 4000 to others.",
    example: "let buf = buffer(size: 4K)\nlet buf = buffer(size: 4KiB)   # right",
  },
  E0105: {
    title: "hexadecimal number with a unit",
    explanation:
      "`0x40B` is the number 1035, since B is a hexadecimal digit. To avoid confusion, " +
      "hexadecimal numbers take no unit.",
    example: "let gap = 0x40KiB\nlet gap = 64KiB   # right",
  },
  E0106: {
    title: "number too large",
    explanation:
      "Integers are exact below 2^53. A larger number would be rounded silently, so it is an " +
      "error. For 64-bit hardware values write something else: a mask is a bit count " +
      "(`dma_mask_bits = 64`), a malformed descriptor is a bytes literal.",
    example: "dma_set_mask(ssd, 0xffff_ffff_ffff_ffff)\ndma_set_mask(ssd, 64)   # right",
  },
  E0107: {
    title: "number with a leading zero",
    explanation:
      "`0755` is octal in C and decimal in other languages. Write the number without the zero, " +
      "or as hexadecimal.",
    example: "let mode = 0755\nlet mode = 0x1ed   # right",
  },
  E0108: {
    title: "unknown escape in a string",
    explanation:
      'The escapes are `\\n \\r \\t \\0 \\\\ \\" \\{ \\}`, `\\x41` for a byte and `\\u{1f600}` for a ' +
      "code point.",
    example: 'print "C:\\dev"\nprint "C:\\\\dev"   # right',
  },
  E0109: {
    title: "malformed `{…}` in a string",
    explanation:
      "`{expr}` in a string inserts the value of an expression, which cannot contain a quote. " +
      "Names of tests and invariants and paths of `use` cannot contain `{…}`. Write a brace as " +
      "`\\{`.",
    example: 'print "used {swiotlb.used"\nprint "used {swiotlb.used}"   # right',
  },
  E0110: {
    title: "malformed bytes",
    explanation: "A bytes literal contains pairs of hexadecimal digits, with spaces between pairs.",
    example: 'poke(phys, bytes"de a")\npoke(phys, bytes"de ad")   # right',
  },
  E0111: {
    title: "comment of another language",
    explanation:
      "A comment begins with `#` and ends at the end of the line. There is no other form.",
    example: "// map it\n# map it   (right)",
  },
  E0112: {
    title: "operator of another language",
    explanation:
      "Write the logical operators as `and`, `or` and `not`, and field access as `.`. The only " +
      "assignments are `=` and `+=`. There are no pointers.",
    example: "if req.done && !req.error { }\nif req.done and not req.error { }   # right",
  },
  E0113: {
    title: "string without double quotes",
    explanation:
      "Strings are written in double quotes, also those of one character. Single quotes and " +
      "backquotes have no meaning.",
    example: "print 'done'\nprint \"done\"   # right",
  },
  E0114: {
    title: "space before a unit",
    explanation: "Write a number and its unit without a space: `4KiB`, `10us`.",
    example: "let size = 4 KiB\nlet size = 4KiB   # right",
  },
  E0115: {
    title: "file too large",
    explanation:
      "A script has at most 4 MiB of text. Split it into files and join them with `use`.",
    example: 'use "patterns.dma"',
  },
  E0116: {
    title: "name too long",
    explanation:
      "A name, also that of a test, has at most 200 characters: messages and reports print it.",
    example: 'test "a name as long as a page" { }',
  },

  // Syntax
  E0201: {
    title: "unexpected token",
    explanation:
      "The text does not parse. The message says what was found and what is expected here.",
    example: "let buf alloc_pages(1)\nlet buf = alloc_pages(1)   # right",
  },
  E0202: {
    title: "missing value",
    explanation:
      "A value (a literal, name, call, list or record) is expected here. A line that ends in an " +
      "operator, a comma or `=` continues on the next line.",
    example: "let pages =\nlet pages = 4   # right",
  },
  E0203: {
    title: "unmatched bracket",
    explanation:
      "Every `(`, `[` and `{` needs its closing bracket. The place shown is the most likely " +
      "one, judged by line ends, indentation and what parses with the bracket there. The line " +
      "of the other bracket, or of another possible place, is shown too.",
    example: "dma_map_phys(ssd, buf\ndma_map_phys(ssd, buf)   # right",
  },
  E0204: {
    title: "unmatched closing bracket",
    explanation:
      "This `)`, `]` or `}` closes nothing: no bracket is open, or the open bracket is of " +
      "another type.",
    example: "wait req)\nwait req   # right",
  },
  E0205: {
    title: "two statements on one line",
    explanation:
      "A statement ends at the end of its line or at `;`. The rest of this line is not part of " +
      "the statement before it.",
    example: "let a = 1 let b = 2\nlet a = 1; let b = 2   # right",
  },
  E0206: {
    title: "line that begins with an unknown word",
    explanation:
      "A line begins with a keyword (`let`, `assert`, `step` …), an assignment to a name, or a " +
      "call. Anything else is usually a misspelt keyword or a call without parentheses.",
    example: 'tset "maps" { }\ntest "maps" { }   # right',
  },
  E0207: {
    title: "expression without effect",
    explanation:
      "A statement must have an effect: a call, `trace`, `fork`, `race` or `compare`. The value " +
      "of this expression would be discarded. Usually the line continues the previous one, or " +
      "`assert` is missing. The REPL takes any expression and prints it.",
    example:
      "let size = head\n  + tail\nlet size = head +\n  tail            # right\nassert size == 4KiB   # right",
  },
  E0208: {
    title: "chained comparisons",
    explanation:
      "`a < b < c` would compare a bool with a number. Comparisons and ranges do not chain.",
    example: "assert 0 < n < 8\nassert 0 < n and n < 8   # right",
  },
  E0209: {
    title: "record where a block is expected",
    explanation:
      "After a complete value `{` opens a block, so it cannot begin a record. Put the record in " +
      "parentheses, or bind it to a name first.",
    example: "if x == y { a: 1 } { }\nlet want = { a: 1 }\nif x == want { }   # right",
  },
  E0210: {
    title: "`=` where nothing can be assigned",
    explanation:
      "`=` and `+=` assign to a name at the beginning of a line. Conditions compare with `==`; " +
      "named arguments and record keys take `:`; fields and list items cannot be assigned.",
    example: "assert req.status = OK\nassert req.status == OK   # right",
  },
  E0211: {
    title: "reserved word used as a name",
    explanation:
      "These words are reserved: let const fn if else for in while match return test bench " +
      "property machine use assert expect true false none not or and. They can only be used " +
      "after `.` and before `:`.",
    example: "let match = 4\nlet found = 4   # right",
  },
  E0212: {
    title: "parentheses after a keyword",
    explanation:
      "`print`, `step`, `wait` and the like are statements, not functions: the value follows " +
      "without parentheses. A parenthesis directly after the word makes it a call of a function " +
      "with that name.",
    example: "print(req.status)\nprint req.status   # right",
  },
  E0213: {
    title: "declaration in the wrong place",
    explanation:
      "`machine`, `use`, `const`, `fn`, `test`, `property` and `bench` are allowed only at the " +
      "top level of a file; `skip` only before `test`, `property` or `bench`.",
    example: 'test "a" {\n  fn f() { }\n}\nfn f() { }          # right\ntest "a" { }',
  },
  E0214: {
    title: "nested too deeply",
    explanation:
      "Brackets nest at most 200 deep, and one expression at most some hundred parts. Such " +
      "scripts are usually generated: let the generator bind parts to names.",
    example: "let x = ((((((((4))))))))   # and so on, 200 times",
  },
  E0215: {
    title: "wrong order of arguments",
    explanation: "Positional arguments come first, named arguments after them.",
    example: "dma_map_phys(dev: ssd, buf)\ndma_map_phys(ssd, phys: buf.phys)   # right",
  },
  E0216: {
    title: "key given twice",
    explanation: "A record, `with`, `matrix` and `compare` take each key once.",
    example: "let x = { a: 1, a: 2 }",
  },
  E0217: {
    title: "malformed event pattern",
    explanation:
      "A pattern is a list of event names in order. `...` matches any events; `iommu.*` any " +
      "name below `iommu`; `(p, q)` groups; `|` is or; `* + ? {n} {n,m}` repeat. `!name` " +
      "requires that the event does not occur at all; it is allowed only at the top level and " +
      "without a suffix. Fields take literals, constants and expressions in parentheses.",
    example: "expect events [ (iova.alloc, !iotlb.sync)+ ] in req\n" +
      "expect events [ iova.alloc+, !iotlb.sync ] in req   # right",
  },
  E0218: {
    title: "missing or duplicate part of a declaration",
    explanation:
      "A bench has exactly one `loop` with statements, at most one `setup` before it and one " +
      "`teardown` behind it, at most one `baseline`, and any number of `budget` and `expect`.",
    example: 'bench "read" { ssd.read(lba: 0, into: buf) }\n' +
      'bench "read" { loop { ssd.read(lba: 0, into: buf) } }   # right',
  },
  E0219: {
    title: "outcome without a call",
    explanation: "`fails`, `faults` and `warns` follow a call and state its expected outcome.",
    example: "state fails EINVAL\ndma_iova_sync(ssd, state, 0, 4KiB) fails EINVAL   # right",
  },
  E0220: {
    title: "malformed function",
    explanation:
      "A lambda is written `x => e` or `(a, b) => e`: its parameters are names, its body is one " +
      "expression. Inside a larger expression, put it in parentheses.",
    example: "list.map((x + 1) => x)\nlist.map(x => x + 1)   # right",
  },
  E0221: {
    title: "wrong place for `not` or `try`",
    explanation:
      "`not` binds looser than comparisons and arithmetic: on their right-hand side it needs " +
      "parentheses.",
    example: "assert a == not b\nassert a == (not b)   # right",
  },
  E0222: {
    title: "malformed match pattern",
    explanation:
      "A pattern of `match` is a literal, a constant, a range, or `_` for anything else. It " +
      "never binds a name. Each arm has one pattern.",
    example: "match req.status { OK | INVAL => f() }\n" +
      "match req.status {\n  OK => f()\n  INVAL => f()   # right\n}",
  },
  E0223: {
    title: "more errors",
    explanation: "Only the first 50 errors of a file are shown. This line counts the others.",
    example: "let =     # and the same on a hundred lines",
  },
  E0224: {
    title: "value without an `else`",
    explanation:
      "An `if` used as a value has one expression in each block, and an `else`: without it, it " +
      "has no value when the condition is false.",
    example: "let pages = if large { 4 }\nlet pages = if large { 4 } else { 1 }   # right",
  },
} as const satisfies Record<string, CodeEntry>;
