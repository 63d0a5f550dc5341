#ifndef MINI_PCI_H
#define MINI_PCI_H
/* Beside one another as nowhere else: offsets are compiled, not known. */
struct device {
	unsigned long state;
	const char *init_name;
	void *driver_data;
};
struct pci_dev {
	unsigned int devfn;
	struct device dev;
};
struct bus_type {
	const char *name;
	unsigned long words[6];
};
extern struct bus_type pci_bus_type;
int pci_find_capability(struct pci_dev *dev, int capability);
#define to_pci_dev(device) \
	((struct pci_dev *)((char *)(device) - __builtin_offsetof(struct pci_dev, dev)))
#endif
