/** `dmalab kernel capture`: records a kernel's actions for the built-in requests as golden data. */
import { type ExitCode, FAILED, HELD, WRONG } from "@dmalab/cli/exit_code";
import { refuse, type Screen } from "@dmalab/cli/extend";
import {
  FileError,
  gzipText,
  makeNamedFolder,
  readHostBytes,
  rewriteFile,
  writeFile,
} from "@dmalab/cli";
import { MIB } from "@dmalab/runtime";
import { printable, printableJson } from "@dmalab/lang/diagnostics";
import { formatCount } from "@dmalab/lang/text";
import { captureBoot, type CapturedBoot, type Line } from "./capture/capture_record.ts";
import { CAPTURE_LATENCY_NS } from "./machine/qemu_machine.ts";
import { bootScenarios, type KernelRunOptions, withAbort } from "./kernel_run.ts";

/** Subfolder of golden data with the captures of guests. */
const FOLDER = "guests";
const MAX_DESCRIPTIONS_BYTES = 16 * MIB;

const CAPTURED = { command: "capture", latencyNs: CAPTURE_LATENCY_NS } as const;

/** @param out The folder to write to. */
export async function captureKernel(
  paths: readonly string[],
  out: string,
  options: KernelRunOptions,
  screen: Screen,
): Promise<ExitCode> {
  return await withAbort(async (signal) => {
    const boots = await bootScenarios(paths, options, CAPTURED, screen, signal);
    if (typeof boots === "string") return refuse(boots, screen);
    const captured: CapturedBoot[] = [];
    const problems = [
      ...boots.refused.map(({ reasons, test }) => `${test.name}: ${reasons.join("; ")}`),
      ...boots.failures.map(({ problem }) => problem),
    ];
    for (const booted of boots.booted) {
      const boot = captureBoot(booted, new Set(captured.map(({ name }) => name)));
      if (typeof boot === "string") problems.push(boot);
      else captured.push(boot);
    }
    if (captured.length > 0) await writeCaptures(out, captured);
    const counts = captured.map(({ cases, dropped, name, submissions }) => ({
      name,
      requests: cases.length,
      calls: submissions.length,
      dropped,
    }));
    if (options.json) {
      screen.out(
        `${printableJson({ kernel: boots.kernel.release, captures: counts, problems })}\n`,
      );
    } else {
      for (const { calls, dropped, name, requests } of counts) {
        const lost = dropped === 0 ? "" : `, ${formatCount(dropped, "request")} not read whole`;
        screen.out(
          `${name}: ${formatCount(requests, "request")} of ${formatCount(calls, "call")}${lost}\n`,
        );
      }
      for (const problem of problems) screen.out(`not captured: ${printable(problem)}\n`);
    }
    if (captured.length === 0) return WRONG;
    return problems.length === 0 ? HELD : FAILED;
  });
}

async function writeCaptures(out: string, captured: readonly CapturedBoot[]): Promise<void> {
  makeNamedFolder(`${out}/${FOLDER}/submissions`);
  for (const { cases, name, submissions } of captured) {
    const file = `${name}.jsonl.gz`;
    writeFile({ folder: out, name: `${FOLDER}/${file}` }, await gzipLines(cases));
    writeFile({ folder: out, name: `${FOLDER}/submissions/${file}` }, await gzipLines(submissions));
  }
  const all = {
    ...earlierDescriptions(`${out}/${FOLDER}/limits.json`),
    ...Object.fromEntries(captured.map(({ description, name }) => [name, description])),
  };
  rewriteFile({ folder: out, name: `${FOLDER}/limits.json` }, `${JSON.stringify(all, null, 1)}\n`);
}

/** Descriptions of the captures that the folder already contains. */
function earlierDescriptions(path: string): Readonly<Record<string, unknown>> {
  const file = readHostBytes(path, { mostBytes: MAX_DESCRIPTIONS_BYTES });
  const hint = "capture into another folder";
  if (!file.found) {
    if (file.reason === "not_found") return {};
    // The caller adds the new descriptions to the file's content. If the file cannot be read,
    // writing only the new descriptions would lose its content.
    throw new FileError(file.problem, file.code, hint);
  }
  try {
    return JSON.parse(new TextDecoder().decode(file.bytes)) as Record<string, unknown>;
  } catch {
    throw new FileError(`"${path}" is not JSON`, "E1103", hint);
  }
}

function gzipLines(lines: readonly Line[]): Promise<Uint8Array> {
  return gzipText(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}
