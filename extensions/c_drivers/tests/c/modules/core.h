/* What the core exports to drivers of cards. */
#ifndef CORE_H
#define CORE_H
#include <linux/module.h>
#include <linux/pci.h>

int core_add(struct pci_dev *pdev);
void core_drop(struct pci_dev *pdev);
int core_cards(void);
#endif
