/** Axes of plots: positions of values, and their ticks with texts. */
import { maxOf, minOf } from "@dmalab/runtime/basics";
import { escapeMarkup } from "./markup.ts";

/** A scale from values to positions, with its ticks. */
export interface PlotAxis {
  /** The values with a tick, ascending. */
  readonly ticks: readonly number[];
  readonly isLogarithmic: boolean;
  /** The position of a value. */
  place(value: number): number;
}

/** The positions of the ends of an axis. */
export interface AxisEnds {
  readonly from: number;
  readonly to: number;
}

/** The least factor between the lowest and highest value of a logarithmic axis. */
const LEAST_FACTOR = 10;
/** Tolerance that keeps a tick at the end of an axis in spite of rounding errors. */
const ROUNDING = 1e-9;

/** The smallest number of the form 1, 2 or 5 times a power of ten that is at least `least`. */
export function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1e-9)));
  return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= least)!;
}

/** Returns a function that interpolates positions linearly between the positions of two values. */
export function linearPlace(
  first: number,
  last: number,
  { from, to }: AxisEnds,
): (value: number) => number {
  return (value) => from + (value - first) / (last - first) * (to - from);
}

/**
 * An axis of equal steps.
 * @param step The distance between ticks; each tick is at a multiple of it.
 */
export function linearAxis(
  first: number,
  last: number,
  step: number,
  ends: AxisEnds,
): PlotAxis {
  const least = Math.ceil(first / step);
  const count = Math.max(0, Math.floor(last / step + ROUNDING) - least + 1);
  return {
    ticks: Array.from({ length: count }, (_, index) => (least + index) * step),
    isLogarithmic: false,
    place: linearPlace(first, last, ends),
  };
}

/**
 * An axis for amounts. It is linear, from 0, with four or five steps. If the values above 0 are far
 * apart, it is logarithmic.
 *
 * @param hasFoot Leaves room below the lowest value, so that the bar of this value is visible, too.
 */
export function amountAxis(values: readonly number[], ends: AxisEnds, hasFoot = false): PlotAxis {
  const positive = values.filter((value) => value > 0);
  const most = maxOf(values, 0);
  const least = minOf(positive);
  if (positive.length === 0 || most / least < LEAST_FACTOR) {
    const step = most === 0 ? 1 : roundStep(most / 5);
    return linearAxis(0, Math.max(step, Math.ceil(most / step) * step), step, ends);
  }
  // Zero has no logarithm: its point is on the lower edge.
  const low = Math.floor(Math.log10(least)) - (hasFoot || positive.length < values.length ? 1 : 0);
  const high = Math.max(low + 1, Math.ceil(Math.log10(most)));
  const exponents = linearAxis(low, high, 1, ends);
  return {
    ticks: exponents.ticks.map((power) => 10 ** power),
    isLogarithmic: true,
    place: (value) => exponents.place(value > 0 ? Math.log10(value) : low),
  };
}

/** A position in a drawing, with one decimal. */
export function placeText(place: number): string {
  return String(Number(place.toFixed(1)));
}

/** A text beside an axis, as SVG. */
export function axisLabel(
  x: number,
  y: number,
  text: string,
  anchor: "start" | "middle" | "end",
): string {
  return `<text x="${placeText(x)}" y="${placeText(y)}" text-anchor="${anchor}">${
    escapeMarkup(text)
  }</text>`;
}
