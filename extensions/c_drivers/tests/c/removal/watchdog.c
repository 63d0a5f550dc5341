/* Looks at a block of coherent memory by a timer, and has no interrupt. */
#include <linux/jiffies.h>
#include <linux/timer.h>
#include "device.h"

struct watchdog {
	struct timer_list timer;
	void __iomem *regs;
	u32 *status;
	dma_addr_t dma;
	u32 seen;
};

static void watchdog_look(struct timer_list *timer)
{
	struct watchdog *dog = container_of(timer, struct watchdog, timer);

	dog->seen += READ_ONCE(*dog->status) != 0;
	mod_timer(&dog->timer, jiffies + 1);
}

static int watchdog_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct watchdog *dog;
	int error = pci_enable_device(pdev);

	if (error)
		return error;
	error = -ENOMEM;
	dog = kzalloc(sizeof(*dog), GFP_KERNEL);
	if (!dog)
		goto disable;
	dog->regs = pci_iomap(pdev, 0, 0);
	if (!dog->regs)
		goto free;
	dog->status = dma_alloc_coherent(&pdev->dev, DEVICE_BYTES, &dog->dma, GFP_KERNEL);
	if (!dog->status)
		goto unmap;
	pci_set_master(pdev);
	pci_set_drvdata(pdev, dog);
	timer_setup(&dog->timer, watchdog_look, 0);
	mod_timer(&dog->timer, jiffies + 1);
	writel(1, dog->regs + DEVICE_IRQ_MASK);
	writel((u32)dog->dma, dog->regs + DEVICE_ADDR);
	writel(1, dog->regs + DEVICE_ENABLE);
	return 0;

unmap:
	pci_iounmap(pdev, dog->regs);
free:
	kfree(dog);
disable:
	pci_disable_device(pdev);
	return error;
}

static void watchdog_remove(struct pci_dev *pdev)
{
	struct watchdog *dog = pci_get_drvdata(pdev);

	device_stop(dog->regs);
	pci_clear_master(pdev);
	timer_delete_sync(&dog->timer);
	dma_free_coherent(&pdev->dev, DEVICE_BYTES, dog->status, dog->dma);
	pci_iounmap(pdev, dog->regs);
	kfree(dog);
	pci_disable_device(pdev);
}

static struct pci_driver watchdog_driver = {
	.name = "watchdog",
	.probe = watchdog_probe,
	.remove = watchdog_remove,
};

module_pci_driver(watchdog_driver);
