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
#define pci_dma_mapping_error(pdev, dma) dma_mapping_error(&(pdev)->dev, dma)
#define pci_set_dma_mask(pdev, mask) dma_set_mask(&(pdev)->dev, mask)
#define pci_set_consistent_dma_mask(pdev, mask) dma_set_coherent_mask(&(pdev)->dev, mask)
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
