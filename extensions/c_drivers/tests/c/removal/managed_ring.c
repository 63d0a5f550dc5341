/* Everything but the device itself is managed: it is stopped by an action that was added last, and so runs first. */
#include "device.h"

struct managed {
	void __iomem *regs;
	u32 *block;
	dma_addr_t dma;
	u32 sum;
};

static irqreturn_t managed_irq(int irq, void *data)
{
	struct managed *managed = data;

	managed->sum += READ_ONCE(*managed->block);
	return IRQ_HANDLED;
}

static void managed_stop(void *regs)
{
	device_stop(regs);
}

static int managed_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct managed *managed = devm_kzalloc(&pdev->dev, sizeof(*managed), GFP_KERNEL);
	int error;

	if (!managed)
		return -ENOMEM;
	error = pcim_enable_device(pdev);
	if (error)
		return error;
	managed->regs = pcim_iomap(pdev, 0, 0);
	if (!managed->regs)
		return -ENOMEM;
	managed->block = dmam_alloc_coherent(&pdev->dev, PAGE_SIZE, &managed->dma, GFP_KERNEL);
	if (!managed->block)
		return -ENOMEM;
	error = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_ALL_TYPES);
	if (error < 0)
		return error;
	error = devm_request_irq(&pdev->dev, pci_irq_vector(pdev, 0), managed_irq, 0, "managed",
				 managed);
	if (error)
		return error;
	pci_set_master(pdev);
	device_start(managed->regs, managed->dma);
	return devm_add_action_or_reset(&pdev->dev, managed_stop, managed->regs);
}

static struct pci_driver managed_driver = {
	.name = "managed",
	.probe = managed_probe,
};

module_pci_driver(managed_driver);
