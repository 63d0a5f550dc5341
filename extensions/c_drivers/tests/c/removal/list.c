/* Keeps a list of pages mapped from probe to remove. */
#include <linux/scatterlist.h>
#include "device.h"

#define LIST_PAGES 3

struct list {
	struct scatterlist pages[LIST_PAGES];
	void __iomem *regs;
};

static void list_free(struct list *list)
{
	int i;

	for (i = 0; i < LIST_PAGES; i++)
		if (sg_page(&list->pages[i]))
			__free_page(sg_page(&list->pages[i]));
	kfree(list);
}

static int list_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct list *list = kzalloc(sizeof(*list), GFP_KERNEL);
	int error = -ENOMEM;
	int i;

	if (!list)
		return -ENOMEM;
	sg_init_table(list->pages, LIST_PAGES);
	for (i = 0; i < LIST_PAGES; i++) {
		struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

		if (!page)
			goto free;
		sg_set_page(&list->pages[i], page, PAGE_SIZE, 0);
	}
	error = pci_enable_device(pdev);
	if (error)
		goto free;
	error = -ENOMEM;
	list->regs = pci_iomap(pdev, 0, 0);
	if (!list->regs)
		goto disable;
	if (!dma_map_sg(&pdev->dev, list->pages, LIST_PAGES, DMA_FROM_DEVICE))
		goto unmap;
	pci_set_drvdata(pdev, list);
	pci_set_master(pdev);
	writel(1, list->regs + DEVICE_IRQ_MASK);
	writel((u32)sg_dma_address(list->pages), list->regs + DEVICE_ADDR);
	writel(1, list->regs + DEVICE_ENABLE);
	return 0;

unmap:
	pci_iounmap(pdev, list->regs);
disable:
	pci_disable_device(pdev);
free:
	list_free(list);
	return error;
}

static void list_remove(struct pci_dev *pdev)
{
	struct list *list = pci_get_drvdata(pdev);

	device_stop(list->regs);
	dma_unmap_sg(&pdev->dev, list->pages, LIST_PAGES, DMA_FROM_DEVICE);
	pci_iounmap(pdev, list->regs);
	pci_disable_device(pdev);
	list_free(list);
}

static struct pci_driver list_driver = {
	.name = "list",
	.probe = list_probe,
	.remove = list_remove,
};

module_pci_driver(list_driver);
