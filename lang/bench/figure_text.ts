/** Figures as exact text, also after a division. */
import { formatDuration, formatSize, groupThousands } from "../text/numbers.ts";
import { type BenchTally, figureNamed, figureTotal, type FigureUnit } from "./figures.ts";

const DECIMALS = 6;

function wholeText(value: number, unit: FigureUnit): string {
  if (unit === "ns") return formatDuration(value);
  return unit === "bytes" ? formatSize(value) : groupThousands(value);
}

/**
 * A total divided by the number of iterations, exactly: `2_112`, `0.003`, `1.25us`; `7/3` if the
 * decimals do not end.
 */
function eachText(total: number, iterations: number, unit: FigureUnit): string {
  const each = total / iterations;
  if (Number.isInteger(each)) return wholeText(each, unit);
  const scaled = total * 10 ** (unit === "count" ? DECIMALS : 3);
  if (scaled % iterations !== 0 || !Number.isSafeInteger(scaled)) {
    const divisor = greatestDivisor(total, iterations);
    return `${wholeText(total / divisor, unit)}/${iterations / divisor}`;
  }
  if (unit === "ns") return formatDuration(each);
  const decimal = each.toFixed(DECIMALS).replace(/0+$/, "");
  return unit === "bytes" ? `${decimal}B` : decimal;
}

function greatestDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

/** A figure or an event count of a cell, for one iteration; a percentile is not divided. */
export function figureText(
  name: string,
  cell: BenchTally & { readonly iterations: number },
): string {
  const spec = figureNamed(name);
  const iterations = spec?.isTotal === false ? 1 : cell.iterations;
  return eachText(figureTotal(name, cell), iterations, spec?.unit ?? "count");
}

/** A ratio for readers: three digits; `×1` is exact, `×1.00` is not. */
export function ratioText(ratio: number): string {
  const rounded = Number(ratio.toPrecision(3));
  return `×${rounded === 1 && ratio !== 1 ? "1.00" : rounded}`;
}
