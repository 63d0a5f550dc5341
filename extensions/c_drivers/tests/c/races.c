/* Two callers of one ring: its head is read, a buffer is mapped, and the head is written. */
#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/spinlock.h>

#define SLOTS 8

static dma_addr_t slots[SLOTS];
static unsigned int head;
static spinlock_t lock;
static struct completion filled;

/* Between the two accesses of the head something else may run. */
int post(struct device *dev, void *data)
{
	unsigned int slot = head;
	dma_addr_t dma = dma_map_single(dev, data, 4096, DMA_TO_DEVICE);

	if (dma_mapping_error(dev, dma))
		return -ENOMEM;
	slots[slot] = dma;
	head = slot + 1;
	return slot;
}

int post_locked(struct device *dev, void *data)
{
	dma_addr_t dma = dma_map_single(dev, data, 4096, DMA_TO_DEVICE);
	unsigned int slot;
	unsigned long flags;

	if (dma_mapping_error(dev, dma))
		return -ENOMEM;
	spin_lock_irqsave(&lock, flags);
	slot = head;
	slots[slot] = dma;
	head = slot + 1;
	spin_unlock_irqrestore(&lock, flags);
	return slot;
}

int take_all(struct device *dev)
{
	int taken = 0;

	while (head > 0) {
		head--;
		dma_unmap_single(dev, slots[head], 4096, DMA_TO_DEVICE);
		taken++;
	}
	return taken;
}

unsigned int posted(void)
{
	return head;
}

/* What sleeps until another user has done something. */
int wait_for_it(struct device *dev)
{
	wait_for_completion(&filled);
	return 0;
}

void prepare(void)
{
	init_completion(&filled);
}

int fill(struct device *dev, void *data)
{
	int slot = post(dev, data);

	complete(&filled);
	return slot;
}

/* What fails once it has begun. */
int fails_late(struct device *dev, void *data)
{
	dma_addr_t dma = dma_map_single(dev, data, 4096, DMA_TO_DEVICE);

	if (dma_mapping_error(dev, dma))
		return -ENOMEM;
	dma_unmap_single(dev, dma, 4096, DMA_TO_DEVICE);
	*(volatile int *)0 = 1;
	return 0;
}
