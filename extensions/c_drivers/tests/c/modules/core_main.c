/* The core: it takes no card before its own init function has run. */
#include "core.h"

int core_setup(void);

/* The driver has a function of this name, too: each module has its own. */
int check(int count)
{
	return count < 4 ? 0 : -ENOSPC;
}

static int ready;
static int cards;

int core_add(struct pci_dev *pdev)
{
	int error = ready ? check(cards) : -ENODEV;

	if (!error)
		cards++;
	return error;
}
EXPORT_SYMBOL(core_add);

void core_drop(struct pci_dev *pdev)
{
	cards--;
}
EXPORT_SYMBOL(core_drop);

int core_cards(void)
{
	return cards;
}
EXPORT_SYMBOL(core_cards);

static int core_init(void)
{
	ready = core_setup();
	return 0;
}
module_init(core_init);

static void core_exit(void)
{
	ready = 0;
}
module_exit(core_exit);
