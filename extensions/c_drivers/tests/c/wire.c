/* A device that sends what lies in a buffer: an address, a length, a doorbell, and an interrupt when it
 * is done. */
#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

#define WIRE_STATUS 0x00
#define WIRE_ADDR 0x08
#define WIRE_LENGTH 0x10
#define WIRE_DOORBELL 0x14
#define WIRE_DONE 1

struct wire {
	struct pci_dev *pdev;
	void __iomem *regs;
	struct completion sent;
	dma_addr_t dma;
	u32 len;
	int irq;
};

static irqreturn_t wire_irq(int irq, void *data)
{
	struct wire *wire = data;

	if (!(readl(wire->regs + WIRE_STATUS) & WIRE_DONE))
		return IRQ_NONE;
	if (wire->len)
		dma_unmap_single(&wire->pdev->dev, wire->dma, wire->len, DMA_TO_DEVICE);
	wire->len = 0;
	complete(&wire->sent);
	return IRQ_HANDLED;
}

static int wire_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct wire *wire = kzalloc(sizeof(*wire), GFP_KERNEL);
	int error;

	if (!wire)
		return -ENOMEM;
	wire->pdev = pdev;
	error = pci_enable_device(pdev);
	if (error)
		goto free;
	pci_set_master(pdev);
	error = pci_request_regions(pdev, "wire");
	if (error)
		goto disable;
	wire->regs = pci_iomap(pdev, 0, 0);
	error = wire->regs ? pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_ALL_TYPES) : -ENODEV;
	if (error < 0)
		goto release;
	wire->irq = pci_irq_vector(pdev, 0);
	error = request_irq(wire->irq, wire_irq, 0, "wire", wire);
	if (error)
		goto free_vectors;
	pci_set_drvdata(pdev, wire);
	return 0;

free_vectors:
	pci_free_irq_vectors(pdev);
release:
	pci_release_regions(pdev);
disable:
	pci_disable_device(pdev);
free:
	kfree(wire);
	return error;
}

static void wire_remove(struct pci_dev *pdev)
{
	struct wire *wire = pci_get_drvdata(pdev);

	free_irq(wire->irq, wire);
	pci_free_irq_vectors(pdev);
	pci_iounmap(pdev, wire->regs);
	pci_release_regions(pdev);
	pci_disable_device(pdev);
	kfree(wire);
}

/* Sends a buffer, and waits until it has gone. */
int send(struct pci_dev *pdev, void *data, u32 len)
{
	struct wire *wire = pci_get_drvdata(pdev);

	wire->dma = dma_map_single(&pdev->dev, data, len, DMA_TO_DEVICE);
	if (dma_mapping_error(&pdev->dev, wire->dma))
		return -ENOMEM;
	wire->len = len;
	init_completion(&wire->sent);
	writeq(wire->dma, wire->regs + WIRE_ADDR);
	writel(len, wire->regs + WIRE_LENGTH);
	writel(1, wire->regs + WIRE_DOORBELL);
	if (!wait_for_completion_timeout(&wire->sent, msecs_to_jiffies(100))) {
		dma_unmap_single(&pdev->dev, wire->dma, len, DMA_TO_DEVICE);
		return -ETIMEDOUT;
	}
	return 0;
}

int twice(struct pci_dev *pdev)
{
	struct wire *wire = pci_get_drvdata(pdev);

	return request_irq(wire->irq, wire_irq, 0, "wire", wire);
}

/* An interrupt comes while they are off: it is handled when they are on again. */
int late(struct pci_dev *pdev, u32 doorbell)
{
	struct wire *wire = pci_get_drvdata(pdev);
	unsigned long flags;
	int before;

	init_completion(&wire->sent);
	local_irq_save(flags);
	writel(1, wire->regs + doorbell);
	before = completion_done(&wire->sent);
	local_irq_restore(flags);
	return before * 2 + completion_done(&wire->sent);
}

int sleeps_with_irqs_off(void)
{
	local_irq_disable();
	kfree(kmalloc(16, GFP_KERNEL));
	local_irq_enable();
	return 0;
}

int waits_for_ever(void)
{
	DECLARE_COMPLETION_ONSTACK(never);

	wait_for_completion(&never);
	return 0;
}

int takes_away_none(void)
{
	free_irq(99, NULL);
	return 0;
}

int forgets_its_handler(struct pci_dev *pdev)
{
	pci_free_irq_vectors(pdev);
	return 0;
}

/* Everything but the handler goes. */
void forgets_it(struct pci_dev *pdev)
{
	kfree(pci_get_drvdata(pdev));
}

static struct pci_driver wire_driver = {
	.name = "wire",
	.probe = wire_probe,
	.remove = wire_remove,
};

module_pci_driver(wire_driver);
MODULE_DESCRIPTION("A driver of a device that a scenario describes");
