/** Programs with the package of Debian that has each; the permissions of the command come from this list. */
export const PROGRAMS = {
  "qemu-system-x86_64": "qemu-system-x86",
  cc: "gcc",
  "dpkg-deb": "dpkg",
  tar: "tar",
  xz: "xz-utils",
} as const;

export type ProgramName = keyof typeof PROGRAMS;
