/** The errno in a driver's own line, and what it says there about DMA. */

interface ErrnoRow {
  readonly name: string;
  /** What the code says where a driver prints it. */
  readonly text: string;
}

/** Codes of the kernel with their names (asm-generic), and what they say of a call about DMA. */
const ERRNOS: ReadonlyMap<number, ErrnoRow> = new Map([
  [1, { name: "EPERM", text: "not permitted" }],
  [2, { name: "ENOENT", text: "no such file or entry" }],
  [4, { name: "EINTR", text: "interrupted by a signal" }],
  [5, {
    name: "EIO",
    text: "I/O error: a mask or a map that was refused, or an error that the device reports",
  }],
  [6, { name: "ENXIO", text: "no such device or address" }],
  [7, { name: "E2BIG", text: "a list that is too long" }],
  [11, { name: "EAGAIN", text: "try again" }],
  [12, {
    name: "ENOMEM",
    text:
      "no memory of the kind that was asked for, no DMA address left, or a map that the caller takes for that",
  }],
  [13, { name: "EACCES", text: "access denied" }],
  [14, { name: "EFAULT", text: "a bad address" }],
  [16, { name: "EBUSY", text: "in use by another user" }],
  [17, { name: "EEXIST", text: "already there" }],
  [19, { name: "ENODEV", text: "no such device, or it does not answer" }],
  [22, { name: "EINVAL", text: "an argument, a setting or a property that is not valid" }],
  [24, { name: "EMFILE", text: "too many open files" }],
  [28, { name: "ENOSPC", text: "no room: no bandwidth, slot or address left" }],
  [32, { name: "EPIPE", text: "an underrun or overrun of a stream (ALSA), or a stalled endpoint" }],
  [34, { name: "ERANGE", text: "out of range" }],
  [38, { name: "ENOSYS", text: "not there in this kernel" }],
  [61, { name: "ENODATA", text: "no data" }],
  [62, { name: "ETIME", text: "a time that ran out" }],
  [71, { name: "EPROTO", text: "a protocol error" }],
  [74, { name: "EBADMSG", text: "a message that cannot be read" }],
  [75, { name: "EOVERFLOW", text: "too large for its type" }],
  [84, { name: "EILSEQ", text: "a checksum that does not match" }],
  [95, { name: "EOPNOTSUPP", text: "not supported" }],
  [98, { name: "EADDRINUSE", text: "an address that is in use" }],
  [103, { name: "ECONNABORTED", text: "aborted" }],
  [104, { name: "ECONNRESET", text: "reset" }],
  [105, { name: "ENOBUFS", text: "no buffer left" }],
  [107, { name: "ENOTCONN", text: "not connected" }],
  [108, { name: "ESHUTDOWN", text: "shut down" }],
  [110, { name: "ETIMEDOUT", text: "the device or its firmware did not answer in time" }],
  [111, { name: "ECONNREFUSED", text: "nobody listens at the address" }],
  [113, { name: "EHOSTUNREACH", text: "no route to the host" }],
  [121, { name: "EREMOTEIO", text: "an error of the other side" }],
  [125, { name: "ECANCELED", text: "cancelled" }],
  [512, { name: "ERESTARTSYS", text: "interrupted by a signal" }],
  [517, {
    name: "EPROBE_DEFER",
    text: "another driver is not there yet: the probe is tried again",
  }],
]);

const NUMBERS = new Map([...ERRNOS].map(([number, { name }]) => [name, number]));

/** A negative number of at most three digits that stands alone. */
const NEGATIVE = /(?:^|[\s(=:,[])-(\d{1,3})(?![\w:-]|\.\d)/g;
/** A status of another system with its number: `VERR_INVALID_PARAMETER (-2)`. */
const OTHER_STATUS = /\b[A-Z]{2,}_[A-Z_]+ ?\(-\d+\)/g;
const NAMED = /(?:^|[\s(=:,])-?(E[A-Z]{2,}(?:_[A-Z]+)?)\b/g;

/** The texts of the C library, as programs print them. */
const TEXTS: readonly (readonly [text: string, name: string])[] = [
  ["operation not permitted", "EPERM"],
  ["no such file or directory", "ENOENT"],
  ["input/output error", "EIO"],
  ["no such device or address", "ENXIO"],
  ["resource temporarily unavailable", "EAGAIN"],
  ["cannot allocate memory", "ENOMEM"],
  ["permission denied", "EACCES"],
  ["bad address", "EFAULT"],
  ["device or resource busy", "EBUSY"],
  ["file exists", "EEXIST"],
  ["no such device", "ENODEV"],
  ["invalid argument", "EINVAL"],
  ["no space left on device", "ENOSPC"],
  ["function not implemented", "ENOSYS"],
  ["operation not supported", "EOPNOTSUPP"],
  ["connection timed out", "ETIMEDOUT"],
  ["connection refused", "ECONNREFUSED"],
  ["numerical result out of range", "ERANGE"],
  ["no route to host", "EHOSTUNREACH"],
];

/** Texts that say nothing of what happened in the words of their line. */
const NO_OWN_WORDS: ReadonlySet<string> = new Set(["EINVAL", "EFAULT", "EIO"]);

/** A line without the text of an errno that is not of the line's own words. */
export function withoutErrnoTexts(line: string): string {
  const lower = line.toLowerCase();
  const text = TEXTS.find(([text, name]) => NO_OWN_WORDS.has(name) && lower.includes(text))?.[0];
  if (text === undefined) return line;
  const at = lower.indexOf(text);
  return `${line.slice(0, at)}${line.slice(at + text.length)}`;
}

/** `ret=ffffffea`: an errno as a word of 32 bits in hex. */
const IN_HEX = /\b(?:ret|err|error|rc|status|code)\w*[ =:]+(?:0x)?ffffff([0-9a-f]{2})\b/i;
/** `-1` is an errno only where the kernel's core prints one: elsewhere it says no more than that a call failed. */
const VALUE_BEFORE = /\b(?:failed with error|errno)\W{0,3}$/i;

/** The errno that a line ends with or names, as a negative number; null without one. */
export function errnoIn(line: string): number | null {
  const lower = line.toLowerCase();
  const text = TEXTS.find(([text]) => lower.includes(text))?.[1];
  if (text !== undefined) return -NUMBERS.get(text)!;
  const name = [...line.matchAll(NAMED)].map(([, name]) => NUMBERS.get(name!)).find((each) => each);
  if (name !== undefined) return -name;
  const positive = /\berrno[ =:]+(\d{1,3})\b/.exec(line)?.[1];
  if (positive !== undefined && ERRNOS.has(Number(positive))) return -Number(positive);
  const inHex = IN_HEX.exec(line)?.[1];
  if (inHex !== undefined) {
    const number = 256 - Number.parseInt(inHex, 16);
    if (number !== 1 && ERRNOS.has(number)) return -number;
  }
  const own = line.replace(OTHER_STATUS, "");
  const found = [...own.matchAll(NEGATIVE)]
    .filter(({ 0: { length }, 1: digits, index }) =>
      digits !== "1" || VALUE_BEFORE.test(own.slice(0, index + length - 2))
    )
    .map(([, digits]) => Number(digits))
    .filter((number) => ERRNOS.has(number));
  return found.length === 0 ? null : -found.at(-1)!;
}

/** An errno with its name: `-110 (ETIMEDOUT)`; empty without one. */
export function errnoName(errno: number | null): string {
  const row = errno === null ? undefined : ERRNOS.get(-errno);
  return row === undefined ? "" : `${errno} (${row.name})`;
}

/** An errno in words: `-110 is ETIMEDOUT: the device … did not answer in time`; empty without one. */
export function errnoText(errno: unknown): string {
  const row = typeof errno === "number" ? ERRNOS.get(-errno) : undefined;
  return row === undefined ? "" : `${errno} is ${row.name}: ${row.text}`;
}

/** What a code says in a call about an object, where that is more than its general text. */
const IN_CALLS: ReadonlyMap<string, Readonly<Record<number, string>>> = new Map([
  ["DMA mapping", {
    12:
      "drivers give it where a map returned the error value: no bounce slot, no DMA address left or an address out of reach, not only too little memory",
    5: "drivers give it where a map returned the error value",
  }],
  ["scatterlist", {
    12:
      "drivers give it where a map returned the error value: no bounce slot, no DMA address left or an address out of reach, not only too little memory",
    22: "the list, its lengths or its direction are not valid",
  }],
  ["DMA channel", {
    2: "no such channel, or no `dma-names` with that name",
    19:
      "neither the device's node nor the firmware's tables name such a channel, or its engine is not there",
    16: "the channel is in use by another client",
    517: "the engine's driver is not there yet: the probe is tried again",
  }],
  ["RDMA registration", {
    12: "no memory, or the limit of locked memory (`ulimit -l`)",
    14:
      "a part of the range is not in the program's memory, or is read only where the device writes",
    22: "a range, a length or access rights that the device or this kernel does not take",
    95: "the device or this kernel does not register memory of this kind",
  }],
  ["DMA mask", { 5: "the platform or the memory does not allow this mask" }],
  ["IOMMU group", {
    1: "not permitted: rights, or a device of the group without interrupt remapping",
    16: "another program has the group open, or a member has a driver of the host",
    22: "the group is not viable, or was not given to the container yet",
  }],
  ["VFIO", {
    2: "no such file or group: a module of VFIO is not loaded, or a container does not have the file",
    12: "no memory, or the limit of locked memory",
    16: "another program has the device or its group",
    19: "no such device in the group, or it is not bound to vfio-pci",
    22: "an argument that this kernel, the group or the device does not take",
  }],
  ["IOVA", {
    12: "no free address left within the mask, or no memory",
    17: "the range is mapped already",
    28: "no address space left for the range",
  }],
]);

/** An errno in words, for a line about an object. */
export function errnoTextIn(errno: unknown, object: string): string {
  const row = typeof errno === "number" ? ERRNOS.get(-errno) : undefined;
  const own = typeof errno === "number" ? IN_CALLS.get(object)?.[-errno] : undefined;
  return row === undefined || own === undefined
    ? errnoText(errno)
    : `${errno} is ${row.name}: ${own}`;
}
