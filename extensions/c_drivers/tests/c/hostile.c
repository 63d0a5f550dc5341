#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

/* What a driver may do to its host; a test calls it with every kind. */

static DEFINE_SPINLOCK(lock);
static char area[64];

static int deep(volatile char *outer, int left)
{
	volatile char inner[512];

	inner[left & 511] = outer ? outer[0] : 1;
	return left ? deep(inner, left - 1) + inner[3] : 0;
}

static int fan(int n)
{
	return n < 2 ? n : fan(n - 1) + fan(n - 2);
}

long hostile(struct device *dev, int kind, unsigned long seed)
{
	unsigned long wild = seed * 0x9e3779b97f4a7c15UL;
	dma_addr_t handle = 0;
	struct sg_table table = { NULL, 3, 3 };
	struct dma_iova_state state = { wild, wild };
	struct list_head *list = (struct list_head *)area;
	void *p = kmalloc(48, GFP_KERNEL);

	switch (kind) {
	case 0: return *(volatile long *)wild;
	case 1: *(volatile long *)wild = 1; return 0;
	case 2: return *(volatile char *)(wild & 0xfff);
	case 3: memset((void *)wild, 1, seed); return 0;
	case 4: memcpy(p, (void *)wild, 1UL << (seed & 63)); return 0;
	case 5: memcpy(area, area, (seed & 255) + 65); return 0;
	case 6: for (;;) wild = wild * 3 + 1;
	case 7: return deep(NULL, 1 << 24);
	case 8: return fan(60);
	case 9: while (kmalloc(4096, GFP_KERNEL)) ; return *(volatile long *)wild;
	case 10: kfree((void *)wild); return 0;
	case 11: kfree((char *)p + 8); return 0;
	case 12: __free_pages((struct page *)wild, 0); return 0;
	case 13: return (long)page_address((struct page *)wild);
	case 14: return (long)virt_to_phys((void *)wild);
	case 15: return (long)dma_map_single((struct device *)wild, p, 48, DMA_TO_DEVICE);
	case 16: return (long)dma_map_single(dev, (void *)wild, 48, DMA_TO_DEVICE);
	case 17: return (long)dma_map_single(dev, p, wild, DMA_TO_DEVICE);
	case 18: return (long)dma_map_single(dev, p, 48, (enum dma_data_direction)7);
	case 19: dma_unmap_single(dev, wild, 48, DMA_TO_DEVICE); return *(volatile long *)wild;
	case 20: dma_free_coherent(dev, 64, p, wild); return 0;
	case 21: dma_free_coherent(dev, 64, (void *)wild, 5); return 0;
	case 22: return (long)dma_alloc_coherent(dev, 64, (dma_addr_t *)wild, GFP_KERNEL);
	case 23: table.sgl = (struct scatterlist *)wild; return dma_map_sgtable(dev, &table, DMA_TO_DEVICE, 0);
	case 24: return dma_map_sg(dev, (struct scatterlist *)p, 1 << 20, DMA_TO_DEVICE);
	case 25: return dma_iova_link(dev, &state, wild, 0, 4096, DMA_TO_DEVICE, 0);
	case 26: dma_iova_destroy(dev, &state, wild, DMA_TO_DEVICE, 0); return 0;
	case 27: dma_iova_try_alloc(dev, (struct dma_iova_state *)wild, 0, 4096); return 0;
	case 28: writel(1, (void __iomem *)wild); return 0;
	case 29: return (long)readq((void __iomem *)p);
	case 30: spin_lock(&lock); spin_lock(&lock); return 0;
	case 31: spin_unlock(&lock); return 0;
	case 32: dev_err((struct device *)wild, "%s\n", "x"); return 0;
	case 33: dev_err(dev, (const char *)wild, 1); return *(volatile long *)wild;
	case 34: dev_err(dev, "%s %s %pad %llx\n", (char *)wild, (char *)p, (void *)wild, (u64)wild); return *(volatile long *)wild;
	case 35: BUG(); return 0;
	case 36: __builtin_trap(); return 0;
	case 37: return (long)(seed / (unsigned long)*(volatile char *)area);
	case 38: list_del(list); return 0;
	case 39: ((void (*)(void))wild)(); return 0;
	case 40: dma_set_mask(dev, wild | 2); dma_set_mask(dev, 0); return *(volatile long *)wild;
	case 41: return (long)ioremap(wild, wild) + *(volatile long *)wild;
	case 42: return ((struct page *)page_address(alloc_page(GFP_KERNEL)))[seed & 0xffff].dmalab_opaque[0] + *(volatile char *)wild;
	case 43: dma_sync_single_for_cpu(dev, wild, wild, DMA_FROM_DEVICE); return *(volatile long *)wild;
	case 44: dma_unmap_page(dev, wild, wild, DMA_FROM_DEVICE); return 0;
	case 45: return (long)strlen((char *)wild);
	case 46: return ((volatile char *)p)[48 + (seed & 15)];
	case 47: kfree(p); return ((volatile char *)p)[seed & 31];
	case 48: kfree(p); kfree(p); return 0;
	case 49: p = dma_alloc_coherent(dev, 64, &handle, GFP_KERNEL); return ((volatile char *)p)[64];
	default: return 0;
	}
}
