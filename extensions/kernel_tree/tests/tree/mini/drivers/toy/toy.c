/* A driver in the kernel's style, compiled against the headers around it. */
#include <asm/bug.h>
#include <linux/dma-mapping.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include "../toy_memory.h"
#include <linux/spinlock.h>

static spinlock_t lock;
static void *buf;
static dma_addr_t dma;

int toy_start(struct device *dev)
{
	WARN_ON(dev->init_name == NULL);
	BUG_ON(pci_bus_type.name != NULL);
	buf = kmalloc(TOY_BYTES, GFP_KERNEL);
	if (!buf)
		return -12;
	dma = dma_map_single(dev, buf, TOY_BYTES, DMA_TO_DEVICE);
	if (dma_mapping_error(dev, dma)) {
#ifndef FORGETS
		kfree(buf);
#endif
		return -5;
	}
	spin_lock(&lock);
	spin_unlock(&lock);
	return 0;
}

void toy_stop(struct device *dev)
{
	dma_unmap_single(dev, dma, TOY_BYTES, DMA_TO_DEVICE);
	kfree(buf);
}

int toy_capability(struct device *dev)
{
	return pci_find_capability(to_pci_dev(dev), 1);
}

void toy_bug(void)
{
	BUG_ON(1);
}

void toy_warn(void)
{
	WARN_ON(1);
}
