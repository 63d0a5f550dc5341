/* What is written into the capability of PCI Express, which begins as the bus has filled it. */
#include <linux/log2.h>
#include <linux/pci.h>
#include <dmalab/lab.h>

int pcie_capability_write_word(struct pci_dev *pdev, int at, u16 value)
{
	return pdev->pcie_cap ? pci_write_config_word(pdev, pdev->pcie_cap + at, value) : 0;
}
EXPORT_SYMBOL(pcie_capability_write_word);

static int clear_and_set(struct pci_dev *pdev, int at, u16 clear, u16 set)
{
	u16 value;

	pcie_capability_read_word(pdev, at, &value);
	return pcie_capability_write_word(pdev, at, (value & ~clear) | set);
}

int pcie_capability_clear_and_set_word_unlocked(struct pci_dev *pdev, int at, u16 clear, u16 set)
{
	return clear_and_set(pdev, at, clear, set);
}
EXPORT_SYMBOL(pcie_capability_clear_and_set_word_unlocked);

int pcie_capability_clear_and_set_word_locked(struct pci_dev *pdev, int at, u16 clear, u16 set)
{
	return clear_and_set(pdev, at, clear, set);
}
EXPORT_SYMBOL(pcie_capability_clear_and_set_word_locked);

/* Sizes of requests, in bytes: 128 in powers of two. */
int pcie_get_readrq(struct pci_dev *pdev)
{
	u16 control;

	pcie_capability_read_word(pdev, PCI_EXP_DEVCTL, &control);
	return 128 << ((control & PCI_EXP_DEVCTL_READRQ) >> 12);
}
EXPORT_SYMBOL(pcie_get_readrq);

int pcie_set_readrq(struct pci_dev *pdev, int bytes)
{
	if (bytes < 128 || bytes > 4096 || !is_power_of_2(bytes))
		return -EINVAL;
	return clear_and_set(pdev, PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_READRQ, (ffs(bytes) - 8) << 12);
}
EXPORT_SYMBOL(pcie_set_readrq);

int pcie_get_mps(struct pci_dev *pdev)
{
	u16 control;

	pcie_capability_read_word(pdev, PCI_EXP_DEVCTL, &control);
	return 128 << ((control & PCI_EXP_DEVCTL_PAYLOAD) >> 5);
}
EXPORT_SYMBOL(pcie_get_mps);

/* The extended capability of a vendor with an id of the vendor's; 0 if the function has none. */
u16 pci_find_vsec_capability(struct pci_dev *pdev, u16 vendor, int id)
{
	u16 at = 0;
	u32 header;

	if (vendor != pdev->vendor)
		return 0;
	while ((at = pci_find_next_ext_capability(pdev, at, PCI_EXT_CAP_ID_VNDR))) {
		pci_read_config_dword(pdev, at + PCI_VNDR_HEADER, &header);
		if (PCI_VNDR_HEADER_ID(header) == id)
			break;
	}
	return at;
}
EXPORT_SYMBOL(pci_find_vsec_capability);

#ifdef CONFIG_PCIE_PTM
/* A function without the capability has no precise time. */
int pci_enable_ptm(struct pci_dev *pdev, u8 *granularity)
{
	u16 at = pci_find_ext_capability(pdev, PCI_EXT_CAP_ID_PTM);
	u32 capability;

	if (!at)
		return -EINVAL;
	pci_read_config_dword(pdev, at + PCI_PTM_CAP, &capability);
	if (!(capability & PCI_PTM_CAP_REQ))
		return -EINVAL;
	pci_write_config_dword(pdev, at + PCI_PTM_CTRL, PCI_PTM_CTRL_ENABLE);
	pdev->ptm_enabled = 1;
	if (granularity)
		*granularity = (capability & PCI_PTM_GRANULARITY_MASK) >> 8;
	return 0;
}
EXPORT_SYMBOL(pci_enable_ptm);

void pci_disable_ptm(struct pci_dev *pdev)
{
	u16 at = pci_find_ext_capability(pdev, PCI_EXT_CAP_ID_PTM);

	if (at)
		pci_write_config_dword(pdev, at + PCI_PTM_CTRL, 0);
	pdev->ptm_enabled = 0;
}
EXPORT_SYMBOL(pci_disable_ptm);

bool pcie_ptm_enabled(struct pci_dev *pdev)
{
	return pdev && pdev->ptm_enabled;
}
EXPORT_SYMBOL(pcie_ptm_enabled);
#endif
