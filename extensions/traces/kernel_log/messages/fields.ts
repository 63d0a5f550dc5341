/**
 * Fields of kernel messages: how to read the text at a placeholder of a form, and how to print the
 * value.
 *
 * A field has one meaning in all messages, so a form only names the field.
 */
import { hexOf } from "../entry.ts";
import type { Fact } from "../log_facts.ts";

/**
 * A word, but not the tag of a log daemon. The quotes, angle brackets and bars that a paste puts
 * around a word are not part of it.
 */
const WORD_PATTERN = "(?!kernel:)[^\\s\"'`<>|]+";

export interface MessageField {
  readonly pattern: string;
  readonly read: (text: string) => Fact;
  /** Whether the field is a number that is printed in hex: a register, a code or an identifier. */
  readonly isHex: boolean;
  /** An example of the field's text, for tests. */
  readonly sample: string;
}

const plain = (text: string): Fact => text.trim();

/** One word: a device, a driver, a unit. */
const word = (sample: string): MessageField => {
  return { pattern: WORD_PATTERN, read: plain, isHex: false, sample };
};
/** A device or driver: a colon after the name is not part of it. */
const unitName = (sample: string): MessageField => ({
  ...word(sample),
  pattern: `${WORD_PATTERN}(?<!:)`,
});
/** Several words, as few as the rest of the form allows. */
const text = (sample: string): MessageField => ({
  pattern: ".+?",
  read: plain,
  isHex: false,
  sample,
});
/** All that follows. */
const rest = (sample: string): MessageField => ({
  pattern: ".*\\S",
  read: plain,
  isHex: false,
  sample,
});
/**
 * An address: hex digits, with `0x` or without. The value is text with `0x`, or null if the reporter masked
 * digits.
 */
const address = (sample: string): MessageField => {
  return {
    pattern: "(?:0x)?[0-9a-fx]+",
    read: (digits) => /^(?:0x)?[0-9a-f]+$/i.test(digits) ? hexOf(digits) : null,
    isHex: false,
    sample,
  };
};
/** A register, a code or an identifier: hex digits, read as a number. */
const code = (sample: string): MessageField => {
  return {
    pattern: "(?:0x)?[0-9a-f]+",
    read: (digits) => Number.parseInt(digits, 16),
    isHex: true,
    sample,
  };
};
/** A decimal number. */
const count = (sample: string): MessageField => {
  return { pattern: "-?\\d+", read: Number, isHex: false, sample };
};
/** A decimal number, printed in hex. */
const identifier = (sample: string): MessageField => ({ ...count(sample), isHex: true });

const FUNCTION_PATTERN = "(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]";

/** A bit of an error with its name, and a text in brackets. */
const AER_BIT = String.raw`\[ *\d+\] [A-Za-z]\w*(?: \([^()]*\))?`;
const AER_BITS = "[A-Za-z]\\w*[+-](?: +[A-Za-z]\\w*[+-])*";

export const FIELDS = {
  access: word("write"),
  access_bits: { ...word("R W"), pattern: "[RWX ]+" },
  aer_bit: { ...count("14"), pattern: " *\\d+" },
  /* Bits as lspci prints them: a name with + or -. */
  aer_bits: { ...text("DLP- SDES- CmpltTO+"), pattern: AER_BITS },
  aer_clear_bits: { ...text("DLP- SDES- CmpltTO-"), pattern: AER_BITS },
  aer_counts: { ...text("0 3"), pattern: "[|\\d][|\\d\\s]*" },
  aer_zeros: { ...text("0 0"), pattern: "[|\\d][|\\d\\s]*" },
  /* A few words. */
  words_text: { ...text("Descriptors"), pattern: "[A-Za-z][\\w ]*" },
  /* Words with hyphens between them. */
  hyphen_words: { ...word("nr-nw-s"), pattern: "[a-z]+(?:-[a-z]+)*" },
  /* Bits of several errors in one line, with a text behind each. */
  aer_named_bits: {
    ...text("[14] CmpltTO (Completion Timeout, First)"),
    pattern: `(?:${AER_BIT}(?: +${AER_BIT})+|\\[ *\\d+\\] [A-Za-z]\\w* \\([^()]*, First\\))`,
  },
  aer_name: { ...text("CmpltTO"), pattern: "[A-Za-z][\\w ]*?(?=\\s*(?:\\(First\\))?\\s*$)" },
  address: address("0xfffe8000"),
  at: address("0xffff8881042e6000"),
  attempt: count("2"),
  available: count("724"),
  bank: count("3"),
  blocks: count("8"),
  boundary: address("0xffff"),
  bracket_text: { ...text("TF "), pattern: "[^\\]]*" },
  bridge: word("0000:00:01.0"),
  bridges: word("0000:00:01.0;0000:01:00.0"),
  bus_limit: address("df000000"),
  cacheline: address("0x0117c43a"),
  cbfrsynra: code("0x402"),
  class_text: rest("device driver"),
  client: word("0000:03:00.0"),
  cid: code("a273"),
  code: code("0x10"),
  comma_text: { ...text("invalid pde"), pattern: "[^,]*[^,\\s]" },
  cons: code("0x1a"),
  cqe_syndrome: code("0x4"),
  controller: word("nvme0"),
  count: count("7"),
  /* A severity of PCI Express that is cut within its bracket; a console may print one letter after it. */
  cut_severity: {
    ...text("Uncorrected (Non-Fata"),
    pattern: "Uncorrect(?:ed|able) \\((?!(?:Non-)?Fatal\\))[A-Za-z-]*[A-Za-z]\\)?\\s*$",
  },
  cut_status: { ...text(" r"), pattern: "(?: r(?:e(?:g)?)?)? *$" },
  /* The begin of an event's name, where a line is cut. */
  cut_event: { ...text(""), pattern: " *$" },
  /* What is left of `pages, ret: -12` where a line is cut. */
  cut_pages: { ...text("pag"), pattern: "p(?:a(?:g(?:e(?:s(?:,(?: +r?e?t?:? *-?)?)?)?)?)?)?$" },
  cut_word: { ...text("o"), pattern: "(?!or\\b)\\w{0,2}\\s*$" },
  /* `received` of an AER message that is cut within this word. */
  cut_received: { ...text(" rec"), pattern: "(?: message)?(?: +re?c?e?i?v?e?d?:?)? *$" },
  csts: code("0x3"),
  details: rest("[device address=0x00000000ffbca000]"),
  device: unitName("0000:41:00.0"),
  device_id: code("8"),
  disk: word("nvme0n1"),
  dart_words: { ...text("WRITE FAULT"), pattern: "[^)]*" },
  domain: code("0x18"),
  /*
   * The pattern excludes bracket and comma, because the text before the field may be the end of a
   * bracket that the log added. The dashes of a syslog header (RFC 5424) are no driver.
   */
  driver: { ...unitName("nvme"), pattern: "(?!kernel:|[^\\w\\s]+\\s)[^\\s\"'`<>|\\],;]+(?<!:)" },
  emask: code("0x20"),
  end: address("0xfebfffff"),
  endpoint: count("24"),
  engine_id: code("0x1fc00006"),
  errno: count("-12"),
  errors: rest("Translation"),
  event_code: code("0x3a"),
  fault_code: count("13"),
  flags: code("0x80700"),
  fault_status: code("0x402"),
  fault_type: code("0x20000"),
  frame_offset: { ...word("0x4a/0x90"), pattern: "0x[0-9a-f]+/0x[0-9a-f]+" },
  frame: address("0xfffff"),
  fsr: code("0x402"),
  fsynr: code("0x11"),
  function: { ...word("dmar_fault"), pattern: "[A-Za-z_][\\w.]*" },
  pci_function: { ...word("0000:41:00.0"), pattern: FUNCTION_PATTERN },
  gfp: rest("0xcc1(GFP_KERNEL|GFP_DMA)"),
  gfsr: code("0x80000002"),
  gfsynr0: code("0x4"),
  gfsynr1: code("0x812"),
  gfsynr2: code("0x0"),
  gpu_client: { ...text("TCP (0x8)"), pattern: "[^,]*[^,\\s]" },
  group: count("12"),
  head_type: text("Device-TLB Invalidation"),
  hex_words: {
    ...text("60000001 0100000f 000000ff ffffd000"),
    pattern: "(?:(?:0x)?[0-9a-f]{8} ?)+",
  },
  hex4: { ...code("a273"), pattern: "[0-9a-f]{4}" },
  /* A count that the kernel prints in hex; dmalab prints it in decimal. */
  hex_count: {
    pattern: "[0-9a-f]+",
    read: (digits: string): Fact => Number.parseInt(digits, 16),
    isHex: false,
    sample: "10",
  },
  held: address("174025003"),
  inflight: count("3"),
  /* Without a colon: a PCI function is no interface, whatever word of the log stands before it. */
  hex_word: { ...code("93005204"), pattern: "[0-9a-f]{8}" },
  ib_port: { ...word("mlx5_0:1"), pattern: "[a-z]\\w*:\\d+" },
  interface_name: { ...word("eth0"), pattern: "[A-Za-z][^\\s:\"'`<>|]*" },
  id_pair: { ...word("14e4:2712"), pattern: "[0-9a-f]{4}:[0-9a-f]{4}" },
  iommu: word("285800000.iommu"),
  iova2: address("0"),
  kib: count("256"),
  larb: count("0"),
  layer: { ...text("Physical Layer"), pattern: "[^,]+" },
  lba: count("1401856"),
  len: count("131072"),
  limit: count("8388608"),
  limit_address: address("0xffffffff"),
  lost: count("0"),
  // An address mask as text. In some forms the fact with this name is an error mask instead, which
  // is a number; `isHex` is for these forms.
  mask: { ...address("ffffffff"), isHex: true },
  max: count("65536"),
  mib: count("64"),
  min_page: address("0x1000"),
  /* The kernel's own driver of NVIDIA prints an address in two halves: `0x7f12_34567000`. */
  nvidia_address: {
    ...address("0x7f12_34567000"),
    pattern: "0x[0-9a-f]+_[0-9a-f]+",
    read: (digits: string): Fact => hexOf(digits.replace("_", "")),
  },
  name: word("linux,cma"),
  nents: count("3"),
  nvme_code: { ...code("07"), pattern: "[0-9a-f]{2}" },
  nvme_unit: { ...word("nvme0"), pattern: "nvme\\d+" },
  nvme_disk: { ...word("nvme0n1"), pattern: "nvme\\d+(?:c\\d+)?n\\d+" },
  nmi_reason: code("0xa1"),
  op: code("0x0"),
  opcode: code("0x2"),
  option: word("ivrs_ioapic"),
  order: count("2"),
  pages: count("8100"),
  pasid: code("0x4"),
  paren_text: { ...text("Cannot allocate memory"), pattern: "[^)]*" },
  pci_id: {
    pattern: "[0-9a-f]{4}",
    read: (digits: string): Fact => digits.toLowerCase(),
    isHex: false,
    sample: "8086",
  },
  pci_status: code("0x10"),
  pe: word("PHB#2-PE#fd"),
  /* The number of a host bridge of OPAL, with its chip and index: `006f[6:3]`. */
  /* A program with its process, in brackets of their own: `sddm-greeter[429]`. */
  pushing_program: { ...word("gdm-session[812]"), pattern: "[^\\[\\]]{1,32}(?:\\[\\d+\\])?" },
  phb: { ...word("006f[6:3]"), pattern: "[0-9a-f]{1,8}(?:\\[[0-9a-f:.]{1,12}\\])?" },
  phys: address("0x10fc80000"),
  permission_faults: code("0x3"),
  pid: count("4121"),
  pool: { ...text("prp list 256"), pattern: "[^,:\\[\\]]+?" },
  pool_id: count("731"),
  port: count("0"),
  port_service: { ...word("0000:02:06.0:pcie24"), pattern: "[0-9a-f:]{4,}\\.[0-7](?::\\w+)?" },
  prior_type: text("Invalidation Wait"),
  prod: code("0x2a"),
  provider: word("0000:04:00.0"),
  pte: address("0x4c01003"),
  qid: count("3"),
  queue: word("EVTQ"),
  reason: rest("ATC invalidate timeout"),
  recovery: word("failed"),
  /* A ring of a GPU: `gfx_0.0.0`. */
  ring: { ...word("gfx_0.0.0"), pattern: "[\\w.]*\\w" },
  rest: rest("aborting req_op:READ(0) size:4096"),
  sc: code("0x4"),
  sct: code("0x0"),
  seconds_stalled: count("121"),
  saved_error: code("0x20000"),
  sector: count("1401856"),
  segments: count("4"),
  severity: text("Corrected"),
  shown_bytes: count("4096"),
  size: address("0x1000"),
  size_bytes: count("65536"),
  slot: count("3"),
  smmu_reason: rest("Illegal command"),
  source_line: count("149"),
  source: word("0000:41:00.0"),
  source_id: code("00e6"),
  ssid: code("0x0"),
  start: address("0x38000000000"),
  state: count("2"),
  state_bits: code("0x20000e"),
  status: code("0x80000010"),
  step: word("reset"),
  stream: code("0x3"),
  stream_number: identifier("3"),
  sub_id: code("0x0"),
  syndrome: code("0x4d9d"),
  table: word("c00000000263c480"),
  tag: count("118"),
  task: { ...text("qemu-system-x86"), pattern: "[^\\[\\]:<>|]+?" },
  tdh: code("1f"),
  tdt: code("1f"),
  next_to_use: code("1f"),
  next_to_clean: code("1f"),
  time_stamp: code("1f"),
  next_to_watch: code("1f"),
  jiffies: code("1f"),
  descriptor_status: code("1f"),
  mac_status: code("1f"),
  phy_status: code("1f"),
  phy_1000t_status: code("1f"),
  phy_extended_status: code("1f"),
  error_code: count("13"),
  /* Up to a quotation mark: other programs log the line as a field, `msg="… failed: Bad address"`. */
  errno_words: { ...rest("Bad address"), pattern: '[^"]*[^"\\s]' },
  tegra_smmu: {
    ...rest("EMEM address decode error (SMMU translation error [RW-])"),
    pattern: ".*(?:SMMU|[Pp]age).*\\S",
  },
  text: text("some words"),
  total_slots: count("32768"),
  unit: word("dmar0"),
  used_slots: count("31552"),
  uuid: {
    ...word("83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"),
    pattern: "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
  },
  value: code("0x12"),
  vendor: word("8086"),
  vendor_syndrome: code("0x51"),
  video_node: { ...word("/dev/video0"), pattern: "/dev/video\\d+" },
  wc_status: count("4"),
  virt: address("c000000134b00000"),
  wanted: address("174025001"),
  width: count("39"),
  xen_device: { ...word("0000:00:1f.2"), pattern: "[^\\]]+" },
  xen_ids: {
    ...text("domain = 0, device id = 0x00a0"),
    pattern: "domain = \\w+, device id = \\w+",
  },
  word_dash: { ...word("0-H2C0-MM"), pattern: "[\\w-]+" },
  /* A worker of the kernel has colons in its name. */
  worker: { ...word("kworker/u16:2+flush"), pattern: "kworker/[\\w:+./-]{1,48}?" },
  word_text: { ...word("D3cold"), pattern: "\\w+" },
  zone: word("GFP_DMA32"),
} as const satisfies Readonly<Record<string, MessageField>>;

export type MessageFieldName = keyof typeof FIELDS;

/** Fields with numbers that are printed in hex. */
export const HEX_FIELDS: ReadonlySet<string> = new Set(
  Object.entries<MessageField>(FIELDS).flatMap(([name, { isHex }]) => isHex ? [name] : []),
);
