/* Peer memory by the tree's `struct pci_dev`, in which the device lies behind other members. */
#include <linux/pci.h>

struct p2pdma_provider {
	struct device *owner;
	u64 bus_offset;
};
enum pci_p2pdma_map_type { MAP_UNKNOWN, MAP_NONE, MAP_NOT_SUPPORTED, MAP_BUS_ADDR, MAP_BRIDGE };

int pcim_p2pdma_init(struct pci_dev *pdev);
struct p2pdma_provider *pcim_p2pdma_provider(struct pci_dev *pdev, int bar);
dma_addr_t pci_p2pdma_bus_addr_map(struct p2pdma_provider *provider, phys_addr_t phys);
enum pci_p2pdma_map_type pci_p2pdma_map_type(struct p2pdma_provider *provider, struct device *dev);

int initialise(struct device *dev)
{
	return pcim_p2pdma_init(to_pci_dev(dev));
}

/* The device itself in place of its `struct pci_dev`. */
int initialise_wrong(struct device *dev)
{
	return pcim_p2pdma_init((struct pci_dev *)dev);
}

int given(struct device *dev, struct device *client)
{
	struct p2pdma_provider *provider = pcim_p2pdma_provider(to_pci_dev(dev), 0);

	return provider && provider->owner == dev ? pci_p2pdma_map_type(provider, client) : -1;
}

/* A provider that the driver fills in, as one does for memory that it has no struct pages for. */
int own(struct device *dev, struct device *client)
{
	struct p2pdma_provider provider = { .owner = dev, .bus_offset = 0x1000 };

	if (pci_p2pdma_bus_addr_map(&provider, 0x20000) != 0x21000)
		return -1;
	return pci_p2pdma_map_type(&provider, client);
}

int of_nobody(struct device *client)
{
	struct p2pdma_provider provider = { .bus_offset = 0x1000 };

	return pci_p2pdma_map_type(&provider, client);
}
