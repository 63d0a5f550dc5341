/**
 * Members of structures that releases have removed or changed. A module's view of a header gets them back: at the end of
 * a structure that only drivers define, or in the place of the member that has the same bytes now.
 */

/** How a header gets a member back. */
interface OldMember {
  /** The structure and the member: "net_device.dev_addr". */
  readonly name: string;
  readonly header: string;
  /** What is replaced, and its replacement; a member to append to the structure if only a text is given. */
  readonly edit: string | readonly [find: RegExp, text: string];
}

/** Appended members: nothing of a newer kernel reads or calls them. */
const APPENDED: readonly (readonly [header: string, struct: string, members: readonly string[]])[] =
  [
    ["include/linux/device/class.h", "class", ["struct module *owner;"]],
    ["include/linux/fs.h", "file_operations", [
      "int (*ioctl)(struct inode *, struct file *, unsigned int, unsigned long);",
      "ssize_t (*aio_read)(struct kiocb *, const struct iovec *, unsigned long, loff_t);",
      "ssize_t (*aio_write)(struct kiocb *, const struct iovec *, unsigned long, loff_t);",
      "ssize_t (*sendpage)(struct file *, struct page *, int, size_t, loff_t *, int);",
    ]],
    ["include/linux/netdevice.h", "net_device_ops", [
      "void (*ndo_set_multicast_list)(struct net_device *);",
    ]],
    ["include/linux/ethtool.h", "ethtool_ops", [
      "int (*get_settings)(struct net_device *, struct ethtool_cmd *);",
      "int (*set_settings)(struct net_device *, struct ethtool_cmd *);",
      ...["rx_csum", "tx_csum", "sg", "tso", "ufo", "flags"].flatMap((name) => [
        `u32 (*get_${name})(struct net_device *);`,
        `int (*set_${name})(struct net_device *, u32);`,
      ]),
    ]],
    ["include/linux/blkdev.h", "block_device_operations", [
      "int (*revalidate_disk)(struct gendisk *);",
      "int (*media_changed)(struct gendisk *);",
    ]],
    ["include/scsi/scsi_host.h", "scsi_host_template", [
      "unsigned int use_clustering;",
      "unsigned int unchecked_isa_dma;",
      "unsigned int use_blk_tags;",
      "int (*proc_info)(struct Scsi_Host *, char *, char **, off_t, int, int);",
    ]],
    ["include/linux/pci.h", "pci_error_handlers", [
      "pci_ers_result_t (*link_reset)(struct pci_dev *);",
    ]],
    ["include/linux/ptp_clock_kernel.h", "ptp_clock_info", [
      "int (*adjfreq)(struct ptp_clock_info *, s32);",
    ]],
  ];

const MEMBER = /\(?\*?(\w+)\)?(?:\([^]*\))?;$/;

const MEMBERS: readonly OldMember[] = [
  ...APPENDED.flatMap(([header, struct, members]) =>
    members.map((edit) => ({ name: `${struct}.${memberOf(edit)}`, header, edit }))
  ),
  {
    name: "skb_frag.size",
    header: "include/linux/skbuff.h",
    edit: [
      /(^typedef struct skb_frag \{[^}]*?)unsigned int len;/m,
      "$1union { unsigned int len; unsigned int size; };",
    ],
  },
  {
    name: "skb_frag.page_offset",
    header: "include/linux/skbuff.h",
    edit: [
      /(^typedef struct skb_frag \{[^]*?)unsigned int offset;/m,
      "$1union { unsigned int offset; unsigned int page_offset; };",
    ],
  },
  {
    name: "skb_frag.page",
    header: "include/linux/skbuff.h",
    edit: [
      /(^typedef struct skb_frag \{\s*)netmem_ref netmem;/m,
      "$1union { netmem_ref netmem; struct { struct page *p; } page; };",
    ],
  },
  {
    name: "net_device.dev_addr",
    header: "include/linux/netdevice.h",
    edit: [/\bconst (unsigned char\s+\*dev_addr;)/, "$1"],
  },
  {
    name: "task_struct.state",
    header: "include/linux/sched.h",
    edit: [
      /(^struct task_struct \{[^]*?)unsigned int(\s+)__state;/m,
      "$1union { unsigned int __state; unsigned int state; };",
    ],
  },
  {
    name: "vm_fault.virtual_address",
    header: "include/linux/mm.h",
    edit: [
      /(^struct vm_fault \{[^]*?)unsigned long address;/m,
      "$1union { unsigned long address; void __user *virtual_address; };",
    ],
  },
];

/** A member that every module sees: since 6.10 a serial port has a kfifo instead, and this one stays empty. */
const ALWAYS: OldMember = {
  name: "uart_state.xmit",
  header: "include/linux/serial_core.h",
  edit: "struct circ_buf xmit;",
};

const BY_NAME: ReadonlyMap<string, OldMember> = new Map(MEMBERS.map((each) => [each.name, each]));

/** The name of a member, from its declaration. */
function memberOf(declaration: string): string {
  return /\(\*(\w+)\)/.exec(declaration)?.[1] ?? MEMBER.exec(declaration)![1]!;
}

/**
 * What a module gets if it needs a removed member; null if it gets none.
 *
 * @param name "net_device.dev_addr"
 */
export function oldMember(name: string): string | null {
  const edit = BY_NAME.get(name)?.edit;
  if (edit === undefined) return null;
  return typeof edit === "string"
    ? "the member is filled in, and nothing of this release reads it"
    : "the member is filled in, with the bytes of the one that took its place";
}

/** Members that `oldMember()` knows. */
export function oldMembers(): readonly string[] {
  return [...BY_NAME.keys()];
}

/** A header's text with old members. @param names The members that the module needs. */
export function withOldMembers(path: string, text: string | null, names: ReadonlySet<string>) {
  if (text === null) return text;
  let changed = text;
  for (const { edit, header, name } of [ALWAYS, ...MEMBERS]) {
    if (header !== path || name !== ALWAYS.name && !names.has(name)) continue;
    changed = typeof edit === "string"
      ? withAppended(changed, name.slice(0, name.indexOf(".")), edit)
      : changed.replace(...edit);
  }
  return changed;
}

/** A text with a member at the end of a structure: its end is the first bracket in the first column. */
function withAppended(text: string, struct: string, member: string): string {
  const head = new RegExp(`^struct ${struct} \\{`, "m").exec(text);
  if (head === null) return text;
  const end = text.indexOf("\n}", head.index);
  if (end < 0 || text.slice(head.index, end).includes(member)) return text;
  return `${text.slice(0, end + 1)}${member} ${text.slice(end + 1)}`;
}
