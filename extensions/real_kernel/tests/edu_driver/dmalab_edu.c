// SPDX-License-Identifier: GPL-2.0
/*
 * A driver of QEMU's device "edu" for tests of `dmalab kernel trace`, with mistakes on request.
 *
 * Each transfer maps one buffer, has the device write or read it, and unmaps it. The parameter
 * `mistake` selects what the last transfers do wrong: 1 leaves out the unmap, 2 unmaps with half of
 * the size, 3 keeps the coherent memory at the driver's removal.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

enum { TRANSFERS = 16, FIRST_WRONG = 13, BUFFER_BYTES = 2048, COHERENT_BYTES = 8192 };
enum { DMA_SOURCE = 0x80, DMA_TARGET = 0x88, DMA_COUNT = 0x90, DMA_COMMAND = 0x98 };
enum { START = 1, TO_MEMORY = 2, DEVICE_BUFFER = 0x40000 };
enum { SKIP_UNMAP = 1, HALF_SIZE = 2, KEEP_COHERENT = 3 };

static int mistake;
module_param(mistake, int, 0444);

struct edu {
	void __iomem *registers;
	void *coherent;
	dma_addr_t coherent_dma;
};

static void run_dma(struct edu *edu, u64 source, u64 target, u32 command)
{
	int tries;

	writel(source, edu->registers + DMA_SOURCE);
	writel(target, edu->registers + DMA_TARGET);
	writel(BUFFER_BYTES, edu->registers + DMA_COUNT);
	writel(command | START, edu->registers + DMA_COMMAND);
	for (tries = 0; tries < 2000; tries++) {
		if (!(readl(edu->registers + DMA_COMMAND) & START))
			return;
		usleep_range(100, 200);
	}
}

static noinline int edu_transfer(struct device *dev, struct edu *edu, int number)
{
	bool reads = number % 2;
	enum dma_data_direction dir = reads ? DMA_FROM_DEVICE : DMA_TO_DEVICE;
	bool wrong = number >= FIRST_WRONG;
	void *buffer = kzalloc(BUFFER_BYTES, GFP_KERNEL);
	dma_addr_t dma;

	if (!buffer)
		return -ENOMEM;
	dma = dma_map_single(dev, buffer, BUFFER_BYTES, dir);
	if (dma_mapping_error(dev, dma)) {
		kfree(buffer);
		return -EIO;
	}
	if (reads)
		run_dma(edu, DEVICE_BUFFER, dma, TO_MEMORY);
	else
		run_dma(edu, dma, DEVICE_BUFFER, 0);
	if (wrong && mistake == SKIP_UNMAP)
		return 0;
	dma_unmap_single(dev, dma, wrong && mistake == HALF_SIZE ? BUFFER_BYTES / 2 : BUFFER_BYTES, dir);
	kfree(buffer);
	return 0;
}

static int edu_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	struct edu *edu = devm_kzalloc(&pci->dev, sizeof(*edu), GFP_KERNEL);
	int number, error;

	if (!edu)
		return -ENOMEM;
	error = pcim_enable_device(pci);
	if (error)
		return error;
	error = dma_set_mask_and_coherent(&pci->dev, DMA_BIT_MASK(28));
	if (error)
		return error;
	edu->registers = pcim_iomap(pci, 0, 0);
	if (!edu->registers)
		return -ENOMEM;
	pci_set_master(pci);
	edu->coherent = dma_alloc_coherent(&pci->dev, COHERENT_BYTES, &edu->coherent_dma, GFP_KERNEL);
	if (!edu->coherent)
		return -ENOMEM;
	pci_set_drvdata(pci, edu);
	for (number = 0; number < TRANSFERS && !error; number++)
		error = edu_transfer(&pci->dev, edu, number);
	if (error)
		dma_free_coherent(&pci->dev, COHERENT_BYTES, edu->coherent, edu->coherent_dma);
	return error;
}

static void edu_remove(struct pci_dev *pci)
{
	struct edu *edu = pci_get_drvdata(pci);

	if (mistake != KEEP_COHERENT)
		dma_free_coherent(&pci->dev, COHERENT_BYTES, edu->coherent, edu->coherent_dma);
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{}
};
MODULE_DEVICE_TABLE(pci, edu_ids);

static struct pci_driver edu_driver = {
	.name = "dmalab_edu",
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
};
module_pci_driver(edu_driver);

MODULE_DESCRIPTION("transfers of QEMU's edu device, with mistakes on request");
MODULE_LICENSE("GPL");
