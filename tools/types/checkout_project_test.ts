import { assertEquals } from "@std/assert";
import { errorsOf, namedTypes } from "./checkout_project.ts";

Deno.test("types that a comment names for Deno are paths for the native compiler", () => {
  const sources: [string, string][] = [
    ["a/b.ts", '// @ts-types="./c.d.ts"\nimport { one } from "std/one.js";\n'],
    ["d.ts", '// @ts-types="@types/two"\nexport {\n  two,\n} from "two";\nimport "three";\n'],
    ["e.ts", 'import { four } from "four";\n'],
  ];
  assertEquals(namedTypes(sources), {
    "std/one.js": ["./checkout/a/c.d.ts"],
    "two": ["./node_modules/@types/two"],
  });
});

Deno.test("errors have the paths of the checkout, and those that Deno does not have are left out", () => {
  const output =
    "checkout/w.ts(1,21): error TS2726: Cannot find lib definition for 'deno.worker'.\n" +
    "../checkout/a/b.ts(3,7): error TS2322: Type 'string' is not assignable to type 'number'.\n" +
    "checkout/v.ts(2,14): error TS4023: Exported variable 'A' has or is using name 'B' but cannot be named.\n" +
    "  in the module 'c'\n" +
    "checkout/v.ts(9,3): error TS4104: The type 'readonly 1[]' cannot be assigned to the mutable type '1[]'.\n" +
    "checkout/w.ts(1,21): error TS2726: Cannot find lib definition for 'esnxt'.\n";
  assertEquals(
    errorsOf(output),
    "a/b.ts(3,7): error TS2322: Type 'string' is not assignable to type 'number'.\n" +
      "v.ts(9,3): error TS4104: The type 'readonly 1[]' cannot be assigned to the mutable type '1[]'.\n" +
      "w.ts(1,21): error TS2726: Cannot find lib definition for 'esnxt'.\n",
  );
});
