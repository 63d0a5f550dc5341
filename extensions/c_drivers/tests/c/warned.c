/* Calls that a kernel warns of by itself. */
#include <linux/dma-mapping.h>
#include <linux/dmapool.h>
#include <linux/gfp.h>
#include <linux/interrupt.h>
#include <linux/iopoll.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static void *data;
static dma_addr_t handle, mapped;
static DEFINE_SPINLOCK(lock);

int alloc(struct device *dev, unsigned long attrs, int atomic)
{
	data = dma_alloc_attrs(dev, 4096, &handle, atomic ? GFP_ATOMIC : GFP_KERNEL, attrs);
	return data ? 0 : -ENOMEM;
}

void free_now(struct device *dev, unsigned long attrs)
{
	dma_free_attrs(dev, 4096, data, handle, attrs);
}

/* ways to have interrupts off */
void free_irq_disabled(struct device *dev)
{
	local_irq_disable();
	dma_free_coherent(dev, 4096, data, handle);
	local_irq_enable();
}

void free_spin_lock_irq(struct device *dev)
{
	spin_lock_irq(&lock);
	dma_free_attrs(dev, 4096, data, handle, 0);
	spin_unlock_irq(&lock);
}

void free_nothing_irqs_off(struct device *dev)
{
	unsigned long flags;

	local_irq_save(flags);
	dma_free_coherent(dev, 4096, NULL, 0);
	local_irq_restore(flags);
}

void free_under_lock(struct device *dev)
{
	spin_lock(&lock);
	dma_free_coherent(dev, 4096, data, handle);
	spin_unlock(&lock);
}

static irqreturn_t on_irq(int irq, void *dev)
{
	dma_free_coherent(dev, 4096, data, handle);
	return IRQ_HANDLED;
}

int listen(struct pci_dev *pdev)
{
	int count = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);

	if (count < 0)
		return count;
	return request_irq(pci_irq_vector(pdev, 0), on_irq, 0, "warned", &pdev->dev);
}

void deaf(struct pci_dev *pdev)
{
	free_irq(pci_irq_vector(pdev, 0), &pdev->dev);
	pci_free_irq_vectors(pdev);
}

/* coherent memory as a streaming buffer */
int map_part(struct device *dev, int offset, int size)
{
	mapped = dma_map_single(dev, data + offset, size, DMA_TO_DEVICE);
	return dma_mapping_error(dev, mapped);
}

void unmap_part(struct device *dev, int size)
{
	dma_unmap_single(dev, mapped, size, DMA_TO_DEVICE);
}

int map_pool_block(struct device *dev)
{
	struct dma_pool *pool = dma_pool_create("blocks", dev, 256, 256, 0);
	dma_addr_t at;
	void *block;
	int error;

	if (!pool)
		return -ENOMEM;
	block = dma_pool_alloc(pool, GFP_KERNEL, &at);
	mapped = dma_map_single(dev, block, 256, DMA_FROM_DEVICE);
	error = dma_mapping_error(dev, mapped);
	if (!error)
		dma_unmap_single(dev, mapped, 256, DMA_FROM_DEVICE);
	dma_pool_free(pool, block, at);
	dma_pool_destroy(pool);
	return error;
}

/* flags and attributes that are refused */
int alloc_compound(struct device *dev)
{
	data = dma_alloc_coherent(dev, 8192, &handle, GFP_KERNEL | __GFP_COMP);
	return data ? 0 : -ENOMEM;
}

int alloc_zone_pages(struct device *dev)
{
	return dma_alloc_pages(dev, 4096, &handle, DMA_TO_DEVICE, GFP_KERNEL | GFP_DMA32) ? 0 : -ENOMEM;
}

int alloc_compound_pages(struct device *dev)
{
	return dma_alloc_pages(dev, 8192, &handle, DMA_TO_DEVICE, GFP_KERNEL | __GFP_COMP) ? 0 : -ENOMEM;
}

/* a pool that goes before its blocks */
void forget_blocks(struct device *dev, int count)
{
	struct dma_pool *pool = dma_pool_create("blocks", dev, 256, 256, 0);
	dma_addr_t at;

	while (count--)
		dma_pool_alloc(pool, GFP_KERNEL, &at);
	dma_pool_destroy(pool);
}

/* errors that a call returns for its arguments */
int empty_table(void)
{
	struct sg_table table;

	return sg_alloc_table(&table, 0, GFP_KERNEL);
}

int no_entries(struct device *dev)
{
	struct scatterlist sg;

	sg_init_one(&sg, &lock, sizeof(lock));
	return dma_map_sg(dev, &sg, 0, DMA_TO_DEVICE);
}

int too_few_vectors(struct pci_dev *pdev)
{
	return pci_alloc_irq_vectors(pdev, 64, 64, PCI_IRQ_MSI);
}

int no_such_vector(struct pci_dev *pdev)
{
	return pci_irq_vector(pdev, 7);
}

int never_ready(struct pci_dev *pdev)
{
	void __iomem *regs = pci_iomap(pdev, 0, 0);
	u32 value;
	int error;

	if (!regs)
		return -ENOMEM;
	error = readl_poll_timeout(regs, value, value & 1, 10, 100);
	pci_iounmap(pdev, regs);
	return error;
}
