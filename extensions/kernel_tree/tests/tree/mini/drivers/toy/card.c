/* A driver of a bus: its device is found by an entry, probed, heard and left. */
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

u32 lab_readl(const volatile void *at);

struct card {
	void *window, *buf;
	dma_addr_t dma;
};
static int heard;

static int handle(int irq, void *cookie)
{
	heard++;
	return 1;
}

static int card_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct card *card = kmalloc(sizeof(*card), GFP_KERNEL);
	int error = -12;

	if (!card)
		return error;
	error = pci_enable_device(pdev);
	if (error)
		goto free;
	error = -5;
	card->window = pci_iomap(pdev, 1, 0);
	if (!card->window)
		goto disable;
	card->buf = kmalloc(TOY_BYTES, GFP_KERNEL);
	if (!card->buf)
		goto unmap;
	card->dma = dma_map_single(&pdev->dev, card->buf, TOY_BYTES, DMA_FROM_DEVICE);
	if (dma_mapping_error(&pdev->dev, card->dma))
		goto free_buf;
	error = pci_alloc_irq_vectors_affinity(pdev, 1, 1, PCI_IRQ_MSI | PCI_IRQ_INTX, NULL);
	if (error < 0)
		goto unmap_buf;
	error = request_threaded_irq(pci_irq_vector(pdev, 0), handle, NULL, 0, "card", card);
	if (error)
		goto free_vectors;
	pdev->dev.driver_data = card;
	return 0;
free_vectors:
	pci_free_irq_vectors(pdev);
unmap_buf:
	dma_unmap_single(&pdev->dev, card->dma, TOY_BYTES, DMA_FROM_DEVICE);
free_buf:
	kfree(card->buf);
unmap:
	pci_iounmap(pdev, card->window);
disable:
	pci_disable_device(pdev);
free:
	kfree(card);
	return error;
}

static void card_remove(struct pci_dev *pdev)
{
	struct card *card = pdev->dev.driver_data;

	free_irq(pci_irq_vector(pdev, 0), card);
	pci_free_irq_vectors(pdev);
	dma_unmap_single(&pdev->dev, card->dma, TOY_BYTES, DMA_FROM_DEVICE);
	kfree(card->buf);
	pci_iounmap(pdev, card->window);
	pci_disable_device(pdev);
	kfree(card);
}

static const struct pci_device_id ids[] = {
	{ 0x1234, 0x1, PCI_ANY_ID, PCI_ANY_ID },
	{ 0x1234, 0x2, PCI_ANY_ID, PCI_ANY_ID },
	{ 0 },
};

static struct pci_driver card_driver = {
	.name = "card",
	.id_table = ids,
	.probe = card_probe,
	.remove = card_remove,
};

static int card_init(void)
{
	return __pci_register_driver(&card_driver, NULL, "card");
}
module_init(card_init)

static void card_exit(void)
{
	pci_unregister_driver(&card_driver);
}
module_exit(card_exit)

int card_heard(void)
{
	return heard;
}

/* Whether its own number is that of its first message. */
int card_is_first(struct device *dev)
{
	return to_pci_dev(dev)->irq == pci_irq_vector(to_pci_dev(dev), 0);
}

int card_byte(struct device *dev, int at)
{
	u8 value = 0xff;

	pci_read_config_byte(to_pci_dev(dev), at, &value);
	return value;
}

/* What configuration space has after ones were written. */
int card_ones(struct device *dev, int at)
{
	u32 value = 0;

	pci_write_config_dword(to_pci_dev(dev), at, 0xffffffff);
	pci_read_config_dword(to_pci_dev(dev), at, &value);
	return value;
}

int card_flags(struct device *dev, int bar)
{
	return to_pci_dev(dev)->resource[bar].flags;
}

int card_window(struct device *dev, int bar)
{
	struct resource *window = &to_pci_dev(dev)->resource[bar];

	return window->end - window->start + 1;
}

int card_wait(struct device *dev)
{
	struct pci_dev *pdev = to_pci_dev(dev);
	void *window = pci_iomap(pdev, 1, 0);
	int left = 100;

	while (left && !(lab_readl(window + 8) & 1))
		left--;
	pci_iounmap(pdev, window);
	return left ? 0 : -110;
}

int card_refused(struct device *dev)
{
	struct pci_dev *pdev = to_pci_dev(dev);
	void *window = pci_iomap(pdev, 1, 0);
	int error = lab_readl(window) + lab_readl(window + 4) + lab_readl(window + 12) ? 0 : -5;

	pci_iounmap(pdev, window);
	return error;
}

int card_capability(struct device *dev, int id)
{
	return pci_find_capability(to_pci_dev(dev), id);
}

/* Where in a page a bounced byte lies that lies there in its own, with a mask of the driver's. */
int card_bounced_at(struct device *dev, unsigned int mask, int at)
{
	char *block = kmalloc(8192, GFP_KERNEL);
	char *page = (char *)(((unsigned long)block + 4095) & ~4095ul);
	dma_addr_t dma;

	dma_set_min_align_mask(dev, mask);
	dma = dma_map_single(dev, page + at, 1, DMA_TO_DEVICE);
	if (dma_mapping_error(dev, dma))
		return -1;
	dma_unmap_single(dev, dma, 1, DMA_TO_DEVICE);
	kfree(block);
	return dma & 4095;
}
