/**
 * Programs of the host, each with the Debian package that contains it. The permissions of the command
 * are made from this list.
 */
export const PROGRAMS = {
  "qemu-system-x86_64": "qemu-system-x86",
  "qemu-system-aarch64": "qemu-system-arm",
  "qemu-system-riscv64": "qemu-system-misc opensbi",
  cc: "gcc",
  "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
  "riscv64-linux-gnu-gcc": "gcc-riscv64-linux-gnu libc6-dev-riscv64-cross",
  "apt-cache": "apt",
  "dpkg-deb": "dpkg",
  tar: "tar",
  xz: "xz-utils",
} as const;

export type ProgramName = keyof typeof PROGRAMS;
