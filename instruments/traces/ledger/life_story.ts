/** A mapping's life, told for a reader: whose it is, since when, for what, until when. */
import type { Life, Moment } from "./life.ts";

/**
 * One line for the mapping and one for each end of its life.
 *
 * @param unended What to say of a mapping that has not ended.
 */
export function lifeStory(
  life: Life,
  file: string,
  unended = "until the end of the trace",
): string[] {
  const { addr, born, device, died, dir, kind, phys, pid, request, sizeBytes, task } = life;
  const whose = device === null ? "a range that names no device" : device.name;
  const where = phys === null || phys === addr ? "" : `, physical 0x${phys.toString(16)}`;
  const by = pid < 0 ? "" : ` by ${task}-${pid}`;
  const forWhat = request === null ? "" : ` for ${request}`;
  return [
    `0x${addr.toString(16)}: ${sizeBytes} bytes of ${whose}, ${kind}${
      dir === null ? "" : ` ${dir}`
    }${where}`,
    `  since ${moment(born, file)}${by}${forWhat}`,
    died === null ? `  ${unended}` : `  until ${moment(died, file)}`,
  ];
}

function moment({ cpu, line, seconds }: Moment, file: string): string {
  return `${file}:${line}, ${seconds.toFixed(6)} s, CPU ${cpu}`;
}
