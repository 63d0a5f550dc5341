import { assertEquals } from "@std/assert";
import { formatOrdinal } from "./numbers.ts";

Deno.test("numbers of an order end in st, nd, rd and th, the teens all in th", () => {
  assertEquals([0, 1, 2, 3, 4, 10].map(formatOrdinal), ["0th", "1st", "2nd", "3rd", "4th", "10th"]);
  assertEquals([11, 12, 13, 14].map(formatOrdinal), ["11th", "12th", "13th", "14th"]);
  assertEquals([21, 22, 23, 101, 111, 112, 1013].map(formatOrdinal), [
    "21st",
    "22nd",
    "23rd",
    "101st",
    "111th",
    "112th",
    "1013th",
  ]);
});
