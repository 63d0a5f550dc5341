/**
 * Names that releases of Linux have removed or changed, with what took their place. The rows are from the history of
 * public releases as kernel developers know it; rows that a draw of drivers met (`docs/dev/driver-rounds.md`) were
 * checked with the headers of 6.12. The release is the one since which the new form is to be used; some old names
 * stayed for a few releases.
 */

import { ownFunctions } from "../tree/own_names.ts";

/** A row: the name, the release of its replacement ("" if it is not known), and the replacement. */
type Change = readonly [name: string, since: string, instead: string];

/** Headers that a release does not have and that are replaced, as the names of `compat.h` are. */
const REPLACED_HEADERS: readonly Change[] = [
  ["asm/semaphore.h", "2.6.26", "linux/semaphore.h"],
  ["asm/system.h", "3.4", "the headers of what is used: asm/barrier.h, asm/switch_to.h, …"],
  ["asm/unaligned.h", "6.12", "linux/unaligned.h"],
  ["crypto/sha.h", "5.11", "crypto/sha1.h or crypto/sha2.h"],
  ["linux/autoconf.h", "2.6.33", "generated/autoconf.h, which every file includes already"],
  ["linux/bootmem.h", "4.20", "linux/memblock.h"],
  ["linux/config.h", "2.6.19", "nothing: the configuration is included already"],
  ["linux/dma-attrs.h", "4.8", "linux/dma-mapping.h: attributes are numbers"],
  ["linux/dma-contiguous.h", "5.10", "linux/dma-map-ops.h"],
  ["linux/dma-noncoherent.h", "5.10", "linux/dma-map-ops.h"],
  ["linux/genhd.h", "5.18", "linux/blkdev.h"],
  ["linux/pci-aspm.h", "5.4", "linux/pci.h"],
  ["linux/pci-dma-compat.h", "5.18", "linux/dma-mapping.h"],
  ["linux/utsrelease.h", "2.6.33", "generated/utsrelease.h"],
  ["iso646.h", "5.15", "nothing: signs instead of words"],
  ["limits.h", "5.15", "linux/limits.h"],
  ["stdarg.h", "5.15", "linux/stdarg.h"],
  ["stdbool.h", "5.15", "linux/types.h"],
  ["stddef.h", "5.15", "linux/stddef.h"],
  ["stdint.h", "5.15", "linux/types.h"],
];

/** x86's own headers, of which dmalab has a part, with what that part does. */
const OF_X86: ReadonlyMap<string, string> = new Map([
  ["asm/cpufeature.h", "no feature is there"],
  ["asm/fpu/api.h", "sections with floating-point registers do nothing"],
  ["asm/hypervisor.h", "there is no hypervisor"],
  ["asm/i387.h", "sections with floating-point registers do nothing"],
  ["asm/msr.h", "rdtsc() is the machine's clock in nanoseconds; there are no registers of a model"],
  ["asm/mtrr.h", "no range can be added"],
  ["asm/page_types.h", "asm/page.h"],
  ["asm/pgtable_types.h", "asm/pgtable.h"],
  ["asm/segment.h", "it defines nothing"],
  ["asm/tlbflush.h", "flushes do nothing"],
  ["asm/set_memory.h", "set_memory_uc() and its like do nothing and return 0"],
  ["asm/tsc.h", "the counter runs at 1 GHz"],
]);

const HEADERS: readonly Change[] = [
  ["linux/smp_lock.h", "2.6.39", "a lock of the driver's own"],
  ["media/videobuf-core.h", "6.3", "media/videobuf2-v4l2.h"],
  ["media/videobuf-dma-sg.h", "6.3", "media/videobuf2-dma-sg.h"],
];

const OF_MAPPING = "5.18";

/** PCI's own names of functions for DMA, and the functions that take `&pdev->dev`. */
const PCI_MAPPING: readonly Change[] = [
  ...["map_single", "unmap_single", "map_page", "unmap_page", "map_sg", "unmap_sg"].map((name) =>
    [`pci_${name}`, OF_MAPPING, `dma_${name}()`] as const
  ),
  ...["single_for_cpu", "single_for_device", "sg_for_cpu", "sg_for_device"].map((name) =>
    [`pci_dma_sync_${name}`, OF_MAPPING, `dma_sync_${name}()`] as const
  ),
  ["pci_alloc_consistent", OF_MAPPING, "dma_alloc_coherent()"],
  ["pci_zalloc_consistent", OF_MAPPING, "dma_alloc_coherent()"],
  ["pci_free_consistent", OF_MAPPING, "dma_free_coherent()"],
  ["pci_dma_mapping_error", OF_MAPPING, "dma_mapping_error()"],
  ["pci_set_dma_mask", OF_MAPPING, "dma_set_mask()"],
  ["pci_set_consistent_dma_mask", OF_MAPPING, "dma_set_coherent_mask()"],
  ["pci_set_dma_max_seg_size", OF_MAPPING, "dma_set_max_seg_size()"],
  ["pci_set_dma_seg_boundary", OF_MAPPING, "dma_set_seg_boundary()"],
  ["PCI_DMA_BIDIRECTIONAL", OF_MAPPING, "DMA_BIDIRECTIONAL"],
  ["PCI_DMA_TODEVICE", OF_MAPPING, "DMA_TO_DEVICE"],
  ["PCI_DMA_FROMDEVICE", OF_MAPPING, "DMA_FROM_DEVICE"],
  ["PCI_DMA_NONE", OF_MAPPING, "DMA_NONE"],
];

/** Names of `older.h`, and others that are undeclared now. */
const OLDER: readonly Change[] = [
  ["PCI_IRQ_LEGACY", "6.8", "PCI_IRQ_INTX"],
  ...["create", "destroy", "alloc", "zalloc", "free"].map((name) =>
    [`pci_pool_${name}`, "", `dma_pool_${name}()`] as const
  ),
  ["pci_dma_supported", OF_MAPPING, "dma_supported()"],
  ["PCI_DMA_BUS_IS_PHYS", "", "nothing"],
  ...[24, 28, 30, 31, 35, 36, 39, 40, 44, 48].map((bits) =>
    [`DMA_${bits}BIT_MASK`, "2.6.30", `DMA_BIT_MASK(${bits})`] as const
  ),
  ["DECLARE_PCI_UNMAP_ADDR", "", "DEFINE_DMA_UNMAP_ADDR()"],
  ["DECLARE_PCI_UNMAP_LEN", "", "DEFINE_DMA_UNMAP_LEN()"],
  ...["addr", "addr_set", "len", "len_set"].map((name) =>
    [`pci_unmap_${name}`, "", `dma_unmap_${name}()`] as const
  ),
  ["strnicmp", "", "strncasecmp()"],
  ...["l", "ul", "ll", "ull"].map((type) =>
    [`strict_strto${type}`, "", `kstrto${type}()`] as const
  ),
  ["PAGE_CACHE_SIZE", "4.6", "PAGE_SIZE"],
  ["PAGE_CACHE_SHIFT", "4.6", "PAGE_SHIFT"],
  ["PAGE_CACHE_MASK", "4.6", "PAGE_MASK"],
  ["page_cache_release", "4.6", "put_page()"],
  ["page_cache_get", "4.6", "get_page()"],
  ["__set_page_locked", "", "__SetPageLocked()"],
  ["__clear_page_locked", "", "__ClearPageLocked()"],
  ["HAVE_UNLOCKED_IOCTL", "", "nothing: each release has unlocked_ioctl"],
  ["HAVE_COMPAT_IOCTL", "", "nothing: each release has compat_ioctl"],
  ["__initdata", "", "__initconst for constants"],
  ["put_user_page", "5.6", "unpin_user_page()"],
  ["put_user_pages", "5.6", "unpin_user_pages()"],
  ["put_user_pages_dirty_lock", "5.6", "unpin_user_pages_dirty_lock()"],
  ["set_task_state", "4.11", "set_current_state()"],
  ["__set_task_state", "4.11", "__set_current_state()"],
  ["f_dentry", "3.19", "file_inode(), file_dentry()"],
  ["f_vfsmnt", "", "f_path.mnt"],
  ["random_ether_addr", "3.6", "eth_random_addr()"],
  ["compare_ether_addr", "3.5", "!ether_addr_equal()"],
  ["vlan_tx_tag_present", "4.0", "skb_vlan_tag_present()"],
  ["vlan_tx_tag_get", "4.0", "skb_vlan_tag_get()"],
  ...["TX", "RX", "FILTER"].map((name) =>
    [`NETIF_F_HW_VLAN_${name}`, "3.10", `NETIF_F_HW_VLAN_CTAG_${name}`] as const
  ),
  ["netif_tx_napi_add", "", "netif_napi_add_tx()"],
  ["u64_stats_fetch_begin_irq", "", "u64_stats_fetch_begin()"],
  ["u64_stats_fetch_retry_irq", "", "u64_stats_fetch_retry()"],
  ["trans_start", "4.7", "netif_trans_update()"],
  ["last_rx", "4.11", "nothing: the core counts"],
  ["get_random_int", "6.2", "get_random_u32()"],
  ["random32", "", "get_random_u32()"],
  ["prandom_u32_max", "6.2", "get_random_u32_below()"],
  ["use_mm", "5.8", "kthread_use_mm()"],
  ["unuse_mm", "5.8", "kthread_unuse_mm()"],
  ["get_online_cpus", "5.15", "cpus_read_lock()"],
  ["put_online_cpus", "5.15", "cpus_read_unlock()"],
  ["virt_to_bus", "", "the DMA API: a physical address is no address for a device"],
  ["bus_to_virt", "", "the DMA API: a physical address is no address for a device"],
  ["init_MUTEX_LOCKED", "2.6.37", "sema_init(semaphore, 0)"],
  ["SPIN_LOCK_UNLOCKED", "2.6.39", "DEFINE_SPINLOCK(), spin_lock_init()"],
  ["RW_LOCK_UNLOCKED", "2.6.39", "DEFINE_RWLOCK(), rwlock_init()"],
  ["pr_warning", "5.5", "pr_warn()"],
  ["DMA_SUCCESS", "3.13", "DMA_COMPLETE"],
  ["skb_frag_struct", "5.4", "skb_frag_t"],
  ...["USER0", "USER1", "IRQ0", "IRQ1", "SOFTIRQ0", "SOFTIRQ1"].map((name) =>
    [`KM_${name}`, "3.4", "nothing: kmap_atomic() has one argument"] as const
  ),
  ["rtc_time_to_tm", "", "rtc_time64_to_tm()"],
  ["time_to_tm", "", "time64_to_tm()"],
  ["getnstimeofday64", "", "ktime_get_real_ts64()"],
  ["current_kernel_time64", "", "ktime_get_coarse_real_ts64()"],
  ["timespec_to_ns", "5.6", "timespec64_to_ns()"],
  ["timeval_to_ns", "5.6", "timespec64_to_ns()"],
  ["timespec_sub", "5.6", "timespec64_sub()"],
  ["ktime_to_timespec", "5.6", "ktime_to_timespec64()"],
  ["ktime_to_timeval", "5.6", "ktime_to_timespec64()"],
  ["vm_insert_pfn", "4.20", "vmf_insert_pfn()"],
  ["i2c_new_dummy", "", "i2c_new_dummy_device()"],
  ["devm_request_and_ioremap", "", "devm_ioremap_resource()"],
  ["ida_simple_get", "", "ida_alloc_range()"],
  ["ida_simple_remove", "", "ida_free()"],
  ["__get_cpu_var", "", "this_cpu_ptr()"],
  ...["inc", "dec"].flatMap((name) =>
    ["before", "after"].map((when) =>
      [`smp_mb__${when}_atomic_${name}`, "3.16", `smp_mb__${when}_atomic()`] as const
    )
  ),
  ["set_cpus_allowed", "", "set_cpus_allowed_ptr()"],
  ["synchronize_sched", "", "synchronize_rcu()"],
  ["init_timer_on_stack", "4.15", "timer_setup_on_stack()"],
  ["setup_timer_on_stack", "4.15", "timer_setup_on_stack()"],
  ["dma_cache_sync", "", "dma_sync_single_for_cpu() and its like, of a mapping"],
];

const NAMES: readonly Change[] = [
  ...PCI_MAPPING,
  ...OLDER,
  ...["__devinit", "__devinitdata", "__devinitconst", "__devexit", "__devexit_p"].map((name) =>
    [name, "3.8", "nothing"] as const
  ),
  ["DEFINE_PCI_DEVICE_TABLE", "4.8", "const struct pci_device_id NAME[]"],
  ["IRQF_DISABLED", "4.1", "nothing: it was without effect"],
  ["IRQF_SAMPLE_RANDOM", "3.6", "nothing: it was without effect"],
  ["SA_INTERRUPT", "2.6.24", "nothing"],
  ["SET_ETHTOOL_OPS", "3.16", "the member ethtool_ops"],
  ["UUID_LE", "4.13", "GUID_INIT()"],
  ["uuid_be", "4.13", "uuid_t"],
  ["uuid_le", "4.13", "guid_t"],
  ["uuid_le_cmp", "4.13", "guid_equal()"],
  ["VM_RESERVED", "3.7", "VM_DONTEXPAND | VM_DONTDUMP"],
  ["del_timer", "6.15", "timer_delete()"],
  ["del_timer_sync", "6.15", "timer_delete_sync()"],
  ["from_timer", "6.16", "timer_container_of()"],
  ["ioremap_nocache", "5.6", "ioremap()"],
  ["mmiowb", "5.2", "nothing: spin_unlock() orders writes to registers"],
  ["mmap_sem", "5.8", "mmap_lock, or mmap_read_lock() and its like"],
  ["no_llseek", "6.12", "nothing: a file without llseek has none"],
  ["strlcpy", "6.8", "strscpy()"],
  ["uart_circ_chars_free", "6.10", "the kfifo of struct tty_port"],
  ["uart_circ_chars_pending", "6.10", "the kfifo of struct tty_port"],
  ["uart_circ_clear", "6.10", "the kfifo of struct tty_port"],
  ["uart_circ_empty", "6.10", "the kfifo of struct tty_port"],
  ["uninitialized_var", "5.9", "an initial value"],
  ["vm_flags", "6.3", "vm_flags_set() and its like for writes"],
  ["ACCESS_ONCE", "4.15", "READ_ONCE(), WRITE_ONCE()"],
  ["DECLARE_MUTEX", "2.6.37", "DEFINE_SEMAPHORE()"],
  ["DMA_32BIT_MASK", "2.6.30", "DMA_BIT_MASK(32)"],
  ["DMA_64BIT_MASK", "2.6.30", "DMA_BIT_MASK(64)"],
  ["FBINFO_FLAG_DEFAULT", "6.6", "nothing: it was 0"],
  ["INIT_COMPLETION", "3.13", "reinit_completion()"],
  ["INIT_WORK_DEFERRABLE", "3.7", "INIT_DEFERRABLE_WORK()"],
  ["MODULE_SUPPORTED_DEVICE", "5.12", "nothing"],
  ["PDE_DATA", "5.17", "pde_data()"],
  ["SA_SHIRQ", "2.6.24", "IRQF_SHARED"],
  ["VERIFY_READ", "5.0", "access_ok(address, size)"],
  ["VERIFY_WRITE", "5.0", "access_ok(address, size)"],
  ["VFL_TYPE_GRABBER", "5.7", "VFL_TYPE_VIDEO"],
  ["alloc_disk", "5.15", "blk_alloc_disk()"],
  ["alloc_tty_driver", "5.15", "tty_alloc_driver()"],
  ["blk_init_queue", "5.0", "blk_mq_init_queue(), blk_mq_alloc_disk()"],
  ["blk_queue_make_request", "5.9", "the member submit_bio of struct block_device_operations"],
  ["complete_and_exit", "5.17", "kthread_complete_and_exit()"],
  ["create_proc_entry", "3.10", "proc_create()"],
  ["create_proc_read_entry", "3.10", "proc_create()"],
  ["current_kernel_time", "4.20", "ktime_get_coarse_real_ts64()"],
  ["daemonize", "3.8", "kthread_run()"],
  ["devm_ioremap_nocache", "5.6", "devm_ioremap()"],
  ["dma_zalloc_coherent", "5.0", "dma_alloc_coherent(), which zeroes"],
  ["do_gettimeofday", "5.0", "ktime_get_real_ts64()"],
  ["follow_pfn", "6.12", "follow_pfnmap_start()"],
  ["get_ds", "5.1", "nothing: copy through kernel_read() and its like"],
  ["get_fs", "5.18", "nothing: copy through kernel_read() and its like"],
  ["get_monotonic_boottime", "5.0", "ktime_get_boottime_ts64()"],
  ["get_seconds", "5.1", "ktime_get_real_seconds()"],
  ["getnstimeofday", "5.6", "ktime_get_real_ts64()"],
  ["getrawmonotonic", "5.0", "ktime_get_raw_ts64()"],
  ["hrtimer_init", "6.15", "hrtimer_setup()"],
  ["i2c_new_device", "5.8", "i2c_new_client_device()"],
  ["init_MUTEX", "2.6.37", "sema_init(semaphore, 1)"],
  ["init_timer", "4.15", "timer_setup()"],
  ["interruptible_sleep_on", "3.15", "wait_event_interruptible()"],
  ["ktime_get_ts", "5.6", "ktime_get_ts64()"],
  ["kzfree", "5.9", "kfree_sensitive()"],
  ["lock_kernel", "2.6.39", "a lock of the driver's own"],
  ["mm_segment_t", "5.18", "nothing"],
  ["netif_rx_ni", "5.18", "netif_rx()"],
  ["pci_alloc_msi", "4.8", "pci_alloc_irq_vectors()"],
  ["pci_cleanup_aer_uncorrect_error_status", "5.7", "pci_aer_clear_nonfatal_status()"],
  ["pci_disable_pcie_error_reporting", "6.6", "nothing: the core does it"],
  ["pci_enable_msi_block", "3.16", "pci_alloc_irq_vectors()"],
  ["pci_enable_msi_exact", "4.10", "pci_alloc_irq_vectors()"],
  ["pci_enable_msi_range", "4.10", "pci_alloc_irq_vectors()"],
  ["pci_enable_msix", "3.14", "pci_enable_msix_exact(), pci_alloc_irq_vectors()"],
  ["pci_enable_pcie_error_reporting", "6.6", "nothing: the core does it"],
  ["pci_find_device", "2.6.34", "pci_get_device()"],
  ["pci_get_bus_and_slot", "4.17", "pci_get_domain_bus_and_slot()"],
  ["pci_module_init", "2.6.22", "pci_register_driver()"],
  ["prandom_bytes", "6.1", "get_random_bytes()"],
  ["prandom_u32", "6.1", "get_random_u32()"],
  ["put_tty_driver", "5.15", "tty_driver_kref_put()"],
  ["register_sysctl_table", "6.6", "register_sysctl()"],
  ["set_fs", "5.18", "nothing: copy through kernel_read() and its like"],
  ["setup_timer", "4.15", "timer_setup()"],
  ["skb_frag_page_offset", "5.4", "skb_frag_off()"],
  ["sleep_on", "3.15", "wait_event()"],
  ["smp_mb__after_clear_bit", "3.16", "smp_mb__after_atomic()"],
  ["smp_mb__before_clear_bit", "3.16", "smp_mb__before_atomic()"],
  ["snd_card_create", "3.15", "snd_card_new()"],
  ["unlock_kernel", "2.6.39", "a lock of the driver's own"],
  ["wait_queue_t", "4.13", "wait_queue_entry_t"],
  ["struct timespec", "5.6", "struct timespec64"],
  ["struct timeval", "5.6", "struct timespec64"],
];

/** Members, by structure. */
const MEMBERS: readonly Change[] = [
  ["block_device_operations.revalidate_disk", "5.13", "set_capacity_and_notify()"],
  ["ethtool_ops.get_settings", "4.20", "get_link_ksettings"],
  ["ethtool_ops.set_settings", "4.20", "set_link_ksettings"],
  ["file.f_dentry", "3.19", "file_inode(), file_dentry()"],
  ["file_operations.ioctl", "2.6.36", "unlocked_ioctl"],
  ["mm_struct.mmap_sem", "5.8", "mmap_lock, or mmap_read_lock() and its like"],
  ...["masked", "mask_base", "msi_attrib", "list"].map((member) =>
    [`msi_desc.${member}`, "5.17", "pci_msi_mask_irq(), pci_irq_vector()"] as const
  ),
  ["device.msi_list", "5.17", "pci_irq_vector()"],
  ["net_device.last_rx", "4.11", "nothing: the core counts"],
  ["net_device.trans_start", "4.7", "netif_trans_update()"],
  ["net_device_ops.ndo_change_mtu_rh74", "4.10", "ndo_change_mtu"],
  ["class.owner", "6.4", "nothing"],
  ["ctl_table.child", "6.6", "one table for each folder, by register_sysctl()"],
  ["scsi_cmnd.SCp", "5.18", "scsi_cmd_priv()"],
  ["scsi_cmnd.scsi_done", "5.16", "scsi_done()"],
  ["task_struct.state", "5.14", "__state, set by set_current_state()"],
  ["timer_list.data", "4.15", "from_timer() of the timer that the function gets"],
];

/** Functions and members with other arguments or types. */
const ARGUMENTS: readonly Change[] = [
  ["access_ok", "5.0", "two arguments: the kind of the access is gone"],
  ["DEFINE_SEMAPHORE", "6.4", "two arguments: the count is the second one"],
  ["__vmalloc", "5.8", "two arguments: the protection is gone"],
  ["class_create", "6.4", "one argument: the module is gone"],
  ["eventfd_signal", "6.8", "one argument: the count is gone"],
  ["get_user_pages", "6.5", "four arguments: the list of areas is gone"],
  ["get_user_pages_remote", "6.5", "six arguments: the list of areas is gone"],
  ["alloc_netdev", "3.17", "four arguments: the third one tells where the name comes from"],
  ["kmap_atomic", "3.4", "one argument: the kind is gone"],
  ["kunmap_atomic", "3.4", "one argument: the kind is gone"],
  ...["seq_printf", "seq_puts", "seq_putc", "misc_deregister"].map((name) =>
    [name, "4.3", "it returns nothing"] as const
  ),
  ...["pci_restore_state", "unregister_chrdev", "tty_unregister_driver"].map((name) =>
    [name, "", "it returns nothing"] as const
  ),
  ...["u8", "u16", "u32", "u64", "x8", "x16", "x32", "x64", "size_t", "atomic_t", "bool"].map((
    type,
  ) => [`debugfs_create_${type}`, "", "it returns nothing"] as const),
  ["kernel_read", "4.14", "the position is the last argument, a pointer"],
  ["kernel_write", "4.14", "the position is the last argument, a pointer"],
  ["iommu_map", "6.3", "a further argument: the flags of allocations"],
  ["tty_flip_buffer_push", "3.9", "the argument is a port"],
  ["tty_insert_flip_char", "3.9", "the argument is a port"],
  ["tty_insert_flip_string", "3.9", "the argument is a port"],
  ["pin_user_pages_remote", "6.5", "six arguments: the list of areas is gone"],
  ["netif_napi_add", "6.1", "three arguments: the weight is gone, or netif_napi_add_weight()"],
  ["pin_user_pages", "6.5", "four arguments: the list of areas is gone"],
  ["proc_create", "5.6", "struct proc_ops instead of struct file_operations"],
  ["proc_create_data", "5.6", "struct proc_ops instead of struct file_operations"],
  ["devnode", "6.2", "a constant device"],
  ["dtr_rts", "6.6", "the second argument is a bool"],
  ["ndo_tx_timeout", "5.6", "a second argument: the queue"],
  ["get_coalesce", "5.15", "four arguments"],
  ["set_coalesce", "5.15", "four arguments"],
  ["get_ringparam", "5.17", "four arguments"],
  ["set_ringparam", "5.17", "four arguments"],
];

const OF_HEADER: ReadonlyMap<string, Change> = mapOf(HEADERS);
const OF_REPLACED: ReadonlyMap<string, Change> = mapOf(REPLACED_HEADERS);
const OF_NAME: ReadonlyMap<string, Change> = mapOf(NAMES);
const OF_ARGUMENTS: ReadonlyMap<string, Change> = mapOf(ARGUMENTS);
const OF_MEMBER: ReadonlyMap<string, Change> = mapOf(MEMBERS);

/** The compiler's errors about a name, a type, a member and arguments. */
const ERRORS: readonly (readonly [
  pattern: RegExp,
  find: (found: RegExpExecArray) => Change | undefined,
])[] = [
  [
    /(?:undeclared function|undeclared identifier|unknown type name) '(\w+)'/,
    ([, name]) => OF_NAME.get(name!) ?? OF_ARGUMENTS.get(name!),
  ],
  [/causes a section type conflict with/, () => OF_NAME.get("__initdata")],
  [
    /incomplete type '(struct \w+)'|has incomplete type '(struct \w+)'/,
    ([, name, other]) => OF_NAME.get((name ?? other)!),
  ],
  [
    /(?:no member named|field designator) '(\w+)' (?:in|does not refer to any field in type) '[^']*?(?:struct (\w+))?'(?: \(aka '(?:const )?struct (\w+)'\))?/,
    ([, member, struct, aka]) => OF_MEMBER.get(`${aka ?? struct}.${member}`),
  ],
];

function mapOf(rows: readonly Change[]): ReadonlyMap<string, Change> {
  return new Map(rows.map((row) => [row[0], row]));
}

function textOf(change: Change | undefined, release: string): string | null {
  if (change === undefined) return null;
  const [, since, instead] = change;
  if (since === "") return `${release} has instead: ${instead}`;
  return compareReleases(since, release) > 0 ? null : `since ${since}: ${instead}`;
}

/** A hint about a header that a release has removed; null if none is known. @param release "6.12" */
export function headerHint(header: string, release: string): string | null {
  const text = textOf(OF_HEADER.get(header), release);
  return text === null ? null : `the kernel has removed it; ${text}`;
}

/** A hint about a compile error: what took the place of a name; null if none is known. */
export function changeHint(message: string, release: string): string | null {
  for (const [pattern, find] of ERRORS) {
    const found = pattern.exec(message);
    if (found !== null) return textOf(find(found), release);
  }
  return null;
}

/** What took the place of a name of C; null if no row has it. */
export function changeOf(name: string, release: string): string | null {
  return textOf(OF_NAME.get(name) ?? OF_ARGUMENTS.get(name), release);
}

/** A name that `compat.h` replaced in a driver, with its first line. */
export interface ReplacedName {
  readonly name: string;
  readonly hint: string;
  readonly path: string;
  readonly index: number;
}

/** Members that may still be read: only a write has to be changed. */
const WRITTEN: ReadonlySet<string> = new Set(["vm_flags"]);

/** Whether a value that ends at an index is assigned to. */
function isWritten(text: string, end: number): boolean {
  return /^\s{0,20}(?:[|&^+-]?=(?!=)|<<=|>>=)/.test(text.slice(end, end + 30));
}

/** Names that `compat.h` only defines for itself. */
const HELPER = /^DMALAB_/i;
const COMPAT_MACRO = /^#define (\w+)/gm;

/** The names that `compat.h` replaces with the headers of a release. @param compat Its active text. */
export function replaceableNames(compat: string): readonly string[] {
  return [
    ...new Set([...compat.matchAll(COMPAT_MACRO)].map(([, name]) => name!)),
  ].filter((name) => !HELPER.test(name));
}

/**
 * The names of a driver that `compat.h` replaced: with this release the driver does not build without a change.
 *
 * @param texts The driver's own texts, by their paths, without the lines that the preprocessor drops.
 */
export function replacedIn(
  texts: Iterable<readonly [path: string, text: string]>,
  compat: string,
  release: string,
): readonly ReplacedName[] {
  const wanted = new Set(replaceableNames(compat));
  const own = new Set<string>();
  const found = new Map<string, ReplacedName>();
  for (const [path, text] of texts) {
    for (const { 1: name, index } of text.matchAll(/^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)/gm)) {
      const part = OF_X86.get(name!);
      const hint = part === undefined
        ? textOf(OF_REPLACED.get(name!), release)
        : `x86 alone has it; here: ${part}`;
      if (hint !== null && !found.has(name!)) found.set(name!, { name: name!, hint, path, index });
    }
    for (const [, name] of text.matchAll(/^[ \t]*#[ \t]*define[ \t]+(\w+)/gm)) own.add(name!);
    for (const name of ownFunctions(text)) own.add(name);
    for (const { 0: name, index } of text.matchAll(/\b[A-Za-z_]\w+/g)) {
      if (!wanted.has(name) || found.has(name)) continue;
      if (WRITTEN.has(name) && !isWritten(text, index + name.length)) continue;
      // A function with other arguments is replaced only where it has the older ones.
      const hint = OF_ARGUMENTS.has(name) ? null : changeOf(name, release);
      if (hint !== null) found.set(name, { name, hint, path, index });
    }
  }
  return [...found.values()].filter(({ name }) => !own.has(name));
}

/** A hint about a line with a compile error: a function or a member of it has other arguments. */
export function lineHint(line: string, release: string): string | null {
  for (const [, call, member] of line.matchAll(/\b(\w+)\s*\(|\.\s*(\w+)\s*=/g)) {
    const hint = textOf(OF_ARGUMENTS.get((call ?? member)!), release);
    if (hint !== null) return hint;
  }
  return null;
}

/** Compares releases by their numbers. */
function compareReleases(one: string, other: string): number {
  const [left, right] = [one.split("."), other.split(".")];
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = Number(left[at] ?? 0) - Number(right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
