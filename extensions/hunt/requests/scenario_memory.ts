/**
 * The calls with which a scenario allocates the memory of a case, in the form that shows the memory's
 * shape best.
 */
import { type BioVec, GIB, MIB, PAGE_SIZE_BYTES } from "@dmalab/runtime";
import { formatAddress, formatSize } from "@dmalab/lang/text";

/**
 * First address of the buffers that a scenario places with `buffer(segments: …)`. Other pages that
 * scripts get begin at 1 GiB.
 */
const FIRST_PHYS = 16 * MIB;
/** Size of the range that each step of a case uses. */
const STEP_BYTES = 16 * MIB;

/**
 * The address of a piece in the scenario. Each step of a case has a separate range of addresses. A
 * piece in high memory is only shifted by the start of this range.
 */
export function scenarioPhys(phys: number, step: number): number {
  if (phys >= 4 * GIB) return phys + step * STEP_BYTES;
  return phys - GIB + FIRST_PHYS + step * STEP_BYTES;
}

/**
 * The call that allocates a buffer. With `explicit`, the buffer is at exactly these addresses,
 * whatever its shape is.
 */
export function bufferText(
  vecs: readonly BioVec[],
  fill: string,
  step: number,
  explicit: boolean,
): string {
  const regular = explicit || vecs.some(({ phys }) => phys >= 4 * GIB) ? null : shapeText(vecs);
  if (regular !== null) return `buffer(${regular}, fill: ${fill})`;
  return segmentsText(
    vecs.map(({ phys, sizeBytes }) => ({ phys: scenarioPhys(phys, step), sizeBytes })),
    fill,
  );
}

/** The call that allocates a buffer at exactly these addresses. */
export function segmentsText(
  vecs: readonly { readonly phys: number; readonly sizeBytes: number }[],
  fill: string,
): string {
  const segments = vecs.map(({ phys, sizeBytes }) =>
    `{ phys: ${formatAddress(phys)}, size: ${formatSize(sizeBytes)} }`
  );
  const oneLine = `buffer(segments: [${segments.join(", ")}], fill: ${fill})`;
  if (oneLine.length <= 76) return oneLine;
  return `buffer(segments: [\n${
    segments.map((segment) => `  ${segment},\n`).join("")
  }], fill: ${fill})`;
}

/**
 * Arguments for one run of memory, or for pieces of equal size at equal distances; null for memory of
 * any other shape.
 */
function shapeText(vecs: readonly BioVec[]): string | null {
  const [first, second] = vecs;
  const size = formatSize(first!.sizeBytes);
  const inPage = first!.phys % PAGE_SIZE_BYTES;
  const offset = inPage === 0 ? "" : `, offset: ${formatSize(inPage)}`;
  if (second === undefined) return `size: ${size}${offset}`;
  const stride = second.phys - first!.phys;
  const regular = vecs.every(({ phys, sizeBytes }, index) =>
    sizeBytes === first!.sizeBytes && phys === first!.phys + index * stride
  );
  if (!regular || stride < first!.sizeBytes) return null;
  return `pieces: ${vecs.length}, piece: ${size}, stride: ${formatSize(stride)}${offset}`;
}
