/* Names that older releases had, for modules out of a tree that use them: each is what the release has instead. */
#ifndef DMALAB_TREE_COMPAT_H
#define DMALAB_TREE_COMPAT_H

#include <linux/circ_buf.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/semaphore.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/vmalloc.h>

#ifndef __devinit
#define __devinit
#define __devinitdata
#define __devinitconst
#define __devexit
#define __devexit_p(function) (function)
#endif
#ifndef DEFINE_PCI_DEVICE_TABLE
#define DEFINE_PCI_DEVICE_TABLE(name) const struct pci_device_id name[]
#endif
#ifndef IRQF_DISABLED
#define IRQF_DISABLED 0
#endif
#ifndef IRQF_SAMPLE_RANDOM
#define IRQF_SAMPLE_RANDOM 0
#endif
#ifndef VM_RESERVED
#define VM_RESERVED (VM_DONTEXPAND | VM_DONTDUMP)
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define no_llseek NULL
#endif
#ifndef ioremap_nocache
#define ioremap_nocache(phys, size) ioremap(phys, size)
#endif
/* PCI's own names of the mapping functions; 5.18 took them away. */
#define pci_alloc_consistent(pdev, size, handle) \
	dma_alloc_coherent(&(pdev)->dev, size, handle, GFP_ATOMIC)
#define pci_zalloc_consistent(pdev, size, handle) \
	dma_alloc_coherent(&(pdev)->dev, size, handle, GFP_ATOMIC)
#define pci_free_consistent(pdev, size, cpu, handle) dma_free_coherent(&(pdev)->dev, size, cpu, handle)
#define pci_map_single(pdev, cpu, size, dir) \
	dma_map_single(&(pdev)->dev, cpu, size, (enum dma_data_direction)(dir))
#define pci_unmap_single(pdev, dma, size, dir) \
	dma_unmap_single(&(pdev)->dev, dma, size, (enum dma_data_direction)(dir))
#define pci_map_page(pdev, page, offset, size, dir) \
	dma_map_page(&(pdev)->dev, page, offset, size, (enum dma_data_direction)(dir))
#define pci_unmap_page(pdev, dma, size, dir) \
	dma_unmap_page(&(pdev)->dev, dma, size, (enum dma_data_direction)(dir))
#define pci_map_sg(pdev, list, count, dir) \
	dma_map_sg(&(pdev)->dev, list, count, (enum dma_data_direction)(dir))
#define pci_unmap_sg(pdev, list, count, dir) \
	dma_unmap_sg(&(pdev)->dev, list, count, (enum dma_data_direction)(dir))
#define pci_dma_sync_single_for_cpu(pdev, dma, size, dir) \
	dma_sync_single_for_cpu(&(pdev)->dev, dma, size, (enum dma_data_direction)(dir))
#define pci_dma_sync_single_for_device(pdev, dma, size, dir) \
	dma_sync_single_for_device(&(pdev)->dev, dma, size, (enum dma_data_direction)(dir))
#define pci_dma_sync_sg_for_cpu(pdev, list, count, dir) \
	dma_sync_sg_for_cpu(&(pdev)->dev, list, count, (enum dma_data_direction)(dir))
#define pci_dma_sync_sg_for_device(pdev, list, count, dir) \
	dma_sync_sg_for_device(&(pdev)->dev, list, count, (enum dma_data_direction)(dir))
#define pci_dma_mapping_error(pdev, dma) dma_mapping_error(&(pdev)->dev, dma)
#define pci_set_dma_mask(pdev, mask) dma_set_mask(&(pdev)->dev, mask)
#define pci_set_consistent_dma_mask(pdev, mask) dma_set_coherent_mask(&(pdev)->dev, mask)
#define pci_set_dma_max_seg_size(pdev, size) dma_set_max_seg_size(&(pdev)->dev, size)
#define pci_set_dma_seg_boundary(pdev, mask) dma_set_seg_boundary(&(pdev)->dev, mask)
/* 6.6 left it to the core. */
#define pci_enable_pcie_error_reporting(pdev) ((void)(pdev), 0)
#define pci_disable_pcie_error_reporting(pdev) ((void)(pdev), 0)
#define pci_cleanup_aer_uncorrect_error_status(pdev) pci_aer_clear_nonfatal_status(pdev)
#ifndef PCI_DMA_TODEVICE
#define PCI_DMA_BIDIRECTIONAL DMA_BIDIRECTIONAL
#define PCI_DMA_TODEVICE DMA_TO_DEVICE
#define PCI_DMA_FROMDEVICE DMA_FROM_DEVICE
#define PCI_DMA_NONE DMA_NONE
#endif
/* 6.4 took the module off. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define DMALAB_SECOND(a, b, ...) b
#define class_create(...) (class_create)(DMALAB_SECOND(__VA_ARGS__, __VA_ARGS__, 0))
#endif
/* 6.3 made them constant; the second name of the same member is not. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define vm_flags __vm_flags
#endif
/* Times of two words: 5.6 took the types away, and the functions before. */
struct timeval {
	long tv_sec;
	long tv_usec;
};
struct timespec {
	long tv_sec;
	long tv_nsec;
};
#define DMALAB_TIME(to, get) ({ \
	struct timespec64 dmalab_now; \
	get(&dmalab_now); \
	(to)->tv_sec = dmalab_now.tv_sec; \
	(to)->tv_nsec = dmalab_now.tv_nsec; \
})
#define do_gettimeofday(to) ({ \
	struct timespec64 dmalab_now; \
	ktime_get_real_ts64(&dmalab_now); \
	(to)->tv_sec = dmalab_now.tv_sec; \
	(to)->tv_usec = dmalab_now.tv_nsec / 1000; \
})
#define getnstimeofday(to) DMALAB_TIME(to, ktime_get_real_ts64)
#define ktime_get_ts(to) DMALAB_TIME(to, ktime_get_ts64)
#define getrawmonotonic(to) DMALAB_TIME(to, ktime_get_raw_ts64)
#define get_seconds() ((unsigned long)ktime_get_real_seconds())
/* 5.10 made it a number. */
enum pci_channel_state {
	DMALAB_CHANNEL_STATE,
};
/* Names with an exact equivalent. */
#define SET_ETHTOOL_OPS(netdev, ops) ((netdev)->ethtool_ops = (ops))
#define UUID_LE(...) GUID_INIT(__VA_ARGS__)
#define uuid_be uuid_t
#define uuid_le guid_t
#define uuid_le_cmp(one, other) memcmp(&(one), &(other), sizeof(guid_t))
#define ACCESS_ONCE(x) (*(volatile typeof(x) *)&(x))
#define INIT_COMPLETION(x) reinit_completion(&(x))
#define MODULE_SUPPORTED_DEVICE(name)
#define PDE_DATA(inode) pde_data(inode)
#define complete_and_exit(done, code) kthread_complete_and_exit(done, code)
#define devm_ioremap_nocache(dev, phys, size) devm_ioremap(dev, phys, size)
#define dma_zalloc_coherent(dev, size, handle, gfp) dma_alloc_coherent(dev, size, handle, gfp)
#define init_MUTEX(semaphore) sema_init(semaphore, 1)
#define DECLARE_MUTEX(name) struct semaphore name = __SEMAPHORE_INITIALIZER(name, 1)
#define mmiowb() ((void)0)
#define kzfree(memory) kfree_sensitive(memory)
#define netif_rx_ni(skb) netif_rx(skb)
#define pci_find_device(vendor, device, from) pci_get_device(vendor, device, from)
#define prandom_bytes(to, size) get_random_bytes(to, size)
#define prandom_u32() get_random_u32()
#define smp_mb__after_clear_bit() smp_mb__after_atomic()
#define smp_mb__before_clear_bit() smp_mb__before_atomic()
#define uninitialized_var(x) x = x
#ifndef VERIFY_READ
#define VERIFY_READ 0
#define VERIFY_WRITE 1
#endif
#ifndef SA_SHIRQ
#define SA_SHIRQ IRQF_SHARED
#define SA_INTERRUPT 0
#endif
#ifndef DMA_32BIT_MASK
#define DMA_32BIT_MASK DMA_BIT_MASK(32)
#define DMA_64BIT_MASK DMA_BIT_MASK(64)
#endif
#ifndef FBINFO_FLAG_DEFAULT
#define FBINFO_FLAG_DEFAULT 0
#endif
#ifndef VFL_TYPE_GRABBER
#define VFL_TYPE_GRABBER VFL_TYPE_VIDEO
#endif
#define mmap_sem mmap_lock
#define wait_queue_t wait_queue_entry_t
/* Arguments that are gone: the older number of them is accepted, too. */
#define DMALAB_FOURTH(a, b, c, d, ...) d
#define DMALAB_FIFTH(a, b, c, d, e, ...) e
/* 5.0 */
#ifdef access_ok
#undef access_ok
#define DMALAB_ACCESS_2(address, size) likely(__access_ok(address, size))
#define DMALAB_ACCESS_3(kind, address, size) likely(__access_ok(address, size))
#define access_ok(...) \
	DMALAB_FOURTH(__VA_ARGS__, DMALAB_ACCESS_3, DMALAB_ACCESS_2, 0)(__VA_ARGS__)
#endif
/* 6.1 */
#define DMALAB_NAPI_3(dev, napi, poll) (netif_napi_add)(dev, napi, poll)
#define DMALAB_NAPI_4(dev, napi, poll, weight) netif_napi_add_weight(dev, napi, poll, weight)
#define netif_napi_add(...) \
	DMALAB_FIFTH(__VA_ARGS__, DMALAB_NAPI_4, DMALAB_NAPI_3, 0, 0)(__VA_ARGS__)
/* 6.5; before 4.9 two arguments had the flags, and before 4.6 the first two the process. */
#define DMALAB_PAGES_4(start, count, flags, pages) (start, count, flags, pages)
#define DMALAB_PAGES_5(start, count, flags, pages, areas) (start, count, flags, pages)
#define DMALAB_PAGES_6(start, count, write, force, pages, areas) \
	(start, count, ((write) ? FOLL_WRITE : 0) | ((force) ? FOLL_FORCE : 0), pages)
#define DMALAB_PAGES_8(task, mm, start, count, write, force, pages, areas) \
	DMALAB_PAGES_6(start, count, write, force, pages, areas)
#define DMALAB_NINTH(a, b, c, d, e, f, g, h, i, ...) i
#define DMALAB_PAGES(...) \
	DMALAB_NINTH(__VA_ARGS__, DMALAB_PAGES_8, 0, DMALAB_PAGES_6, DMALAB_PAGES_5, \
		     DMALAB_PAGES_4, 0, 0, 0)(__VA_ARGS__)
#define get_user_pages(...) (get_user_pages) DMALAB_PAGES(__VA_ARGS__)
#define pin_user_pages(...) (pin_user_pages) DMALAB_PAGES(__VA_ARGS__)
/* 6.4 */
#ifdef DEFINE_SEMAPHORE
#undef DEFINE_SEMAPHORE
#define DMALAB_SEMAPHORE(name, count, ...) \
	struct semaphore name = __SEMAPHORE_INITIALIZER(name, count)
#define DEFINE_SEMAPHORE(...) DMALAB_SEMAPHORE(__VA_ARGS__, 1, 0)
#endif
/* 6.8 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define DMALAB_FIRST(a, ...) a
#define eventfd_signal(...) (eventfd_signal)(DMALAB_FIRST(__VA_ARGS__, 0))
#endif
/* 6.15 took the older names of timers away. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
#define del_timer(timer) timer_delete(timer)
#define del_timer_sync(timer) timer_delete_sync(timer)
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#define from_timer(var, timer, field) container_of(timer, typeof(*(var)), field)
#endif
/* 6.8 took strlcpy() away. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define strlcpy(to, from, size) ((size_t)strscpy(to, from, size))
#endif
/* 6.10 gave serial ports a kfifo: the ring of older drivers stays empty. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define uart_circ_empty(ring) ((ring)->head == (ring)->tail)
#define uart_circ_clear(ring) ((ring)->head = (ring)->tail = 0)
#define uart_circ_chars_pending(ring) (CIRC_CNT((ring)->head, (ring)->tail, PAGE_SIZE))
#define uart_circ_chars_free(ring) (CIRC_SPACE((ring)->head, (ring)->tail, PAGE_SIZE))
#endif

#endif
