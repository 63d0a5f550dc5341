#ifndef DMALAB_LINUX_PCI_H
#define DMALAB_LINUX_PCI_H

#include <linux/device.h>
#include <linux/errno.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/pci_ids.h>

/* A function of the PCI tree: every device of a scenario is one, with the same pointer. */
struct pci_dev {
	struct device dev;
	unsigned int devfn;
	unsigned int irq;
};

#include <dmalab/calls/pci.h>

struct pci_device_id {
	u32 vendor, device, subvendor, subdevice;
	u32 class_code, class_mask;
	unsigned long driver_data;
};

struct pci_driver {
	const char *name;
	const struct pci_device_id *id_table;
	int (*probe)(struct pci_dev *pdev, const struct pci_device_id *id);
	void (*remove)(struct pci_dev *pdev);
	void (*shutdown)(struct pci_dev *pdev);
};

DMALAB_INLINE bool dev_is_pci(const struct device *dev)
{
	return dev != NULL;
}

#define PCI_ANY_ID (~0U)
#define PCI_DEVICE(vend, dev) \
	.vendor = (vend), .device = (dev), .subvendor = PCI_ANY_ID, .subdevice = PCI_ANY_ID
/* What follows it in braces is the data of the driver. */
#define PCI_VDEVICE(vend, dev)                                                  \
	.vendor = PCI_VENDOR_ID_##vend, .device = (dev), .subvendor = PCI_ANY_ID, \
	.subdevice = PCI_ANY_ID, 0, 0
#define PCI_DEVICE_CLASS(code, mask)                                            \
	.vendor = PCI_ANY_ID, .device = PCI_ANY_ID, .subvendor = PCI_ANY_ID,    \
	.subdevice = PCI_ANY_ID, .class_code = (code), .class_mask = (mask)

#define PCI_IRQ_INTX 1
#define PCI_IRQ_MSI 2
#define PCI_IRQ_MSIX 4
#define PCI_IRQ_AFFINITY 8
#define PCI_IRQ_ALL_TYPES (PCI_IRQ_INTX | PCI_IRQ_MSI | PCI_IRQ_MSIX)

#define to_pci_dev(device) container_of(device, struct pci_dev, dev)
#define pci_name(pdev) dev_name(&(pdev)->dev)
#define pci_enable_device pci_enable_device_mem
#define pci_request_regions pci_request_mem_regions
#define pci_release_regions pci_release_mem_regions
#define pci_resource_end(pdev, bar)                                 \
	(pci_resource_start(pdev, bar) + pci_resource_len(pdev, bar) - 1)
#define pci_ioremap_bar(pdev, bar) pci_iomap(pdev, bar, 0)
/* By the number of the vector; the name may be a format. */
#define pci_request_irq(pdev, nr, handler, thread_fn, id, ...)                           \
	request_threaded_irq((unsigned int)pci_irq_vector(pdev, nr), handler, thread_fn, \
			     IRQF_SHARED, DMALAB_NAME_OF(__VA_ARGS__, 0), id)
#define DMALAB_NAME_OF(format, ...) format
#define pci_free_irq(pdev, nr, id) free_irq((unsigned int)pci_irq_vector(pdev, nr), id)
/* What a function may do on the bus is not held against it here. */
#define pci_set_master(pdev) ((void)(pdev))
#define pci_clear_master(pdev) ((void)(pdev))

DMALAB_INLINE void *pci_get_drvdata(struct pci_dev *pdev)
{
	return dev_get_drvdata(&pdev->dev);
}

DMALAB_INLINE void pci_set_drvdata(struct pci_dev *pdev, void *data)
{
	dev_set_drvdata(&pdev->dev, data);
}

/* The driver as scenarios see it: probe(device) and remove(device). */
#define module_pci_driver(driver)                                   \
	int probe(struct pci_dev *pdev)                             \
	{                                                           \
		return (driver).probe(pdev, (driver).id_table);     \
	}                                                           \
	void remove(struct pci_dev *pdev)                           \
	{                                                           \
		(driver).remove(pdev);                              \
		dmalab_unbind(&pdev->dev);                          \
	}                                                           \
	DMALAB_C int probe(struct pci_dev *pdev)

#endif
