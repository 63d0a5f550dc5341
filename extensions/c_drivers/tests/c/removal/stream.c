/* Receives into a page that is mapped anew after each interrupt. */
#include "device.h"

struct stream {
	struct pci_dev *pdev;
	void __iomem *regs;
	void *page;
	dma_addr_t dma;
	u32 received;
	int irq;
};

static int stream_map(struct stream *stream)
{
	stream->dma = dma_map_single(&stream->pdev->dev, stream->page, PAGE_SIZE, DMA_FROM_DEVICE);
	if (!dma_mapping_error(&stream->pdev->dev, stream->dma))
		return 0;
	stream->dma = 0;
	return -ENOMEM;
}

static void stream_unmap(struct stream *stream)
{
	if (stream->dma)
		dma_unmap_single(&stream->pdev->dev, stream->dma, PAGE_SIZE, DMA_FROM_DEVICE);
	stream->dma = 0;
}

static irqreturn_t stream_irq(int irq, void *data)
{
	struct stream *stream = data;

	writel(0, stream->regs + DEVICE_ENABLE);
	stream_unmap(stream);
	stream->received += *(u32 *)stream->page;
	if (!stream_map(stream))
		device_start(stream->regs, stream->dma);
	return IRQ_HANDLED;
}

static int stream_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct stream *stream;
	int error = pcim_enable_device(pdev);

	if (!error)
		error = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32));
	if (error)
		return error;
	stream = devm_kzalloc(&pdev->dev, sizeof(*stream), GFP_KERNEL);
	if (!stream)
		return -ENOMEM;
	stream->pdev = pdev;
	stream->regs = pcim_iomap(pdev, 0, 0);
	if (!stream->regs)
		return -ENOMEM;
	stream->page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!stream->page)
		return -ENOMEM;
	error = stream_map(stream);
	if (error)
		goto free;
	error = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_ALL_TYPES);
	if (error < 0)
		goto unmap;
	stream->irq = pci_irq_vector(pdev, 0);
	error = request_irq(stream->irq, stream_irq, 0, "stream", stream);
	if (error)
		goto free_vectors;
	pci_set_master(pdev);
	pci_set_drvdata(pdev, stream);
	device_start(stream->regs, stream->dma);
	return 0;

free_vectors:
	pci_free_irq_vectors(pdev);
unmap:
	stream_unmap(stream);
free:
	free_page((unsigned long)stream->page);
	return error;
}

static void stream_remove(struct pci_dev *pdev)
{
	struct stream *stream = pci_get_drvdata(pdev);

	/* The handler starts the device again: it goes first. */
	free_irq(stream->irq, stream);
	device_stop(stream->regs);
	stream_unmap(stream);
	pci_free_irq_vectors(pdev);
	free_page((unsigned long)stream->page);
}

static struct pci_driver stream_driver = {
	.name = "stream",
	.probe = stream_probe,
	.remove = stream_remove,
};

module_pci_driver(stream_driver);
