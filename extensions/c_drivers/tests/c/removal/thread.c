/* A block of a pool, and a thread that takes what the interrupt announces. */
#include <linux/dmapool.h>
#include "device.h"

struct thread {
	struct dma_pool *pool;
	void __iomem *regs;
	u32 *block;
	dma_addr_t dma;
	u32 sum;
	int irq;
};

static irqreturn_t thread_take(int irq, void *data)
{
	struct thread *thread = data;

	thread->sum += READ_ONCE(*thread->block);
	return IRQ_HANDLED;
}

static int thread_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct thread *thread = devm_kzalloc(&pdev->dev, sizeof(*thread), GFP_KERNEL);
	int error;

	if (!thread)
		return -ENOMEM;
	error = pci_enable_device(pdev);
	if (error)
		return error;
	error = -ENOMEM;
	thread->regs = pci_iomap(pdev, 0, 0);
	if (!thread->regs)
		goto disable;
	thread->pool = dma_pool_create("thread", &pdev->dev, 64, 64, 0);
	if (!thread->pool)
		goto unmap;
	thread->block = dma_pool_zalloc(thread->pool, GFP_KERNEL, &thread->dma);
	if (!thread->block)
		goto destroy;
	error = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI);
	if (error < 0)
		goto free_block;
	thread->irq = pci_irq_vector(pdev, 0);
	error = request_threaded_irq(thread->irq, NULL, thread_take, IRQF_ONESHOT, "thread", thread);
	if (error)
		goto free_vectors;
	pci_set_drvdata(pdev, thread);
	pci_set_master(pdev);
	device_start(thread->regs, thread->dma);
	return 0;

free_vectors:
	pci_free_irq_vectors(pdev);
free_block:
	dma_pool_free(thread->pool, thread->block, thread->dma);
destroy:
	dma_pool_destroy(thread->pool);
unmap:
	pci_iounmap(pdev, thread->regs);
disable:
	pci_disable_device(pdev);
	return error;
}

static void thread_remove(struct pci_dev *pdev)
{
	struct thread *thread = pci_get_drvdata(pdev);

	device_stop(thread->regs);
	free_irq(thread->irq, thread);
	pci_free_irq_vectors(pdev);
	dma_pool_free(thread->pool, thread->block, thread->dma);
	dma_pool_destroy(thread->pool);
	pci_iounmap(pdev, thread->regs);
	pci_disable_device(pdev);
}

static struct pci_driver thread_driver = {
	.name = "thread",
	.probe = thread_probe,
	.remove = thread_remove,
};

module_pci_driver(thread_driver);
