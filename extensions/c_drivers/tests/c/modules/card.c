/* A driver of cards behind I/O ports: it answers only by them, and only with the core. */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/slab.h>
#include "core.h"

#define CARD_VENDOR 0x1234
#define CARD_PORTS 0
#define CARD_CONTROL 4
#define CARD_BYTES 256

static unsigned long ports;
static void *buf;
static dma_addr_t dma;

static int card_map(struct pci_dev *pdev)
{
	buf = kmalloc(CARD_BYTES, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	dma = dma_map_single(&pdev->dev, buf, CARD_BYTES, DMA_FROM_DEVICE);
	if (!dma_mapping_error(&pdev->dev, dma))
		return 0;
	kfree(buf);
	return -ENOMEM;
}

/* As the core has one; this one is about the card. */
int check(int control)
{
	return control == 0x5a ? 0 : -EINVAL;
}

static int card_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int error = pci_enable_device(pdev);

	if (error)
		return error;
	ports = pci_resource_start(pdev, CARD_PORTS);
	outb(0x5a, ports + CARD_CONTROL);
	error = check(inb(ports + CARD_CONTROL));
	if (!error)
		error = core_add(pdev);
	if (error)
		goto disable;
	error = card_map(pdev);
	if (!error)
		return 0;
	core_drop(pdev);
disable:
	pci_disable_device(pdev);
	return error;
}

static void card_remove(struct pci_dev *pdev)
{
	dma_unmap_single(&pdev->dev, dma, CARD_BYTES, DMA_FROM_DEVICE);
	kfree(buf);
	core_drop(pdev);
	/* A mistake: the port without the card's own first one. */
	outb(0, CARD_CONTROL);
	pci_disable_device(pdev);
}

static const struct pci_device_id ids[] = {
	{ CARD_VENDOR, 0x77, PCI_ANY_ID, PCI_ANY_ID },
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
	return pci_register_driver(&card_driver);
}
module_init(card_init);

static void card_exit(void)
{
	pci_unregister_driver(&card_driver);
}
module_exit(card_exit);
