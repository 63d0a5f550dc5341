/* A device that fills a ring in coherent memory with what arrives, as long as it is switched on, and raises an interrupt for
 * each entry; the handler leaves the rest to work. Each macro is a mistake in the order of its removal. */
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#define RING_ADDR 0x00
#define RING_ENABLE 0x08
#define RING_IRQ_MASK 0x0c
#define RING_ENTRIES 16

struct ring_entry {
	__le32 value;
	__le32 done;
};

struct ring {
	struct pci_dev *pdev;
	void __iomem *regs;
	struct ring_entry *entries;
	dma_addr_t dma;
	struct work_struct work;
	u32 next;
	u32 sum;
	int irq;
};

static void ring_work(struct work_struct *work)
{
	struct ring *ring = container_of(work, struct ring, work);
	struct ring_entry *entry = &ring->entries[ring->next % RING_ENTRIES];

	while (READ_ONCE(entry->done)) {
		ring->sum += le32_to_cpu(entry->value);
		entry->done = 0;
		ring->next++;
		entry = &ring->entries[ring->next % RING_ENTRIES];
	}
}

static irqreturn_t ring_irq(int irq, void *data)
{
	struct ring *ring = data;

#ifdef READS_RING_IN_HANDLER
	ring->sum += le32_to_cpu(ring->entries[0].value);
#endif
	schedule_work(&ring->work);
	return IRQ_HANDLED;
}

static void ring_stop(struct ring *ring)
{
	writel(0, ring->regs + RING_ENABLE);
	writel(1, ring->regs + RING_IRQ_MASK);
}

static int ring_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct ring *ring = kzalloc(sizeof(*ring), GFP_KERNEL);
	int error;

	if (!ring)
		return -ENOMEM;
	ring->pdev = pdev;
	INIT_WORK(&ring->work, ring_work);
	error = pci_enable_device(pdev);
	if (error)
		goto free;
	error = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32));
	if (error)
		goto disable;
	error = pci_request_regions(pdev, "ring");
	if (error)
		goto disable;
	error = -ENOMEM;
	ring->regs = pci_iomap(pdev, 0, 0);
	if (!ring->regs)
		goto release;
	ring->entries = dma_alloc_coherent(&pdev->dev, RING_ENTRIES * sizeof(*ring->entries),
					   &ring->dma, GFP_KERNEL);
	if (!ring->entries)
		goto unmap;
	error = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_ALL_TYPES);
	if (error < 0)
		goto free_ring;
	ring->irq = pci_irq_vector(pdev, 0);
	error = request_irq(ring->irq, ring_irq, 0, "ring", ring);
	if (error)
		goto free_vectors;
	pci_set_master(pdev);
	pci_set_drvdata(pdev, ring);
	writel((u32)ring->dma, ring->regs + RING_ADDR);
	writel(0, ring->regs + RING_IRQ_MASK);
	writel(1, ring->regs + RING_ENABLE);
	return 0;

free_vectors:
	pci_free_irq_vectors(pdev);
free_ring:
	dma_free_coherent(&pdev->dev, RING_ENTRIES * sizeof(*ring->entries), ring->entries, ring->dma);
unmap:
	pci_iounmap(pdev, ring->regs);
release:
	pci_release_regions(pdev);
disable:
	pci_disable_device(pdev);
free:
	kfree(ring);
	return error;
}

static void ring_remove(struct pci_dev *pdev)
{
	struct ring *ring = pci_get_drvdata(pdev);

#ifdef FREES_RING_FIRST
	dma_free_coherent(&pdev->dev, RING_ENTRIES * sizeof(*ring->entries), ring->entries, ring->dma);
	ring_stop(ring);
	free_irq(ring->irq, ring);
	cancel_work_sync(&ring->work);
#elif defined(MASTER_INSTEAD_OF_STOP)
	/* The device is not told; without the bus it does nothing. */
	pci_clear_master(pdev);
	free_irq(ring->irq, ring);
	cancel_work_sync(&ring->work);
	dma_free_coherent(&pdev->dev, RING_ENTRIES * sizeof(*ring->entries), ring->entries, ring->dma);
#elif defined(MASTER_TOO_LATE)
	free_irq(ring->irq, ring);
	cancel_work_sync(&ring->work);
	dma_free_coherent(&pdev->dev, RING_ENTRIES * sizeof(*ring->entries), ring->entries, ring->dma);
	pci_clear_master(pdev);
#elif defined(IRQ_AFTER_RING)
	writel(0, ring->regs + RING_ENABLE);
	cancel_work_sync(&ring->work);
	dma_free_coherent(&pdev->dev, RING_ENTRIES * sizeof(*ring->entries), ring->entries, ring->dma);
	free_irq(ring->irq, ring);
	cancel_work_sync(&ring->work);
#elif defined(WORK_BEFORE_IRQ)
	cancel_work_sync(&ring->work);
	ring_stop(ring);
	free_irq(ring->irq, ring);
	dma_free_coherent(&pdev->dev, RING_ENTRIES * sizeof(*ring->entries), ring->entries, ring->dma);
#elif defined(RING_KEPT)
	ring_stop(ring);
	free_irq(ring->irq, ring);
	cancel_work_sync(&ring->work);
#else
	ring_stop(ring);
	free_irq(ring->irq, ring);
	cancel_work_sync(&ring->work);
	dma_free_coherent(&pdev->dev, RING_ENTRIES * sizeof(*ring->entries), ring->entries, ring->dma);
#endif
	pci_free_irq_vectors(pdev);
	pci_iounmap(pdev, ring->regs);
	pci_release_regions(pdev);
	pci_disable_device(pdev);
	kfree(ring);
}

u32 ring_sum(struct pci_dev *pdev)
{
	struct ring *ring = pci_get_drvdata(pdev);

	return ring->sum;
}

static struct pci_driver ring_driver = {
	.name = "ring",
	.probe = ring_probe,
	.remove = ring_remove,
};

module_pci_driver(ring_driver);
