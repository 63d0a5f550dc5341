/* A driver that frees nothing itself: what it takes is its device's, and goes with the driver. */
#include <linux/dma-mapping.h>
#include <linux/dmapool.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

struct entry {
	u32 word;
};

struct managed {
	struct pci_dev *pdev;
	void __iomem *regs;
	u32 *ring;
	dma_addr_t ring_dma;
	struct dma_pool *pool;
	struct entry *entries;
	int irqs;
};

static int ends, order, fails_at;

static irqreturn_t managed_irq(int irq, void *data)
{
	(void)irq;
	((struct managed *)data)->irqs++;
	return IRQ_HANDLED;
}

static void ends_first(void *data)
{
	order = order * 10 + 1;
	ends += ((struct managed *)data)->pdev != NULL;
}

static void ends_last(void *data)
{
	order = order * 10 + 2;
	ends += ((struct managed *)data)->pdev != NULL;
}

static int managed_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct device *dev = &pdev->dev;
	struct managed *m = devm_kzalloc(dev, sizeof(*m), GFP_KERNEL);
	int error;

	if (!m || id->driver_data != 7)
		return -ENOMEM;
	m->pdev = pdev;
	error = pcim_enable_device(pdev);
	if (error)
		return error;
	m->regs = pcim_iomap_region(pdev, 0, "managed");
	if (IS_ERR(m->regs))
		return (int)PTR_ERR(m->regs);
	error = devm_add_action_or_reset(dev, ends_last, m);
	if (error)
		return error;
	m->ring = dmam_alloc_coherent(dev, 4096, &m->ring_dma, GFP_KERNEL);
	m->pool = dmam_pool_create("managed", dev, 64, 64, 0);
	m->entries = devm_kcalloc(dev, 4, sizeof(*m->entries), GFP_KERNEL);
	if (!m->ring || !m->pool || !m->entries)
		return -ENOMEM;
	error = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_ALL_TYPES);
	if (error < 0)
		return error;
	error = devm_request_irq(dev, (unsigned int)pci_irq_vector(pdev, 0), managed_irq, 0, "managed", m);
	if (error)
		return error;
	if (fails_at)
		return -EIO;
	pci_set_drvdata(pdev, m);
	return devm_add_action_or_reset(dev, ends_first, m);
}

static const struct pci_device_id managed_ids[] = {
	{ PCI_DEVICE(1, 2), .driver_data = 7 },
	{ 0 },
};

static struct pci_driver managed_driver = {
	.name = "managed",
	.id_table = managed_ids,
	.probe = managed_probe,
};

static int managed_init(void)
{
	return pci_register_driver(&managed_driver);
}

static void managed_exit(void)
{
	pci_unregister_driver(&managed_driver);
}

module_init(managed_init);
module_exit(managed_exit);
MODULE_LICENSE("GPL");

void fail(int whether)
{
	fails_at = whether;
}

/* What has ended, and in which order. */
int ended(void)
{
	return ends * 100 + order;
}

int raised(struct pci_dev *pdev)
{
	struct managed *m = pci_get_drvdata(pdev);

	writel(1, m->regs + 0x18);
	return m->irqs + (int)m->ring[1023] + (int)m->entries[3].word;
}

/* Managed memory that is freed early is not freed again. */
int early(struct pci_dev *pdev)
{
	struct managed *m = pci_get_drvdata(pdev);

	devm_kfree(&pdev->dev, m->entries);
	dmam_pool_destroy(m->pool);
	dmam_free_coherent(&pdev->dev, 4096, m->ring, m->ring_dma);
	return 0;
}

void early_twice(struct pci_dev *pdev)
{
	struct managed *m = pci_get_drvdata(pdev);

	devm_kfree(&pdev->dev, m->entries);
	devm_kfree(&pdev->dev, m->entries);
}

/* The memory of the driver has gone with it. */
int after_it(struct pci_dev *pdev)
{
	return ((struct managed *)pci_get_drvdata(pdev))->irqs;
}

int region_twice(struct pci_dev *pdev)
{
	void __iomem *again = pcim_iomap_region(pdev, 0, "again");

	return IS_ERR(again) ? (int)PTR_ERR(again) + 100 * (pci_request_regions(pdev, "all") == -EBUSY) : 0;
}
