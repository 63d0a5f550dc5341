/*
 * Names of older releases, each only for a source that does not compile without it: DMALAB_OLD_<name> is defined
 * for such a source. The report of `dmalab init --driver` lists them.
 */
#ifndef DMALAB_TREE_OLDER_H
#define DMALAB_TREE_OLDER_H

/* Of these only headers that the source includes: a macro below may have the name of their function. */
#include <linux/debugfs.h>
#include <linux/dmapool.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/i2c.h>
#include <linux/idr.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/pci.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/timer.h>
#include <linux/tty.h>
#include <linux/vmalloc.h>

#ifdef DMALAB_OLD_PCI_IRQ_LEGACY
#define PCI_IRQ_LEGACY PCI_IRQ_INTX
#endif
#ifdef DMALAB_OLD_pci_enable_msix
#define pci_enable_msix(pdev, entries, count) ({ \
	int dmalab_has = pci_msix_vec_count(pdev); \
	dmalab_has > 0 && (count) > dmalab_has \
		? dmalab_has \
		: pci_enable_msix_exact(pdev, entries, count); \
})
#endif
#ifdef DMALAB_OLD_pci_enable_msi_range
#define pci_enable_msi_range(pdev, least, most) pci_alloc_irq_vectors(pdev, least, most, PCI_IRQ_MSI)
#endif
#ifdef DMALAB_OLD_pci_enable_msi_exact
#define pci_enable_msi_exact(pdev, count) ({ \
	int dmalab_got = pci_alloc_irq_vectors(pdev, count, count, PCI_IRQ_MSI); \
	dmalab_got < 0 ? dmalab_got : 0; \
})
#endif
#ifdef DMALAB_OLD_pci_get_bus_and_slot
#define pci_get_bus_and_slot(bus, devfn) pci_get_domain_bus_and_slot(0, bus, devfn)
#endif
#ifdef DMALAB_OLD_pci_pool_create
#define pci_pool_create(name, pdev, size, align, boundary) \
	((void *)dma_pool_create(name, &(pdev)->dev, size, align, boundary))
#endif
#ifdef DMALAB_OLD_pci_pool_destroy
#define pci_pool_destroy(pool) dma_pool_destroy((struct dma_pool *)(pool))
#endif
#ifdef DMALAB_OLD_pci_pool_alloc
#define pci_pool_alloc(pool, gfp, handle) dma_pool_alloc((struct dma_pool *)(pool), gfp, handle)
#endif
#ifdef DMALAB_OLD_pci_pool_zalloc
#define pci_pool_zalloc(pool, gfp, handle) dma_pool_zalloc((struct dma_pool *)(pool), gfp, handle)
#endif
#ifdef DMALAB_OLD_pci_pool_free
#define pci_pool_free(pool, cpu, dma) dma_pool_free((struct dma_pool *)(pool), cpu, dma)
#endif
#ifdef DMALAB_OLD_pci_dma_supported
#define pci_dma_supported(pdev, mask) dma_supported(&(pdev)->dev, mask)
#endif
#ifdef DMALAB_OLD_PCI_DMA_BUS_IS_PHYS
#define PCI_DMA_BUS_IS_PHYS 1
#endif
#ifdef DMALAB_OLD_DMA_24BIT_MASK
#define DMA_24BIT_MASK DMA_BIT_MASK(24)
#endif
#ifdef DMALAB_OLD_DMA_28BIT_MASK
#define DMA_28BIT_MASK DMA_BIT_MASK(28)
#endif
#ifdef DMALAB_OLD_DMA_30BIT_MASK
#define DMA_30BIT_MASK DMA_BIT_MASK(30)
#endif
#ifdef DMALAB_OLD_DMA_31BIT_MASK
#define DMA_31BIT_MASK DMA_BIT_MASK(31)
#endif
#ifdef DMALAB_OLD_DMA_35BIT_MASK
#define DMA_35BIT_MASK DMA_BIT_MASK(35)
#endif
#ifdef DMALAB_OLD_DMA_36BIT_MASK
#define DMA_36BIT_MASK DMA_BIT_MASK(36)
#endif
#ifdef DMALAB_OLD_DMA_39BIT_MASK
#define DMA_39BIT_MASK DMA_BIT_MASK(39)
#endif
#ifdef DMALAB_OLD_DMA_40BIT_MASK
#define DMA_40BIT_MASK DMA_BIT_MASK(40)
#endif
#ifdef DMALAB_OLD_DMA_44BIT_MASK
#define DMA_44BIT_MASK DMA_BIT_MASK(44)
#endif
#ifdef DMALAB_OLD_DMA_48BIT_MASK
#define DMA_48BIT_MASK DMA_BIT_MASK(48)
#endif
#ifdef DMALAB_OLD_DECLARE_PCI_UNMAP_ADDR
#define DECLARE_PCI_UNMAP_ADDR(name) DEFINE_DMA_UNMAP_ADDR(name);
#endif
#ifdef DMALAB_OLD_DECLARE_PCI_UNMAP_LEN
#define DECLARE_PCI_UNMAP_LEN(name) DEFINE_DMA_UNMAP_LEN(name);
#endif
#ifdef DMALAB_OLD_pci_unmap_addr
#define pci_unmap_addr(of, name) dma_unmap_addr(of, name)
#endif
#ifdef DMALAB_OLD_pci_unmap_addr_set
#define pci_unmap_addr_set(of, name, value) dma_unmap_addr_set(of, name, value)
#endif
#ifdef DMALAB_OLD_pci_unmap_len
#define pci_unmap_len(of, name) dma_unmap_len(of, name)
#endif
#ifdef DMALAB_OLD_pci_unmap_len_set
#define pci_unmap_len_set(of, name, value) dma_unmap_len_set(of, name, value)
#endif
#ifdef DMALAB_OLD_pci_restore_state
#define pci_restore_state(pdev) ((pci_restore_state)(pdev), 0)
#endif
#ifdef DMALAB_OLD_misc_deregister
#define misc_deregister(device) ((misc_deregister)(device), 0)
#endif
#ifdef DMALAB_OLD_unregister_chrdev
#define unregister_chrdev(major, name) ((unregister_chrdev)(major, name), 0)
#endif
#ifdef DMALAB_OLD_tty_unregister_driver
#define tty_unregister_driver(driver) ((tty_unregister_driver)(driver), 0)
#endif
#ifdef DMALAB_OLD_seq_printf
#define seq_printf(...) ((seq_printf)(__VA_ARGS__), 0)
#endif
#ifdef DMALAB_OLD_seq_puts
#define seq_puts(...) ((seq_puts)(__VA_ARGS__), 0)
#endif
#ifdef DMALAB_OLD_seq_putc
#define seq_putc(...) ((seq_putc)(__VA_ARGS__), 0)
#endif
#ifdef DMALAB_OLD_debugfs_create_u8
#define debugfs_create_u8(name, mode, parent, value) ((debugfs_create_u8)(name, mode, parent, value), (parent))
#endif
#ifdef DMALAB_OLD_debugfs_create_u16
#define debugfs_create_u16(name, mode, parent, value) ((debugfs_create_u16)(name, mode, parent, value), (parent))
#endif
#ifdef DMALAB_OLD_debugfs_create_u32
#define debugfs_create_u32(name, mode, parent, value) ((debugfs_create_u32)(name, mode, parent, value), (parent))
#endif
#ifdef DMALAB_OLD_debugfs_create_u64
#define debugfs_create_u64(name, mode, parent, value) ((debugfs_create_u64)(name, mode, parent, value), (parent))
#endif
#ifdef DMALAB_OLD_debugfs_create_x8
#define debugfs_create_x8(name, mode, parent, value) ((debugfs_create_x8)(name, mode, parent, value), (parent))
#endif
#ifdef DMALAB_OLD_debugfs_create_x16
#define debugfs_create_x16(name, mode, parent, value) ((debugfs_create_x16)(name, mode, parent, value), (parent))
#endif
#ifdef DMALAB_OLD_debugfs_create_x32
#define debugfs_create_x32(name, mode, parent, value) ((debugfs_create_x32)(name, mode, parent, value), (parent))
#endif
#ifdef DMALAB_OLD_debugfs_create_x64
#define debugfs_create_x64(name, mode, parent, value) ((debugfs_create_x64)(name, mode, parent, value), (parent))
#endif
#ifdef DMALAB_OLD_debugfs_create_size_t
#define debugfs_create_size_t(name, mode, parent, value) ((debugfs_create_size_t)(name, mode, parent, value), (parent))
#endif
#ifdef DMALAB_OLD_debugfs_create_atomic_t
#define debugfs_create_atomic_t(name, mode, parent, value) ((debugfs_create_atomic_t)(name, mode, parent, value), (parent))
#endif
#ifdef DMALAB_OLD_debugfs_create_bool
#define debugfs_create_bool(name, mode, parent, value) ((debugfs_create_bool)(name, mode, parent, value), (parent))
#endif
#ifdef DMALAB_OLD_strnicmp
#define strnicmp(one, other, size) strncasecmp(one, other, size)
#endif
#ifdef DMALAB_OLD_strict_strtol
#define strict_strtol(text, base, to) kstrtol(text, base, to)
#endif
#ifdef DMALAB_OLD_strict_strtoul
#define strict_strtoul(text, base, to) kstrtoul(text, base, to)
#endif
#ifdef DMALAB_OLD_strict_strtoll
#define strict_strtoll(text, base, to) kstrtoll(text, base, to)
#endif
#ifdef DMALAB_OLD_strict_strtoull
#define strict_strtoull(text, base, to) kstrtoull(text, base, to)
#endif
#ifdef DMALAB_OLD_PAGE_CACHE_SIZE
#define PAGE_CACHE_SIZE PAGE_SIZE
#endif
#ifdef DMALAB_OLD_PAGE_CACHE_SHIFT
#define PAGE_CACHE_SHIFT PAGE_SHIFT
#endif
#ifdef DMALAB_OLD_PAGE_CACHE_MASK
#define PAGE_CACHE_MASK PAGE_MASK
#endif
#ifdef DMALAB_OLD_page_cache_release
#define page_cache_release(page) put_page(page)
#endif
#ifdef DMALAB_OLD_page_cache_get
#define page_cache_get(page) get_page(page)
#endif
#ifdef DMALAB_OLD___set_page_locked
#define __set_page_locked(page) __SetPageLocked(page)
#endif
#ifdef DMALAB_OLD___clear_page_locked
#define __clear_page_locked(page) __ClearPageLocked(page)
#endif
/* 6.5; before 5.9 the first argument was the process. */
#if defined(DMALAB_OLD_get_user_pages_remote) || defined(DMALAB_OLD_pin_user_pages_remote)
#define DMALAB_REMOTE_6(mm, start, count, flags, pages, locked) \
	(mm, start, count, flags, pages, locked)
#define DMALAB_REMOTE_7(mm, start, count, flags, pages, areas, locked) \
	(mm, start, count, flags, pages, locked)
#define DMALAB_REMOTE_8(task, mm, start, count, flags, pages, areas, locked) \
	(mm, start, count, flags, pages, locked)
#define DMALAB_REMOTE(...) \
	DMALAB_NINTH(__VA_ARGS__, DMALAB_REMOTE_8, DMALAB_REMOTE_7, DMALAB_REMOTE_6, 0, 0, 0, 0, 0, \
		     0)(__VA_ARGS__)
#define get_user_pages_remote(...) (get_user_pages_remote) DMALAB_REMOTE(__VA_ARGS__)
#define pin_user_pages_remote(...) (pin_user_pages_remote) DMALAB_REMOTE(__VA_ARGS__)
#endif
#ifdef DMALAB_OLD_HAVE_UNLOCKED_IOCTL
#define HAVE_UNLOCKED_IOCTL 1
#endif
#ifdef DMALAB_OLD_HAVE_COMPAT_IOCTL
#define HAVE_COMPAT_IOCTL 1
#endif
#ifdef DMALAB_OLD___initdata
#undef __initdata
#define __initdata
#endif
#ifdef DMALAB_OLD_put_user_page
#define put_user_page(page) unpin_user_page(page)
#endif
#ifdef DMALAB_OLD_put_user_pages
#define put_user_pages(pages, count) unpin_user_pages(pages, count)
#endif
#ifdef DMALAB_OLD_put_user_pages_dirty_lock
#define put_user_pages_dirty_lock(pages, count, dirty) unpin_user_pages_dirty_lock(pages, count, dirty)
#endif
#ifdef DMALAB_OLD_set_task_state
#define set_task_state(task, value) smp_store_mb((task)->__state, (value))
#endif
#ifdef DMALAB_OLD___set_task_state
#define __set_task_state(task, value) WRITE_ONCE((task)->__state, (value))
#endif
#ifdef DMALAB_OLD_f_dentry
#define f_dentry f_path.dentry
#endif
#ifdef DMALAB_OLD_f_vfsmnt
#define f_vfsmnt f_path.mnt
#endif
#ifdef DMALAB_OLD_random_ether_addr
#define random_ether_addr(address) eth_random_addr(address)
#endif
#ifdef DMALAB_OLD_compare_ether_addr
#define compare_ether_addr(one, other) (!ether_addr_equal(one, other))
#endif
#ifdef DMALAB_OLD_vlan_tx_tag_present
#define vlan_tx_tag_present(skb) skb_vlan_tag_present(skb)
#endif
#ifdef DMALAB_OLD_vlan_tx_tag_get
#define vlan_tx_tag_get(skb) skb_vlan_tag_get(skb)
#endif
#ifdef DMALAB_OLD_NETIF_F_HW_VLAN_TX
#define NETIF_F_HW_VLAN_TX NETIF_F_HW_VLAN_CTAG_TX
#endif
#ifdef DMALAB_OLD_NETIF_F_HW_VLAN_RX
#define NETIF_F_HW_VLAN_RX NETIF_F_HW_VLAN_CTAG_RX
#endif
#ifdef DMALAB_OLD_NETIF_F_HW_VLAN_FILTER
#define NETIF_F_HW_VLAN_FILTER NETIF_F_HW_VLAN_CTAG_FILTER
#endif
#ifdef DMALAB_OLD_netif_tx_napi_add
#define netif_tx_napi_add(dev, napi, poll, weight) netif_napi_add_tx_weight(dev, napi, poll, weight)
#endif
#ifdef DMALAB_OLD_u64_stats_fetch_begin_irq
#define u64_stats_fetch_begin_irq(sync) u64_stats_fetch_begin(sync)
#endif
#ifdef DMALAB_OLD_u64_stats_fetch_retry_irq
#define u64_stats_fetch_retry_irq(sync, start) u64_stats_fetch_retry(sync, start)
#endif
#ifdef DMALAB_OLD_alloc_netdev
#undef alloc_netdev
#define DMALAB_NETDEV_3(size, name, setup) alloc_netdev_mqs(size, name, NET_NAME_UNKNOWN, setup, 1, 1)
#define DMALAB_NETDEV_4(size, name, type, setup) alloc_netdev_mqs(size, name, type, setup, 1, 1)
#define alloc_netdev(...) \
	DMALAB_FIFTH(__VA_ARGS__, DMALAB_NETDEV_4, DMALAB_NETDEV_3, 0, 0)(__VA_ARGS__)
#endif
#ifdef DMALAB_OLD_trans_start
#define trans_start _tx[0].trans_start
#endif
#ifdef DMALAB_OLD_last_rx
static unsigned long dmalab_last_rx;
#define last_rx ifindex, dmalab_last_rx
#endif
#ifdef DMALAB_OLD_get_random_int
#define get_random_int() get_random_u32()
#endif
#ifdef DMALAB_OLD_random32
#define random32() get_random_u32()
#endif
#ifdef DMALAB_OLD_prandom_u32_max
#define prandom_u32_max(end) get_random_u32_below(end)
#endif
#ifdef DMALAB_OLD_use_mm
#define use_mm(mm) kthread_use_mm(mm)
#endif
#ifdef DMALAB_OLD_unuse_mm
#define unuse_mm(mm) kthread_unuse_mm(mm)
#endif
#ifdef DMALAB_OLD_get_online_cpus
#define get_online_cpus() cpus_read_lock()
#endif
#ifdef DMALAB_OLD_put_online_cpus
#define put_online_cpus() cpus_read_unlock()
#endif
#ifdef DMALAB_OLD_virt_to_bus
#define virt_to_bus(at) ((unsigned long)virt_to_phys((void *)(at)))
#endif
#ifdef DMALAB_OLD_bus_to_virt
#define bus_to_virt(bus) phys_to_virt(bus)
#endif
#ifdef DMALAB_OLD_init_MUTEX_LOCKED
#define init_MUTEX_LOCKED(semaphore) sema_init(semaphore, 0)
#endif
#ifdef DMALAB_OLD_SPIN_LOCK_UNLOCKED
#define SPIN_LOCK_UNLOCKED __SPIN_LOCK_UNLOCKED(dmalab_lock)
#endif
#ifdef DMALAB_OLD_RW_LOCK_UNLOCKED
#define RW_LOCK_UNLOCKED __RW_LOCK_UNLOCKED(dmalab_lock)
#endif
#ifdef DMALAB_OLD_pr_warning
#define pr_warning(...) pr_warn(__VA_ARGS__)
#endif
#ifdef DMALAB_OLD_DMA_SUCCESS
#define DMA_SUCCESS DMA_COMPLETE
#endif
#ifdef DMALAB_OLD_skb_frag_struct
#define skb_frag_struct skb_frag
#endif
#ifdef DMALAB_OLD_kmap_atomic
#define kmap_atomic(page, ...) (kmap_atomic)(page)
#endif
#ifdef DMALAB_OLD_kunmap_atomic
#undef kunmap_atomic
#define kunmap_atomic(at, ...) __kunmap_atomic(at)
#endif
#ifdef DMALAB_OLD_KM_USER0
#define KM_USER0 0
#endif
#ifdef DMALAB_OLD_KM_USER1
#define KM_USER1 1
#endif
#ifdef DMALAB_OLD_KM_IRQ0
#define KM_IRQ0 2
#endif
#ifdef DMALAB_OLD_KM_IRQ1
#define KM_IRQ1 3
#endif
#ifdef DMALAB_OLD_KM_SOFTIRQ0
#define KM_SOFTIRQ0 4
#endif
#ifdef DMALAB_OLD_KM_SOFTIRQ1
#define KM_SOFTIRQ1 5
#endif
#ifdef DMALAB_OLD_rtc_time_to_tm
#define rtc_time_to_tm(seconds, to) rtc_time64_to_tm(seconds, to)
#endif
#ifdef DMALAB_OLD_time_to_tm
#define time_to_tm(seconds, offset, to) time64_to_tm(seconds, offset, to)
#endif
#ifdef DMALAB_OLD_getnstimeofday64
#define getnstimeofday64(to) ktime_get_real_ts64(to)
#endif
#ifdef DMALAB_OLD_current_kernel_time64
#define current_kernel_time64() ({ \
	struct timespec64 dmalab_now; \
	ktime_get_coarse_real_ts64(&dmalab_now); \
	dmalab_now; \
})
#endif
#ifdef DMALAB_OLD_timespec_to_ns
#define timespec_to_ns(time) ((s64)(time)->tv_sec * NSEC_PER_SEC + (time)->tv_nsec)
#endif
#ifdef DMALAB_OLD_timeval_to_ns
#define timeval_to_ns(time) ((s64)(time)->tv_sec * NSEC_PER_SEC + (time)->tv_usec * NSEC_PER_USEC)
#endif
#ifdef DMALAB_OLD_ktime_to_timespec
#define ktime_to_timespec(time) ({ \
	struct timespec64 dmalab_time = ktime_to_timespec64(time); \
	(struct timespec){ dmalab_time.tv_sec, dmalab_time.tv_nsec }; \
})
#endif
#ifdef DMALAB_OLD_ktime_to_timeval
#define ktime_to_timeval(time) ({ \
	struct timespec64 dmalab_time = ktime_to_timespec64(time); \
	(struct timeval){ dmalab_time.tv_sec, dmalab_time.tv_nsec / NSEC_PER_USEC }; \
})
#endif
#ifdef DMALAB_OLD_timespec_sub
#define timespec_sub(one, other) ({ \
	struct timespec dmalab_one = (one), dmalab_other = (other); \
	s64 dmalab_ns = ((s64)dmalab_one.tv_sec - dmalab_other.tv_sec) * NSEC_PER_SEC + \
			dmalab_one.tv_nsec - dmalab_other.tv_nsec; \
	struct timespec64 dmalab_time = ns_to_timespec64(dmalab_ns); \
	(struct timespec){ dmalab_time.tv_sec, dmalab_time.tv_nsec }; \
})
#endif
#ifdef DMALAB_OLD_vm_insert_pfn
#define vm_insert_pfn(vma, at, pfn) (vmf_insert_pfn(vma, at, pfn) == VM_FAULT_NOPAGE ? 0 : -EFAULT)
#endif
#ifdef DMALAB_OLD_i2c_new_dummy
#define i2c_new_dummy(adapter, address) ({ \
	struct i2c_client *dmalab_client = i2c_new_dummy_device(adapter, address); \
	IS_ERR(dmalab_client) ? NULL : dmalab_client; \
})
#endif
#ifdef DMALAB_OLD_i2c_new_device
#define i2c_new_device(adapter, info) ({ \
	struct i2c_client *dmalab_client = i2c_new_client_device(adapter, info); \
	IS_ERR(dmalab_client) ? NULL : dmalab_client; \
})
#endif
#ifdef DMALAB_OLD_alloc_tty_driver
#define alloc_tty_driver(lines) ({ \
	struct tty_driver *dmalab_driver = tty_alloc_driver(lines, 0); \
	IS_ERR(dmalab_driver) ? NULL : dmalab_driver; \
})
#endif
#ifdef DMALAB_OLD_put_tty_driver
#define put_tty_driver(driver) tty_driver_kref_put(driver)
#endif
#ifdef DMALAB_OLD_devm_request_and_ioremap
#define devm_request_and_ioremap(dev, resource) ({ \
	void __iomem *dmalab_at = devm_ioremap_resource(dev, resource); \
	IS_ERR(dmalab_at) ? NULL : dmalab_at; \
})
#endif
#ifdef DMALAB_OLD_ida_simple_get
#define ida_simple_get(ida, start, end, gfp) ida_alloc_range(ida, start, (end) ? (end) - 1 : ~0u, gfp)
#endif
#ifdef DMALAB_OLD_ida_simple_remove
#define ida_simple_remove(ida, id) ida_free(ida, id)
#endif
#if defined(DMALAB_OLD_proc_create) || defined(DMALAB_OLD_proc_create_data)
#define DMALAB_PROC_OPS(ops) _Generic((ops), \
	struct file_operations *: dmalab_proc_ops((const void *)(ops), &dmalab_made), \
	const struct file_operations *: dmalab_proc_ops((const void *)(ops), &dmalab_made), \
	default: (const struct proc_ops *)(const void *)(ops))
static inline const struct proc_ops *
dmalab_proc_ops(const struct file_operations *from, struct proc_ops *to)
{
	to->proc_open = from->open;
	to->proc_read = from->read;
	to->proc_read_iter = from->read_iter;
	to->proc_write = from->write;
	to->proc_lseek = from->llseek;
	to->proc_release = from->release;
	to->proc_poll = from->poll;
	to->proc_ioctl = from->unlocked_ioctl;
	to->proc_mmap = from->mmap;
	return to;
}
#define proc_create(name, mode, parent, ops) ({ \
	static struct proc_ops dmalab_made; \
	(proc_create)(name, mode, parent, DMALAB_PROC_OPS(ops)); \
})
#define proc_create_data(name, mode, parent, ops, data) ({ \
	static struct proc_ops dmalab_made; \
	(proc_create_data)(name, mode, parent, DMALAB_PROC_OPS(ops), data); \
})
#endif
#ifdef DMALAB_OLD_setup_timer
/* Functions with a number, by their timers: a source may have this many timers at a time. */
#define DMALAB_TIMERS 256
static struct {
	struct timer_list *timer;
	void (*function)(unsigned long);
	unsigned long data;
} dmalab_timers[DMALAB_TIMERS];
static inline void dmalab_timer_ends(struct timer_list *timer)
{
	int at;

	for (at = 0; at < DMALAB_TIMERS; at++) {
		if (dmalab_timers[at].timer == timer) {
			dmalab_timers[at].function(dmalab_timers[at].data);
			return;
		}
	}
}
#define setup_timer(of, run, number) ({ \
	struct timer_list *dmalab_timer = (of); \
	int dmalab_at = 0; \
	while (dmalab_at < DMALAB_TIMERS - 1 && dmalab_timers[dmalab_at].timer && \
	       dmalab_timers[dmalab_at].timer != dmalab_timer) \
		dmalab_at++; \
	BUG_ON(dmalab_timers[dmalab_at].timer && dmalab_timers[dmalab_at].timer != dmalab_timer); \
	dmalab_timers[dmalab_at].timer = dmalab_timer; \
	dmalab_timers[dmalab_at].function = (run); \
	dmalab_timers[dmalab_at].data = (unsigned long)(number); \
	timer_setup(dmalab_timer, dmalab_timer_ends, 0); \
})
#endif
#ifdef DMALAB_OLD___get_cpu_var
#define __get_cpu_var(name) (*this_cpu_ptr(&(name)))
#endif
#ifdef DMALAB_OLD_smp_mb__before_atomic_inc
#define smp_mb__before_atomic_inc() smp_mb__before_atomic()
#endif
#ifdef DMALAB_OLD_smp_mb__after_atomic_inc
#define smp_mb__after_atomic_inc() smp_mb__after_atomic()
#endif
#ifdef DMALAB_OLD_smp_mb__before_atomic_dec
#define smp_mb__before_atomic_dec() smp_mb__before_atomic()
#endif
#ifdef DMALAB_OLD_smp_mb__after_atomic_dec
#define smp_mb__after_atomic_dec() smp_mb__after_atomic()
#endif
#ifdef DMALAB_OLD_set_cpus_allowed
#define set_cpus_allowed(task, mask) ({ \
	cpumask_t dmalab_mask = (mask); \
	set_cpus_allowed_ptr(task, &dmalab_mask); \
})
#endif
#ifdef DMALAB_OLD_synchronize_sched
#define synchronize_sched() synchronize_rcu()
#endif
#ifdef DMALAB_OLD___vmalloc
#undef __vmalloc
#define DMALAB_VMALLOC(size, gfp, ...) __vmalloc_noprof(size, gfp)
#define __vmalloc(...) DMALAB_VMALLOC(__VA_ARGS__)
#endif

#endif
