#ifndef DMALAB_LINUX_PCI_H
#define DMALAB_LINUX_PCI_H

#include <linux/device.h>

/* A function of the PCI tree: every device of a scenario is one. */
struct pci_dev {
	struct device dev;
};

#define to_pci_dev(d) container_of(d, struct pci_dev, dev)

DMALAB_INLINE bool dev_is_pci(const struct device *dev)
{
	return dev != NULL;
}

#define pci_name(pdev) dev_name(&(pdev)->dev)
#define pci_get_drvdata(pdev) dev_get_drvdata(&(pdev)->dev)
#define pci_set_drvdata(pdev, data) dev_set_drvdata(&(pdev)->dev, data)

#endif
