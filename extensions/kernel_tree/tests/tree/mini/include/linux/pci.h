#ifndef MINI_PCI_H
#define MINI_PCI_H
#include <linux/device.h>
#include <linux/list.h>

#define PCI_ANY_ID (~0u)
#define PCI_STD_NUM_BARS 6
#define PCI_NUM_RESOURCES 7
#define PCI_VENDOR_ID 0
#define PCI_DEVICE_ID 2
#define PCI_STATUS 6
#define PCI_STATUS_CAP_LIST 0x10
#define PCI_REVISION_ID 8
#define PCI_BASE_ADDRESS_0 0x10
#define PCI_SUBSYSTEM_VENDOR_ID 0x2c
#define PCI_SUBSYSTEM_ID 0x2e
#define PCI_CAPABILITY_LIST 0x34
#define PCI_INTERRUPT_PIN 0x3d
#define PCI_CAP_ID_PM 1
#define PCI_CAP_ID_MSI 5
#define PCI_CAP_ID_EXP 0x10
#define PCI_CAP_ID_MSIX 0x11
#define PCI_MSI_FLAGS 2
#define PCI_MSI_FLAGS_64BIT 0x80
#define PCI_MSIX_FLAGS 2
#define PCI_EXP_FLAGS 2
#define PCI_EXP_DEVCTL 8
#define PCI_EXP_LNKCAP 12
#define PCI_EXP_LNKSTA 18
#define PCI_HEADER_TYPE_NORMAL 0
#define PCIBIOS_BAD_REGISTER_NUMBER 0x87
#define PCI_IRQ_INTX 1
#define PCI_IRQ_MSI 2
#define PCI_IRQ_MSIX 4
#define IORESOURCE_IO 0x100
#define IORESOURCE_MEM 0x200

struct resource {
	resource_size_t start, end;
	unsigned long flags;
};
struct pci_bus {
	int number;
	struct list_head devices, children;
};
typedef unsigned int pci_channel_state_t;
enum {
	pci_channel_io_normal = 1,
};
typedef struct {
	int counter;
} atomic_t;
#define atomic_set(v, i) ((v)->counter = (i))
#define atomic_inc(v) ((v)->counter++)
#define atomic_dec(v) ((v)->counter--)
struct pci_dev {
	unsigned int devfn;
	unsigned short vendor, device, subsystem_vendor, subsystem_device;
	unsigned int class, irq;
	int cfg_size;
	u8 hdr_type, revision, pm_cap, msi_cap, msix_cap, pcie_cap;
	unsigned int msi_enabled : 1, msix_enabled : 1;
	pci_channel_state_t error_state;
	atomic_t enable_cnt;
	u64 dma_mask;
	struct device_dma_parameters dma_parms;
	struct pci_bus *bus;
	struct pci_driver *driver;
	struct list_head bus_list;
	struct resource resource[PCI_NUM_RESOURCES];
	struct device dev;
};
struct pci_device_id {
	u32 vendor, device, subvendor, subdevice, class, class_mask;
};
struct pci_driver {
	const char *name;
	const struct pci_device_id *id_table;
	int (*probe)(struct pci_dev *dev, const struct pci_device_id *id);
	void (*remove)(struct pci_dev *dev);
	struct device_driver driver;
};
struct msix_entry {
	u32 vector;
};
struct irq_affinity;
struct module;
extern struct bus_type pci_bus_type;
int __pci_register_driver(struct pci_driver *driver, struct module *owner, const char *name);
void pci_unregister_driver(struct pci_driver *driver);
int pci_enable_device(struct pci_dev *dev);
void pci_disable_device(struct pci_dev *dev);
void *pci_iomap(struct pci_dev *dev, int bar, unsigned long most);
void pci_iounmap(struct pci_dev *dev, void *at);
int pci_alloc_irq_vectors_affinity(struct pci_dev *dev, unsigned int least, unsigned int most,
				   unsigned int flags, struct irq_affinity *affinity);
int pci_irq_vector(struct pci_dev *dev, unsigned int number);
void pci_free_irq_vectors(struct pci_dev *dev);
u8 pci_find_capability(struct pci_dev *dev, int capability);
u16 pci_find_ext_capability(struct pci_dev *dev, int capability);
u16 pci_find_next_ext_capability(struct pci_dev *dev, u16 at, int capability);
int pci_read_config_byte(const struct pci_dev *dev, int at, u8 *value);
int pci_read_config_word(const struct pci_dev *dev, int at, u16 *value);
int pci_read_config_dword(const struct pci_dev *dev, int at, u32 *value);
int pci_write_config_dword(const struct pci_dev *dev, int at, u32 value);
#define pci_register_driver(driver) __pci_register_driver(driver, NULL, "driver")
#define pci_resource_start(dev, bar) ((dev)->resource[bar].start)
#define pci_resource_len(dev, bar) ((dev)->resource[bar].end - (dev)->resource[bar].start + 1)
#define pci_resource_flags(dev, bar) ((dev)->resource[bar].flags)
#define to_pci_dev(device) \
	((struct pci_dev *)((char *)(device) - __builtin_offsetof(struct pci_dev, dev)))
#endif
