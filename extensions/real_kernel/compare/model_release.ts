/** The modelled release that a real kernel is compared with. */
import { CAPTURED_AS, KERNEL_NAMES, type KernelProfile } from "@dmalab/runtime/kernels";

export interface ModelRelease {
  readonly profile: KernelProfile;
  /** Whether the kernel's own series (such as 6.12 or 7.3) is modelled. */
  readonly isSameSeries: boolean;
}

/**
 * The modelled release that a capture of the kernel's release agrees with, else the nearest modelled
 * release in the kernel's series. Without such a release, the newest modelled
 * release before the kernel; else the oldest one.
 *
 * @param release The output of `uname -r`: `6.12.117+deb13-amd64`.
 * @returns Null for a text without a version.
 */
export function nearestRelease(release: string): ModelRelease | null {
  const wanted = versionOf(release);
  if (wanted === null) return null;
  const captured = CAPTURED_AS[wanted.join(".")];
  if (captured !== undefined) return { profile: captured, isSameSeries: true };
  const all = KERNEL_NAMES.map((profile) => ({ profile, version: versionOf(profile)! }));
  const series = all.filter(({ version: [major, minor] }) =>
    major === wanted[0] && minor === wanted[1]
  );
  const distance = ({ version }: (typeof all)[number]) => Math.abs(version[2] - wanted[2]);
  const [nearest] = series.toSorted((a, b) => distance(a) - distance(b));
  if (nearest !== undefined) return { profile: nearest.profile, isSameSeries: true };
  const older = all.findLast(({ version }) => compare(version, wanted) < 0) ?? all[0]!;
  return { profile: older.profile, isSameSeries: false };
}

type Version = readonly [major: number, minor: number, patch: number];

function versionOf(text: string): Version | null {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  return match === null ? null : [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
}

function compare(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
